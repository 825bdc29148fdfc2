"""A year in quarter-hours as CSV: the start of each, and whether it is at peak load, as a meter's load profile has its rows."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Final, NamedTuple

from app.domain import clock
from app.domain.intervals import joined
from app.domain.metering_year import QUARTER_HOUR

HEADER: Final = b"start,peak\n"
_DAY: Final = timedelta(days=1)
_TIMES: Final = [f"T{hour:02}:{minute:02}:00" for hour in range(24) for minute in range(0, 60, 15)]
# In rows of one width; it is taken out in the end.
_NOT_KNOWN: Final = b"?"
_MARKS: Final = {True: b"1", False: b"0", None: _NOT_KNOWN}


class Stretch(NamedTuple):
    start: datetime
    end: datetime
    peak: bool | None


def year_of(year: int) -> tuple[datetime, datetime]:
    """From 1 January to 1 January in Germany."""
    return clock.midnight(date(year, 1, 1)), clock.midnight(date(year + 1, 1, 1))


def write_quarter_hours(year: int, stretches: Iterable[Stretch]) -> bytes:
    """1: at peak load; 0: not; empty: not known, or not the same for the whole quarter-hour.

    Times are German, each with its offset: 35,040 rows, 35,136 in a leap year. The stretches are in order and within the year.
    """
    rows = "".join(_rows(year)).encode()
    start, end = year_of(year)
    width = len(rows) // ((end - start) // QUARTER_HOUR)
    table = bytearray(rows)
    table[width - 2 :: width] = _marks(start, end, stretches)
    return HEADER + table.replace(_NOT_KNOWN, b"")


def _marks(start: datetime, end: datetime, stretches: Iterable[Stretch]) -> bytearray:
    marks = bytearray(_NOT_KNOWN * ((end - start) // QUARTER_HOUR))
    for stretch in joined(stretches, attrgetter("peak")):
        first = -((start - stretch.start) // QUARTER_HOUR)  # rounded up: only whole quarter-hours
        last = (stretch.end - start) // QUARTER_HOUR
        if first < last:
            marks[first:last] = _MARKS[stretch.peak] * (last - first)
    return marks


def _rows(year: int) -> Iterator[str]:
    """All rows of a day, without their marks."""
    day = date(year, 1, 1)
    while day.year == year:
        begins, ends = clock.midnight(day), clock.midnight(day + _DAY)
        if ends - begins == _DAY:
            name, rest = day.isoformat(), f"{_offset(begins)},?\n"
            yield "".join([name + each + rest for each in _TIMES])
        else:
            yield "".join(
                [
                    f"{_local(begins + n * QUARTER_HOUR).isoformat()},?\n"
                    for n in range((ends - begins) // QUARTER_HOUR)
                ]
            )
        day += _DAY


def _offset(moment: datetime) -> str:
    return _local(moment).isoformat()[-len("+01:00") :]


def _local(moment: datetime) -> datetime:
    return moment.astimezone(clock.GERMANY)
