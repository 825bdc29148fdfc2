"""A table to be read through the cache: it records its statements, and can delay a statement that has read its rows."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import count

from app.cache.region import Region
from tests.waiting import LIMIT

_names = count()


class Table:
    """`read` is set once a statement has its rows; it returns them when `go` is set."""

    def __init__(self, rows: dict[str, str], lifetime: float = 60) -> None:
        self.name = f"table{next(_names)}"
        self.rows = rows
        self.statements: list[list[str]] = []
        self.read = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None
        self.region: Region[str, str] = Region(self.name, str, self.tag, self._fetch, lambda _, __: lifetime)

    def tag(self, key: str) -> str:
        return f"{self.name}:{key}"

    def hold(self) -> None:
        self.read.clear()
        self.go.clear()

    def reject(self, key: str) -> None:
        """Statements that have this key among others fail, as PostgreSQL rejects those with an invalid value."""
        fetch = self.region.fetch

        async def fetch_or_fail(pool: object, keys: Sequence[str]) -> Mapping[str, str]:
            found = await fetch(pool, keys)
            if key in keys:
                raise ValueError("invalid")
            return found

        object.__setattr__(self.region, "fetch", fetch_or_fail)

    async def _fetch(self, pool: object, keys: Sequence[str]) -> dict[str, str]:
        self.statements.append(list(keys))
        found = {key: self.rows[key] for key in keys if key in self.rows}
        self.read.set()
        await asyncio.wait_for(self.go.wait(), LIMIT)
        if self.error is not None:
            raise self.error
        return found
