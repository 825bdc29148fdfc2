"""Wall-clock time in Germany, and its text form HH:MM."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.domain.hlzf import Season
from app.errors import quoted

GERMANY = ZoneInfo("Europe/Berlin")
DAY_END = 24 * 60

# Made once: series of a year add thousands of them.
MINUTES: Final = [timedelta(minutes=n) for n in range(DAY_END + 1)]

_SEASONS = {
    **dict.fromkeys((12, 1, 2), Season.WINTER),
    **dict.fromkeys((3, 4, 5), Season.SPRING),
    **dict.fromkeys((6, 7, 8), Season.SUMMER),
    **dict.fromkeys((9, 10, 11), Season.AUTUMN),
}
# Python takes any character between day and time: +01:00 behind a day would be the time, and not the offset.
_TIMESTAMP = re.compile(r"[\dW-]{7,10}[T ]\d.*", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::00)?|24:00(?::00)?", re.ASCII)


def today() -> date:
    return datetime.now(GERMANY).date()


def midnight(day: date) -> datetime:
    """The beginning of a day in Germany, in UTC, so that moments compare and subtract as they pass."""
    return datetime.combine(day, time(), GERMANY).astimezone(UTC)


def read_moment(text: str) -> datetime:
    """A moment with its offset from UTC, or a day, which is its beginning in Germany. Raises ValueError with the rule."""
    found: date | None = None
    # What is longer than a day is a moment; errors of Python are replaced by the message below.
    with suppress(ValueError):
        found = date.fromisoformat(text) if len(text) <= len("2026-01-31") else read_timestamp(text)
    without_offset = isinstance(found, datetime) and found.tzinfo is None
    if found is None or not FIRST_YEAR <= found.year <= LAST_YEAR or without_offset:
        raise ValueError(
            "must be a day such as 2026-01-31 or a moment such as 2026-01-31T12:00:00Z,"
            f" of a year from {FIRST_YEAR} to {LAST_YEAR}"
        )
    return found.astimezone(UTC) if isinstance(found, datetime) else midnight(found)


def read_timestamp(text: str) -> datetime:
    """A day and a time by ISO 8601, with or without an offset; letters in either case, as in RFC 3339. Raises ValueError."""
    upper = text.upper()
    if not _TIMESTAMP.fullmatch(upper):
        raise ValueError(text)
    return datetime.fromisoformat(upper)


def season(day: date) -> Season:
    return _SEASONS[day.month]


def minutes(text: str) -> int:
    """Minutes since midnight of "07:30" or "24:00"; ValueError for anything else."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{quoted(text)} is not a time of the form HH:MM")
    if match[1] is None:
        return DAY_END
    return int(match[1]) * 60 + int(match[2])


def hh_mm(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
