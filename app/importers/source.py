"""The interface of all kinds of files: takes rows one by one, gives entries for the database."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from uuid import UUID

import msgspec

from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.domain.family import Family
from app.importers.layout import Layout, Row
from app.importers.problems import Problem, RowLocation


class References(msgspec.Struct, frozen=True):
    """Stored records that files may refer to."""

    operators: dict[str, UUID]
    time_of_use: frozenset[tuple[str, str]]  # operator's id and year of each § 14a sheet
    operator_names: Sequence[tuple[str, str]] = ()  # slug, and a name, alias or code of the operator


class Source(ABC):
    layouts: Sequence[Layout]
    # The columns in which all rows of an entry agree; without them any row may belong to any other.
    together: Sequence[str] = ()
    # Whether an entry may have several rows.
    several_rows = True
    # Of its entries; their first columns are operator, year and key.
    family: Family | None = None
    # Whether rows that are verified in the file are written so.
    may_verify = True
    # Rows that are valid and no entry: where, and why.
    left_out: Sequence[tuple[RowLocation, str]] = ()

    @abstractmethod
    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        """Writes the entries."""

    @abstractmethod
    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        """Adds a row with valid cells; gives a problem if it contradicts an earlier one."""

    def finish(self) -> Iterator[Problem]:
        """Problems that can be found only after all rows were taken."""
        yield from ()

    @abstractmethod
    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        """One per row of the table, with the location of its first row; columns as `load` takes them."""

    def notes(self) -> Iterator[str]:
        """What is worth a remark and refuses no row, after all rows were taken."""
        yield from ()
