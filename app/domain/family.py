"""The description of one family of published figures: its table, its names, and its columns."""

from dataclasses import dataclass, field
from datetime import date
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID


class ColumnType(Enum):
    """How a column is stored and written; `PRICE` and `RATE` have at most four decimals, and `PRICE` is not negative."""

    PRICE = "price"
    RATE = "rate"
    WHOLE = "whole number"
    DATE = "date"
    WINDOWS = "windows"
    BAND_WINDOWS = "windows with their quarters and bands"
    WORD = "one word of an enum"
    DATES = "dates in order"
    WORDS = "words in order"
    TEXT = "text"

    @property
    def sql_type(self) -> str:
        return _SQL_TYPES[self]


_SQL_TYPES = {
    ColumnType.PRICE: "numeric",
    ColumnType.RATE: "numeric",
    ColumnType.WHOLE: "integer",
    ColumnType.DATE: "date",
    ColumnType.WINDOWS: "jsonb",
    ColumnType.BAND_WINDOWS: "jsonb",
    ColumnType.WORD: "text",
    ColumnType.DATES: "date[]",
    ColumnType.WORDS: "text[]",
    ColumnType.TEXT: "text",
}
Words = type[StrEnum]

# A day that is not known, as PostgreSQL writes it. The driver has `date.min` for it.
NO_FIRST_DAY = "-infinity"


@dataclass(frozen=True, slots=True)
class Column:
    """One value of an entry."""

    name: str
    type: ColumnType
    unit: str = ""
    condition: str = ""  # of a price: for which customers it holds
    optional: bool = False  # import files may lack it: stored values are then kept
    path: str = ""  # in the API, if it is no field of its own
    values: Words | None = None  # of a WORD
    required: bool = False  # no entry is without it

    @property
    def field(self) -> str:
        """Its name in the API: leistung_unter_2500h is leistungUnter2500h."""
        if self.path:
            return self.path
        first, *rest = self.name.split("_")
        return first + "".join(map(str.capitalize, rest))


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """Distinguishes the entries of one operator and year; entries are listed in the order of its values.

    The value that an entry of an `optional` one lacks is None, and stored as `missing`: keys are compared as equal.
    """

    name: str
    values: Words | None = None  # None: any value of the type, in its order
    optional: bool = False
    type: ColumnType = ColumnType.TEXT  # or DATE
    several: str = ""  # the API's argument that takes several of its values, if it is not for one

    @property
    def sorted_values(self) -> tuple[str, ...]:
        """As they are stored; empty for any text."""
        if self.values is None:
            return ()
        return (*([""] if self.optional else []), *map(str, self.values))

    @property
    def missing(self) -> Any:
        """As the driver has it; `missing_text` in SQL."""
        return date.min if self.type is ColumnType.DATE else ""

    @property
    def missing_text(self) -> str:
        return NO_FIRST_DAY if self.type is ColumnType.DATE else ""

    def decode(self, stored: Any) -> Any:
        if stored == self.missing:
            return None
        return stored if self.values is None else self.values(stored)


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """`name` is its topic, its tag and its region; `public_name` is its import and its export."""

    name: str
    table: str
    struct: Any
    graphql_type: str  # in schema/types/<module>.py
    module: str
    id_kind: str  # what error texts call its ids
    id_prefix: str
    data_type: str
    columns: tuple[Column, ...]
    key: tuple[KeyColumn, ...] = ()
    description: str = ""  # of the data type, in the schema
    noun: str = ""  # what error texts call an entry
    one_row_per_entry: bool = True  # in import and export files
    figures: bool = True  # its entries count in the years and the coverage of an operator
    of_operators: bool = True  # False: its entries hold for the whole country, and `dno_id` is WHOLE_COUNTRY
    without_year: int | None = None  # the year that stands for none; files and the API leave it out
    year_of: str | None = None  # the date of the key whose year it is; without that date there is none
    computed: tuple[str, ...] = ()  # fields of the struct, the last ones, that are no columns
    prices: tuple[Column, ...] = field(init=False)
    has_publication: bool = field(init=False)  # its entries are preliminary or final

    def __post_init__(self) -> None:
        prices = tuple(column for column in self.columns if column.type is ColumnType.PRICE)
        object.__setattr__(self, "prices", prices)
        object.__setattr__(
            self, "has_publication", "publication" in getattr(self.struct, "__struct_fields__", ())
        )

    @property
    def public_name(self) -> str:
        """Its name in addresses and commands: time_of_use is time-of-use."""
        return self.name.replace("_", "-")

    def tag(self, key: tuple[UUID, int]) -> str:
        """That of the record of one operator and year."""
        return f"{self.name}:{key[0]}:{key[1]}"
