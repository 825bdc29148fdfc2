"""The columns of import and export files, with their types."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from app.domain import time_of_use
from app.domain.family import ColumnType, Family


class Column(Enum):
    """A column's type, for formats that have types and for SQL."""

    TEXT = "text"
    WHOLE = "whole number"
    FLAG = "true or false"
    PRICE = "at most four decimals"
    MEGAWATTS = "any number of decimals"
    JSON = "a JSON value"


SQL_TYPES: Final[Mapping[Column, str]] = {
    Column.TEXT: "text",
    Column.WHOLE: "integer",
    Column.FLAG: "boolean",
    Column.PRICE: "numeric",
    Column.MEGAWATTS: "numeric",
    Column.JSON: "jsonb",
}

# Of operators; the names are those of the table `dnos`.
OPERATOR_COLUMNS: Final[Mapping[str, Column]] = {
    "slug": Column.TEXT,
    "name": Column.TEXT,
    "official_name": Column.TEXT,
    "mastr_nr": Column.TEXT,
    "bdew_code": Column.TEXT,
    "acer_code": Column.TEXT,
    "vnb_id": Column.TEXT,
    "region": Column.TEXT,
    "city": Column.TEXT,
    "postal_code": Column.TEXT,
    "website": Column.TEXT,
    "closed_network": Column.FLAG,
    "transmission": Column.FLAG,
    "connection_points_ns": Column.WHOLE,
    "connection_points_ms": Column.WHOLE,
    "connection_points_hs": Column.WHOLE,
    "connection_points_hoes": Column.WHOLE,
    "capacity_mw_total": Column.MEGAWATTS,
    "capacity_mw_solar": Column.MEGAWATTS,
    "capacity_mw_wind": Column.MEGAWATTS,
}

# Of places.
PLACE_COLUMNS: Final[Mapping[str, Column]] = {
    "postal_code": Column.TEXT,
    "municipality": Column.TEXT,
    "dno_slug": Column.TEXT,
    "voltage_level": Column.TEXT,
    "locations": Column.WHOLE,
    "basis": Column.TEXT,
    "source_url": Column.TEXT,
    "source_title": Column.TEXT,
}

_SOURCE: Final = dict.fromkeys(("verification_status", "source_url", "source_title"), Column.TEXT)


PUBLICATION: Final = "publication"

# Of a § 14a sheet: one row per window, and one for a band without windows.
_TIME_OF_USE: Final = {
    "band": Column.TEXT,
    "price_ct_per_kwh": Column.PRICE,
    "quarter": Column.WHOLE,
    "start": Column.TEXT,
    "end": Column.TEXT,
}


_TYPES: Final = {
    ColumnType.PRICE: Column.PRICE,
    ColumnType.RATE: Column.PRICE,
    ColumnType.WHOLE: Column.WHOLE,
}


def family_columns(family: Family) -> Mapping[str, Column]:
    start = {"dno_slug": Column.TEXT, "year": Column.WHOLE} if family.of_operators else {}
    start |= {key.name: Column.TEXT for key in family.key}
    source = _SOURCE | ({PUBLICATION: Column.TEXT} if family.has_publication else {})
    if family is time_of_use.FAMILY:
        return start | _TIME_OF_USE | source
    if not family.one_row_per_entry:  # a row per window
        return start | {"start": Column.TEXT, "end": Column.TEXT} | source
    values = {column.name: _TYPES.get(column.type, Column.TEXT) for column in family.columns}
    return start | values | source
