"""A span of days in an address, and the format behind it: 2026-10-25, 2026-10-25..2026-10-26.csv, 2026, today, now."""

import re
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from app.domain import clock
from app.domain.price_series import MAX_DAYS
from app.errors import BadInput, quoted


class SpanFormat(StrEnum):
    """Suffixes of the address."""

    JSON = "json"
    CSV = "csv"
    YAML = "yaml"
    ICS = "ics"


class DaySpan(NamedTuple):
    """Whole days in Germany, both included; `moment` is set for `now`. `relative`: the days depend on the current one."""

    first: date
    last: date
    moment: datetime | None
    relative: bool


_DAY: Final = timedelta(days=1)
_SPAN: Final = re.compile(
    r"(?P<first>[0-9a-z-]{3,10})(?:\.\.(?P<last>[0-9a-z-]{3,10}))?(?:\.(?P<format>json|csv|ya?ml|ics))?",
    re.ASCII,
)
_RELATIVE: Final = {"today": timedelta(), "tomorrow": _DAY}
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEAR: Final = re.compile(r"[1-9]\d{3}", re.ASCII)
_FORMS: Final = (
    "a day such as 2026-10-25, a year, today, tomorrow, now, or two of the first four as 2026-10-25..2026-10-26,"
    f" with {', '.join(f'.{each}' for each in SpanFormat)} or no suffix"
)


def read_span(text: str, now: datetime) -> tuple[DaySpan, SpanFormat | None]:
    """Raises BadInput for anything else, for an end before the beginning, and for more than 400 days."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise _malformed(text)
    first, last, suffix = match.group("first", "last", "format")
    chosen = None if suffix is None else SpanFormat(suffix.replace("yml", "yaml"))
    today = now.astimezone(clock.GERMANY).date()
    if first == "now" and last is None:
        return DaySpan(today, today, now, True), chosen
    begins, ends = _days(first, today), _days(last or first, today)
    if begins is None or ends is None:
        raise _malformed(text)
    if ends[1] < begins[0]:
        raise BadInput(f"{quoted(text)} ends before it begins.", argument="span")
    if (ends[1] - begins[0]).days >= MAX_DAYS:
        raise BadInput(f"{quoted(text)} is longer than {MAX_DAYS} days.", argument="span")
    return DaySpan(begins[0], ends[1], None, bool({first, last} & _RELATIVE.keys())), chosen


def _days(word: str, today: date) -> tuple[date, date] | None:
    """The first and the last day."""
    if word in _RELATIVE:
        day = today + _RELATIVE[word]
        return day, day
    if _YEAR.fullmatch(word):
        return date(int(word), 1, 1), date(int(word), 12, 31)
    if not _DATE.fullmatch(word):
        return None
    try:
        day = date.fromisoformat(word)
    except ValueError:
        return None  # no day of the calendar
    return day, day


def _malformed(text: str) -> BadInput:
    return BadInput(f"{quoted(text)} is not {_FORMS}.", argument="span")
