"""What every format of a file gives: a header, if it has one, and records with the names of their cells."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from app.importers.decimals import Decimal
from app.importers.encodings import Encoding
from app.importers.problems import Problem, RowLocation


class Format(StrEnum):
    CSV = "csv"
    TSV = "tsv"
    NDJSON = "ndjson"
    JSON = "json"
    XLSX = "xlsx"
    PARQUET = "parquet"


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the user states of the files; None: detected."""

    format: Format | None = None
    encoding: Encoding | None = None
    separator: str | None = None
    decimal: Decimal | None = None
    sheet: str | None = None
    ignore_extra: bool = False


class UnreadableFile(Exception):
    """The rest of the file cannot be read."""

    location: RowLocation | None = None


class Record(NamedTuple):
    location: RowLocation
    names: tuple[str, ...]
    cells: Sequence[str | None]  # None: a value that is no text, number or word of JSON


class Table(NamedTuple):
    description: str
    header: tuple[RowLocation, tuple[str, ...]] | None  # None: each record has its own names
    records: Iterator[Record | Problem]
    decimal: Decimal | None  # what the format uses where nothing else is detected
    escaped: bool = False  # texts that begin like a formula have an apostrophe before it
    plain: bool = False  # written as the CSV files of the export are
    years: Mapping[str, RowLocation] | None = None  # of all rows, as titles and groups state them, and where
