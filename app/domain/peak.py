"""Whether a moment lies in a Hochlastzeitfenster, and the stretches of time that do.

Windows are wall-clock time in Germany: 02:30 happens twice in autumn and never in spring. December belongs to the winter
of its own calendar year, as sheets are published by calendar year. What is not known is None, never off-peak and never peak:
a year without a sheet, a season that the sheet does not mention, a day of which the operator's rule is not known, the
quarter-hour before a window whose printed start may be the end of a quarter-hour.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple, Protocol

import msgspec

from app.domain import clock
from app.domain.hlzf import Season, TimeWindow
from app.domain.holiday_rule import DayRule, TimeStamps, rule_of_year, time_stamps_in_doubt
from app.domain.working_days import DayStatus, PeakReason, day_status, days_of_year

_DAY: Final = timedelta(days=1)
_QUARTER_HOUR: Final = 15  # minutes
# No answer but that for a whole year or more holds for as long: a weekend ends each.
_SEARCHED_DAYS: Final = 7
_NO_SHEET: Final = "no Hochlastzeitfenster of this year and voltage level are known"
_SEASON_MISSING: Final = "the sheet does not mention this season"
_TIME_STAMPS: Final = {
    TimeStamps.INTERVAL_END: (
        "the operator prints the end of each metering quarter-hour: its windows begin 15 minutes before the times used here"
    ),
    TimeStamps.UNKNOWN: (
        "whether the operator prints clock times or the ends of metering quarter-hours is open: its windows may begin"
        " 15 minutes before the times used here"
    ),
}


class SeasonWindows(Protocol):
    """What is needed of an Hlzf of the level in question."""

    @property
    def year(self) -> int: ...
    @property
    def season(self) -> Season: ...
    @property
    def windows(self) -> tuple[TimeWindow, ...]: ...


class TimeInterval(msgspec.Struct, frozen=True, gc=False):
    """From `start` up to, but not including, `end`."""

    start: datetime
    end: datetime


class PeakStatus(msgspec.Struct, frozen=True, gc=False):
    """`peak` None: not known. `interval`: how long the answer holds, within the span that was asked for."""

    peak: bool | None
    reason: PeakReason
    note: str | None
    interval: TimeInterval


class _Answer(NamedTuple):
    peak: bool | None
    reason: PeakReason
    note: str | None


def is_peak(
    at: datetime, hlzf_of_level: Sequence[SeasonWindows], region: str | None, rules: Iterable[DayRule] = ()
) -> bool | None:
    """As `peak_status`, without its reason and interval."""
    local = at.astimezone(clock.GERMANY)
    sheet = _Sheet(local.year, hlzf_of_level, region, rules)
    if not sheet.published:
        return None
    day = local.date()
    windows_hold = day_status(day, region, sheet.rule).windows_hold
    if windows_hold is False:
        return False
    windows = sheet.windows.get(clock.season(day))
    if windows is None:
        return None
    minute = local.hour * 60 + local.minute
    if any(window.covers(minute) for window in windows):
        return windows_hold
    doubted = sheet.note_of_time_stamps is not None and any(
        window.start - _QUARTER_HOUR <= minute < window.start for window in windows
    )
    return None if doubted else False


def peak_status(
    at: datetime, hlzf_of_level: Sequence[SeasonWindows], region: str | None, rules: Iterable[DayRule] = ()
) -> PeakStatus:
    """`region`: federal state of the operator's seat; `rules`: the operator's, of any years."""
    local = at.astimezone(clock.GERMANY)
    year = local.year
    sheet = _Sheet(year, hlzf_of_level, region, rules)
    first, last = date(year, 1, 1), date(year, 12, 31)
    if sheet.published:
        first = max(first, local.date() - _SEARCHED_DAYS * _DAY)
        last = min(last, local.date() + _SEARCHED_DAYS * _DAY)
    moment = at.astimezone(UTC)
    return next(status for status in sheet.statuses(first, last) if moment < status.interval.end)


def peak_statuses(
    hlzf_of_level: Sequence[SeasonWindows],
    region: str | None,
    rules: Iterable[DayRule],
    start: datetime,
    end: datetime,
) -> list[PeakStatus]:
    """The answers from `start` to `end`, without gaps; the first and the last are cut off there."""
    rules = tuple(rules)
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start >= end:
        return []
    first = start.astimezone(clock.GERMANY).date()
    last = (end - timedelta.resolution).astimezone(clock.GERMANY).date()
    found: list[PeakStatus] = []
    for year in range(first.year, last.year + 1):
        sheet = _Sheet(year, hlzf_of_level, region, rules)
        found += sheet.statuses(max(first, date(year, 1, 1)), min(last, date(year, 12, 31)))
    return _cut(found, start, end)


def peak_intervals(statuses: Iterable[PeakStatus]) -> list[TimeInterval] | None:
    """The stretches at peak load. None where nothing is known but that weekends and holidays are off-peak."""
    peaks = [status.interval for status in statuses if status.peak]
    if peaks or not any(status.peak is None for status in statuses):
        return peaks
    return peaks if any(status.reason is PeakReason.NO_WINDOW for status in statuses) else None


def _cut(statuses: list[PeakStatus], start: datetime, end: datetime) -> list[PeakStatus]:
    kept = []
    for status in statuses:
        begins, ends = status.interval.start, status.interval.end
        if begins < start or ends > end:
            begins, ends = max(begins, start), min(ends, end)
            if begins >= ends:
                continue
            status = msgspec.structs.replace(status, interval=TimeInterval(begins, ends))
        kept.append(status)
    return kept


class _Part(NamedTuple):
    """A part of a day with one answer, in minutes since midnight."""

    start: int
    end: int
    answer: _Answer


class _Sheet:
    """The windows of one operator, level and year, with the rule that holds for the year."""

    def __init__(
        self, year: int, hlzf_of_level: Iterable[SeasonWindows], region: str | None, rules: Iterable[DayRule]
    ) -> None:
        self._year = year
        self._region = region
        self.windows = {entry.season: entry.windows for entry in hlzf_of_level if entry.year == year}
        self.rule = rule_of_year(rules, year)
        self._in_season: dict[tuple[Season, bool | None], tuple[_Part, ...]] = {}

    @property
    def published(self) -> bool:
        return bool(self.windows)

    def statuses(self, first: date, last: date) -> list[PeakStatus]:
        """From one day of this year to another; neighbours with the same answer are one."""
        if not self.published:
            whole = TimeInterval(clock.midnight(first), clock.midnight(last + _DAY))
            return [PeakStatus(None, PeakReason.UNKNOWN, _NO_SHEET, whole)]
        found: list[PeakStatus] = []
        before: _Answer | None = None
        start = clock.midnight(first)
        for moment, answer in self._answers(first, last):
            if answer != before:
                if before is not None:
                    found.append(PeakStatus(*before, TimeInterval(start, moment)))
                start, before = moment, answer
        assert before is not None
        found.append(PeakStatus(*before, TimeInterval(start, clock.midnight(last + _DAY))))
        return found

    def _answers(self, first: date, last: date) -> Iterator[tuple[datetime, _Answer]]:
        """Each answer with the moment from which it holds.

        The clock changes on Sundays, which are one part from midnight to midnight; so within other parts an hour has 60 minutes.
        """
        days = days_of_year(self._year, self._region, self.rule)
        number = first.timetuple().tm_yday - 1
        for n in range((last - first).days + 1):
            day = first + n * _DAY
            midnight = clock.midnight(day)
            for part in self.parts(day, days[number + n]):
                yield midnight + clock.MINUTES[part.start], part.answer

    def parts(self, day: date, status: DayStatus) -> "tuple[_Part, ...]":
        """In order, from midnight to midnight."""
        if status.windows_hold is False:
            return (_Part(0, clock.DAY_END, _Answer(False, status.reason, status.note)),)
        season = clock.season(day)
        if status.note is not None:
            return self._parts(season, status)
        # Most days: those of a season are alike.
        key = (season, status.windows_hold)
        if (parts := self._in_season.get(key)) is None:
            parts = self._in_season[key] = self._parts(season, status)
        return parts

    def _parts(self, season: Season, status: DayStatus) -> "tuple[_Part, ...]":
        windows = self.windows.get(season)
        if windows is None:
            return (_Part(0, clock.DAY_END, _Answer(None, PeakReason.UNKNOWN, _SEASON_MISSING)),)
        marked = self.note_of_time_stamps if windows else None
        within = _Answer(status.windows_hold, status.reason, _joined(status.note, marked))
        outside = _Answer(False, PeakReason.NO_WINDOW, marked)
        doubted = _Answer(None, PeakReason.UNKNOWN, _joined(status.note, marked)) if marked else None
        return tuple(_around(windows, within, outside, doubted))

    @property
    def note_of_time_stamps(self) -> str | None:
        """Printed times are not shifted, only marked. Without words of the operator they are taken as clock times."""
        marked = time_stamps_in_doubt(self.rule) if self.rule else None
        return _TIME_STAMPS[marked] if marked else None


def _around(
    windows: Sequence[TimeWindow], within: _Answer, outside: _Answer, doubted: _Answer | None
) -> Iterator[_Part]:
    """`doubted`: the answer of the quarter-hour before a window, where it may belong to the window."""
    minute = 0
    for window in windows:
        start = window.start if doubted is None else max(minute, window.start - _QUARTER_HOUR)
        if minute < start:
            yield _Part(minute, start, outside)
        if doubted is not None and start < window.start:
            yield _Part(start, window.start, doubted)
        yield _Part(window.start, window.end, within)
        minute = window.end
    if minute < clock.DAY_END:
        yield _Part(minute, clock.DAY_END, outside)


def _joined(*notes: str | None) -> str | None:
    return "; ".join(note for note in notes if note) or None
