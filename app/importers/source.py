"""What every kind of file has in common: rows go in one by one, entries for the database come out."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.importers.layout import Layout, Row
from app.importers.problems import Place, Problem


class Known(msgspec.Struct, frozen=True):
    """What the database holds, as far as files may refer to it."""

    operators: dict[str, UUID]
    time_of_use: frozenset[tuple[str, str]]  # operator's id and year of each § 14a sheet


class Source(ABC):
    layouts: Sequence[Layout]

    @abstractmethod
    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        """Writes the entries."""

    @abstractmethod
    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        """Keeps a row whose cells are right; refuses it if it contradicts an earlier one."""

    def finish(self) -> Iterator[Problem]:
        """What only shows when all rows are there."""
        yield from ()

    @abstractmethod
    def entries(self) -> Iterator[tuple[Place, list[str]]]:
        """One per row of the table, with the place where it begins; columns as `load` takes them."""
