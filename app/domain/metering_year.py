"""The quarter-hours of a calendar year in Germany, numbered from 0 as a meter records them.

A year has 35,040 or, in leap years, 35,136: the day of spring with 23 hours and that of autumn with 25 even out.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from app.domain import clock

QUARTER_HOUR: Final = timedelta(minutes=15)
_DAY: Final = timedelta(days=1)


class MeteringYear:
    def __init__(self, year: int) -> None:
        self.year = year
        self._start = clock.midnight(date(year, 1, 1))
        self.count = (clock.midnight(date(year + 1, 1, 1)) - self._start) // QUARTER_HOUR

    def start_of(self, number: int) -> datetime:
        """In German time."""
        return (self._start + number * QUARTER_HOUR).astimezone(clock.GERMANY)

    def number_at(self, moment: datetime) -> int:
        """Of the quarter-hour that begins at this moment or last began before it; outside of the year negative or too large."""
        return (moment - self._start) // QUARTER_HOUR

    def first_of(self, day: date) -> int:
        return self.number_at(clock.midnight(day))

    def number_of(self, start: datetime) -> int | None:
        """Of the quarter-hour that begins at this moment; None: none begins there."""
        number, rest = divmod(start - self._start, QUARTER_HOUR)
        return None if rest else number

    def numbers_of_wall_clock(self, local: datetime) -> tuple[int, ...]:
        """Of the quarter-hours that begin when clocks in Germany show `local`: none in the hour that spring skips, two in the
        hour that autumn repeats.
        """
        found: list[int] = []
        for fold in (0, 1):
            moment = local.replace(tzinfo=clock.GERMANY, fold=fold).astimezone(UTC)
            if moment.astimezone(clock.GERMANY).replace(tzinfo=None, fold=0) != local:
                continue
            number = self.number_of(moment)
            if number is not None and number not in found:
                found.append(number)
        return tuple(found)


def changes_clock(day: date) -> bool:
    return clock.midnight(day + _DAY) - clock.midnight(day) != _DAY
