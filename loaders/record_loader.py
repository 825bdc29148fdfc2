"""Records for keys: gathered, deduplicated, aligned; once for all loaders."""

from asyncio import Future
from collections.abc import Sequence
from functools import cached_property
from typing import Generic, TypeVar

from aiodataloader import DataLoader

from app.cache.read_set import ReadSet
from app.cache.read_through import ReadThrough
from app.cache.region import Region

K = TypeVar("K")
V = TypeVar("V")


class RecordLoader(Generic[K, V]):
    """`load` for one key at a time; `load_many` for a level's keys at once, without a future each.

    What was loaded is remembered for the operation (`remember`), whichever door it came through.
    """

    __slots__ = ("__dict__", "_known", "_read_set", "_region", "_through")

    def __init__(
        self, cache: ReadThrough, region: Region[K, V], read_set: ReadSet, *, remember: bool
    ) -> None:
        self._through = cache
        self._region = region
        self._read_set = read_set
        self._known: dict[K, V | None] | None = {} if remember else None

    def tag_of(self, key: K) -> str:
        return self._region.tag(key)

    def load(self, key: K) -> "Future[V | None]":
        return self._gathering.load(key)

    async def load_many(self, keys: Sequence[K]) -> list[V | None]:
        known = self._known
        if known is None:
            found: dict[K, V | None] = await self._through.get_many(
                self._region, list(dict.fromkeys(keys)), self._read_set
            )
            return [found[key] for key in keys]
        if missing := [key for key in dict.fromkeys(keys) if key not in known]:
            found = await self._through.get_many(self._region, missing, self._read_set)
            known.update(found)
        return [known[key] for key in keys]

    @cached_property
    def _gathering(self) -> "DataLoader[K, V | None]":
        """Made for whoever asks one by one: a plan asks for all at once, and never needs it."""
        return DataLoader(self.load_many, cache=False)
