"""The description of one family of published figures: its table, its names, and its columns."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID


class ColumnType(Enum):
    """How a column is stored and written; `PRICE` has at most four decimals and is not negative."""

    PRICE = "numeric"
    WINDOWS = "jsonb"


@dataclass(frozen=True, slots=True)
class Column:
    """One value of an entry."""

    name: str
    type: ColumnType
    unit: str = ""
    condition: str = ""  # of a price: for which customers it holds
    optional: bool = False  # import files may lack it: stored values are then kept

    @property
    def field(self) -> str:
        """Its name in the API: leistung_unter_2500h is leistungUnter2500h."""
        first, *rest = self.name.split("_")
        return first + "".join(map(str.capitalize, rest))


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """Distinguishes the entries of one operator and year; entries are listed in the order of its values."""

    name: str
    values: type[StrEnum]


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """`name` is its topic, its tag, its region, its import and its export.

    A family without `data_type` has no history: its entries are imported and read, but not corrected.
    """

    name: str
    table: str
    struct: Any
    graphql_type: str  # in schema/types/<module>.py
    module: str
    id_kind: str  # what error texts call its ids
    id_prefix: str
    columns: tuple[Column, ...]
    key: tuple[KeyColumn, ...] = ()
    data_type: str | None = None
    description: str = ""  # of the data type, in the schema
    noun: str = ""  # what error texts call an entry
    import_kind: str = ""  # where it differs from the name
    one_row_per_entry: bool = True  # in import and export files
    prices: tuple[Column, ...] = field(init=False)

    def __post_init__(self) -> None:
        prices = tuple(column for column in self.columns if column.type is ColumnType.PRICE)
        object.__setattr__(self, "prices", prices)
        if not self.import_kind:
            object.__setattr__(self, "import_kind", self.name)

    def tag(self, key: tuple[UUID, int]) -> str:
        """That of the record of one operator and year."""
        return f"{self.name}:{key[0]}:{key[1]}"
