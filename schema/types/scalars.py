"""Scalars: dates, times and exact decimals, from and to JSON."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import NewType

import strawberry
from strawberry.types.scalar import ScalarDefinition

from app.domain import clock

# Minutes since midnight; "07:30" in JSON.
Minutes = NewType("Minutes", int)

_LARGEST_WHOLE = 10**30  # checked before conversion to text, which Python limits to 4,300 digits
_PLAIN_DECIMAL = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)


def write_date(value: date) -> str:
    return value.isoformat()


def read_date(value: object) -> date:
    try:
        if isinstance(value, str):
            return date.fromisoformat(value)
    except ValueError:
        pass  # the message below replaces that of Python
    raise ValueError('A Date is a day of the calendar as a string, such as "2026-01-31".')


def write_datetime(value: datetime) -> str:
    return value.astimezone(clock.GERMANY).isoformat()


def read_datetime(value: object) -> datetime:
    try:
        moment = clock.read_timestamp(value) if isinstance(value, str) else None
    except ValueError:
        moment = None  # the message below replaces that of Python
    if moment is None:
        raise ValueError('A DateTime is a moment as a string, such as "2026-01-31T07:30:00+01:00".')
    if not 1900 <= moment.year <= 2200:
        raise ValueError("A DateTime lies between 1900 and 2200.")
    if moment.tzinfo is None:
        raise ValueError(f'A DateTime needs its offset, as in "{value}+01:00" or "{value}Z".')
    return moment


def write_time(value: int) -> str:
    return clock.hh_mm(value)


def read_time(value: object) -> Minutes:
    if not isinstance(value, str):
        raise ValueError('A Time is a string such as "07:30".')
    return Minutes(clock.minutes(value))


def write_decimal(value: Decimal) -> str:
    return f"{value:f}"


def read_decimal(value: object) -> Decimal:
    """From a string or an integer; a float may already have lost digits."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (str, int))
        or (isinstance(value, int) and abs(value) >= _LARGEST_WHOLE)
        or not _PLAIN_DECIMAL.fullmatch(str(value))
    ):
        raise ValueError('A Decimal is a string such as "58.21".')
    number = Decimal(value)
    return number or number.copy_abs()  # -0 becomes 0


SCALARS: Mapping[object, ScalarDefinition] = {
    date: strawberry.scalar(
        name="Date",
        description='Calendar date, ISO 8601: "2026-01-31".',
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339.html#section-5.6",
        serialize=write_date,
        parse_value=read_date,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description='Moment with its offset, ISO 8601: "2026-01-31T07:30:00+01:00". Answers are in German time.',
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339.html#section-5.6",
        serialize=write_datetime,
        parse_value=read_datetime,
    ),
    Minutes: strawberry.scalar(
        name="Time",
        description='Wall-clock time in Germany: "07:30". A window may end at "24:00".',
        specified_by_url="https://www.isotc154.org/standards/iso-8601-1-2019-amd-1-2022/",
        serialize=write_time,
        parse_value=read_time,
    ),
    Decimal: strawberry.scalar(
        name="Decimal",
        description='Exact decimal number as a string: "58.21". Its digits are those that were published.',
        specified_by_url="https://www.w3.org/TR/xmlschema-2/#decimal",
        serialize=write_decimal,
        parse_value=read_decimal,
    ),
}
