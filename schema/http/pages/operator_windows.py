"""Peak-load windows on the page of an operator: clocks of one voltage level, the days of the year that count, and whether it is peak load now."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from app.domain import clock
from app.domain.entry import VoltageLevel
from app.domain.hlzf import SEASON_ORDER, Season, TimeWindow
from app.domain.holiday_rule import (
    WITHOUT_YEAR,
    BridgeDays,
    ChristmasDays,
    HolidayScope,
    TimeStamps,
    rule_of_year,
)
from app.domain.peak import PeakStatus, peak_status
from app.domain.working_days import DayStatus, PeakReason, days_of_year
from app.web.charts import calendar
from app.web.charts.calendar import Calendar
from app.web.charts.clock import HourLabel, arcs, hour_labels, hour_ticks
from app.web.comparison import hours_of
from schema.http.rest_operations import Map

_DAY: Final = timedelta(days=1)
# The level of most customers with atypical use of the grid.
_USUAL: Final = VoltageLevel.MS


class Rule(msgspec.Struct, frozen=True, rename="camel"):
    """A holiday rule as the operation of the page has it."""

    id: str
    stated_year: int | None = msgspec.field(name="year")
    bridge_days: BridgeDays
    excluded_dates: tuple[date, ...]
    working_dates: tuple[date, ...]
    holidays: HolidayScope
    holiday_states: tuple[str, ...]
    christmas: ChristmasDays
    time_stamps: TimeStamps
    time_stamp_words: str | None
    source: Map | None

    @property
    def year(self) -> int:
        return WITHOUT_YEAR if self.stated_year is None else self.stated_year


class SeasonOfLevel(NamedTuple):
    year: int
    season: Season
    windows: tuple[TimeWindow, ...]

    @property
    def arcs(self) -> list[str]:
        return arcs(self.windows)

    @property
    def texts(self) -> list[str]:
        return [f"{clock.hh_mm(window.start)}–{clock.hh_mm(window.end)}" for window in self.windows]

    @property
    def hours(self) -> str:
        return hours_of(self.minutes)

    @property
    def minutes(self) -> int:
        """Of a day on which they hold."""
        return sum(window.end - window.start for window in self.windows)


class DaysThatDiffer(NamedTuple):
    """Mondays to Fridays on which windows do not hold, or of which it is not known, for the same reason."""

    days: Sequence[date]
    status: DayStatus


class Month(NamedTuple):
    """A month of the calendar in figures. `with_windows`: how many days."""

    number: int
    with_windows: int
    excluded: Sequence[DaysThatDiffer]
    unknown: Sequence[DaysThatDiffer]


class Windows(NamedTuple):
    """`level` None: there are no windows of the level that was chosen. `now` None: the page is not about the current year."""

    level: str | None
    levels: Sequence[str]
    seasons: Sequence[SeasonOfLevel]
    calendar: Calendar | None
    months: Sequence[Month]
    rule: Rule | None
    season_today: Season | None
    now: PeakStatus | None
    hours: Sequence[HourLabel] = hour_labels()
    ticks: str = hour_ticks()


def windows_of(dno: Map, year: int, level: str | None, now: datetime) -> Windows | None:
    """None: no windows of the year are known. `level`: the one that was chosen."""
    levels = list(dict.fromkeys(entry["voltageLevel"] for entry in dno["hlzf"] if entry["year"] == year))
    if not levels:
        return None
    chosen = level or (_USUAL if _USUAL in levels else levels[0])
    rules = msgspec.convert(dno["holidayRules"], list[Rule])
    rule = rule_of_year(rules, year)
    if chosen not in levels:
        return Windows(None, levels, (), None, (), rule, None, None)
    seasons = _seasons(dno["windowsOfLevel"], year, chosen)
    today = now.astimezone(clock.GERMANY).date()
    kinds = _kinds(year, dno["region"], rule, seasons)
    current = today.year == year
    return Windows(
        chosen,
        levels,
        seasons,
        calendar.draw({day: kind for day, (kind, _) in kinds.items()}, today),
        _months(kinds),
        rule,
        clock.season(today) if current else None,
        peak_status(now, seasons, dno["region"], rules) if current else None,
    )


def _seasons(entries: Sequence[Map], year: int, level: str) -> list[SeasonOfLevel]:
    found = [
        SeasonOfLevel(year, Season(entry["season"]), tuple(map(_window, entry["windows"])))
        for entry in entries
        if entry["year"] == year and entry["voltageLevel"] == level
    ]
    return sorted(found, key=lambda each: SEASON_ORDER[each.season])


def _window(window: Map) -> TimeWindow:
    return TimeWindow(clock.minutes(window["start"]), clock.minutes(window["end"]))


Kinds = Mapping[date, tuple[str, DayStatus]]


def _kinds(year: int, region: str | None, rule: Rule | None, seasons: Sequence[SeasonOfLevel]) -> Kinds:
    """What the calendar shows of each day, with its status."""
    windows: dict[Season, tuple[TimeWindow, ...]] = {each.season: each.windows for each in seasons}
    first = date(year, 1, 1)
    days = enumerate(days_of_year(year, region, rule))
    return {
        (day := first + n * _DAY): (_kind(status, clock.season(day), windows), status) for n, status in days
    }


def _kind(status: DayStatus, season: Season, windows: Mapping[Season, tuple[TimeWindow, ...]]) -> str:
    if status.windows_hold is False:
        return "weekend" if status.reason is PeakReason.WEEKEND else "excluded"
    if season not in windows:
        return "unknown"
    if not windows[season]:
        return "none"
    return "unknown" if status.windows_hold is None else season.lower()


def _months(kinds: Kinds) -> list[Month]:
    seasons = {season.lower() for season in Season}
    found = []
    for number in range(1, 13):
        days = {day: kind for day, kind in kinds.items() if day.month == number}
        excluded = {day: status for day, (kind, status) in days.items() if kind == "excluded"}
        # Not those of a season that the sheet does not mention: these are all of its days.
        unknown = {
            day: status
            for day, (kind, status) in days.items()
            if kind == "unknown" and status.windows_hold is None
        }
        with_windows = sum(kind in seasons for kind, _ in days.values())
        found.append(Month(number, with_windows, _by_status(excluded), _by_status(unknown)))
    return found


def _by_status(days: Mapping[date, DayStatus]) -> list[DaysThatDiffer]:
    found: dict[DayStatus, list[date]] = {}
    for day, status in days.items():
        found.setdefault(status, []).append(day)
    return [DaysThatDiffer(together, status) for status, together in found.items()]


def change_of(windows: Windows, now: datetime) -> datetime | None:
    """When the part of the page is no longer the same. None: it does not depend on the time."""
    status = windows.now
    if status is None:
        return None
    midnight = clock.midnight(now.astimezone(clock.GERMANY).date() + _DAY)
    return min(midnight, status.interval.end)
