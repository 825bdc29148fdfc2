"""Timestamps of a load profile: which quarter-hour of the year a row is about."""

import re
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from app.domain import clock
from app.domain.metering_year import QUARTER_HOUR, MeteringYear, changes_clock
from app.errors import quoted

_MAX_TIMES: Final = 1000
_DAY: Final = timedelta(days=1)
_ISO_DATE: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_GERMAN_DATE: Final = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4}|\d\d)", re.ASCII)
_TIME: Final = re.compile(r"(\d\d?):(\d\d)(?::00(?:[.,]0{1,9})?)? ?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
_SECONDS: Final = re.compile(r"\d\d?:\d\d:\d\d.*", re.ASCII)


class StampPosition(StrEnum):
    """What a timestamp marks."""

    START = "START"
    END = "END"
    NONE = "NONE"  # rows have no timestamps


class BadRow(ValueError):
    """Why a row is refused."""


class UnreadableStamp(BadRow):
    """The timestamp has no known form, so the row is taken for the quarter-hour that comes next."""


class WrongBeginning(BadRow):
    """The profile does not begin with the year, so that nothing of it can be placed."""


class StampReader:
    """`position`: what timestamps mark; without it, the first one decides, and `assumed` is true."""

    def __init__(self, year: MeteringYear, position: StampPosition | None) -> None:
        self._year = year
        self.position = position
        self.assumed = False
        self._days: dict[str, _Day] = {}
        self._times: dict[str, _Time] = {}

    def number_of(self, text: str, expected: int) -> int:
        """Of the quarter-hour that a timestamp marks, also outside of the year. `expected`: that which comes next in order. Raises BadRow."""
        between = "T" if "T" in text else " "
        day_text, _, time_text = text.partition(between)
        day = self._days.get(day_text) or self._read_day(day_text, text)
        at = self._times.get(time_text) or self._read_time(time_text, text)
        if self.position is None:
            self.position = self._position_of_first(day, at, text)
            self.assumed = True
        is_end = self.position is StampPosition.END
        if at.offset is not None:
            return day.first_in_utc + at.quarter - at.offset - is_end
        if not day.changes_clock:
            return day.first + at.quarter - is_end
        local = datetime.combine(day.date, time()) + at.quarter * QUARTER_HOUR
        return self._number_on_clock_change(local, text, expected, is_end=is_end)

    def _number_on_clock_change(self, local: datetime, text: str, expected: int, *, is_end: bool) -> int:
        """Of an hour that is repeated the order of rows decides which it is; one that is skipped is refused."""
        numbers = self._year.numbers_of_wall_clock(local)
        if is_end:
            # The end of the last quarter-hour before a change is written by the clock before or behind it.
            numbers = tuple(number - 1 for number in numbers) + self._year.numbers_of_wall_clock(
                local - QUARTER_HOUR
            )
        if not numbers:
            raise BadRow(
                f"{quoted(text)} does not exist: clocks in Germany skip that hour. In a file without daylight saving time"
                " each timestamp needs its offset, +01:00"
            )
        return expected if expected in numbers else numbers[0]

    def _position_of_first(self, day: "_Day", at: "_Time", text: str) -> StampPosition:
        year = self._year
        number = day.first if at.offset is None else day.first_in_utc - at.offset
        number += at.quarter
        if number not in (0, 1):
            raise WrongBeginning(
                f"the first timestamp is {quoted(text)}: a profile of {year.year} begins with 1 January 00:00 (start of the"
                " quarter-hour) or 00:15 (its end)"
            )
        return StampPosition.END if number else StampPosition.START

    def _read_day(self, day_text: str, text: str) -> "_Day":
        found = _read_date(day_text)
        if found is None:
            raise UnreadableStamp(
                f"{quoted(text)} is not a timestamp of the form 2026-01-31 07:45 or 31.01.2026 07:45"
            )
        if abs(found.year - self._year.year) > 1:
            raise BadRow(f"{quoted(text)} is not in {self._year.year}")
        day = self._days[day_text] = _Day(
            found,
            self._year.first_of(found),
            self._year.number_at(datetime.combine(found, time(), UTC)),
            changes_clock(found),
        )
        return day

    def _read_time(self, time_text: str, text: str) -> "_Time":
        found = _TIME.fullmatch(time_text)
        if found is None:
            if _SECONDS.fullmatch(time_text):
                raise UnreadableStamp(
                    f"{quoted(text)} has seconds: quarter-hours begin at 00, 15, 30 and 45 minutes"
                )
            raise UnreadableStamp(
                f"{quoted(text)} is not a timestamp of the form 2026-01-31 07:45 or 31.01.2026 07:45"
            )
        minute = int(found[1]) * 60 + int(found[2])
        if int(found[2]) > 59 or minute > clock.DAY_END:
            raise UnreadableStamp(f"{quoted(text)} is not a time")
        if minute % 15:
            raise BadRow(f"{quoted(text)} is not the start or end of a quarter-hour")
        if len(self._times) >= _MAX_TIMES:  # one for each offset and form; a file has few
            self._times.clear()
        at = self._times[time_text] = _Time(minute // 15, _offset(found[3], text))
        return at


class _Day(NamedTuple):
    """With the number of its first quarter-hour in Germany, and in UTC."""

    date: date
    first: int
    first_in_utc: int
    changes_clock: bool


class _Time(NamedTuple):
    """In quarter-hours: since midnight, and the offset from UTC; None: German time."""

    quarter: int
    offset: int | None


def _read_date(text: str) -> date | None:
    if found := _ISO_DATE.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _GERMAN_DATE.fullmatch(text):
        day, month, year = map(int, found.groups())
        year += 2000 if year < 100 else 0
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _offset(text: str | None, stamp: str) -> int | None:
    """In quarter-hours."""
    if text is None:
        return None
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset >= _DAY or offset % QUARTER_HOUR:
        raise BadRow(f"{quoted(stamp)} has an offset from UTC that does not exist")
    quarters = offset // QUARTER_HOUR
    return -quarters if text[0] == "-" else quarters
