"""Working days: for each day of a year, whether an operator's peak-load windows hold, and why not.

A bridge day (Brückentag) is a single Monday to Friday between a public holiday and a weekend, or between two public
holidays. Public holidays are those of the operator's federal state, unless its rule names others.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import Enum, StrEnum, auto
from functools import lru_cache
from typing import Final, NamedTuple

from holidays import CATHOLIC, PUBLIC
from holidays.countries.germany import Germany

from app.domain.federal_state import FEDERAL_STATES, canonical_region
from app.domain.holiday_rule import BridgeDays, ChristmasDays, DayRule, HolidayScope

SATURDAY = 5
_DAY = timedelta(days=1)


class PeakReason(StrEnum):
    """Why a moment is or is not at peak load."""

    WINDOW = "WINDOW"
    NO_WINDOW = "NO_WINDOW"
    WEEKEND = "WEEKEND"
    HOLIDAY = "HOLIDAY"
    BRIDGE_DAY = "BRIDGE_DAY"
    CHRISTMAS = "CHRISTMAS"
    UNKNOWN = "UNKNOWN"


class DayStatus(NamedTuple):
    """`windows_hold` None: not known. `reason`: why they do not hold, or UNKNOWN; WINDOW on a working day."""

    windows_hold: bool | None
    reason: PeakReason
    note: str | None = None


class _Rule(NamedTuple):
    """What of an operator's rule decides about days; the rules of most operators are equal."""

    bridge_days: BridgeDays = BridgeDays.UNKNOWN
    excluded_dates: tuple[date, ...] = ()
    working_dates: tuple[date, ...] = ()
    holidays: HolidayScope = HolidayScope.UNKNOWN
    holiday_states: tuple[str, ...] = ()
    christmas: ChristmasDays = ChristmasDays.UNKNOWN


_NO_RULE: Final = _Rule()
WORKING_DAY: Final = DayStatus(True, PeakReason.WINDOW)
_WEEKEND: Final = DayStatus(False, PeakReason.WEEKEND)
_RULING: Final = "the ruling BK4-13-739 (section 2.e), which was read only in a paraphrase, makes 24 December to 1 January off-peak"


def days_of_year(year: int, region: str | None, rule: DayRule | None) -> tuple[DayStatus, ...]:
    """The status of each day, 1 January first. `region`: the federal state of the operator's seat, in any spelling."""
    return _days_of_year(year, region and canonical_region(region), _decisive(rule))


def day_status(day: date, region: str | None, rule: DayRule | None) -> DayStatus:
    return days_of_year(day.year, region, rule)[day.timetuple().tm_yday - 1]


def names_bridge_day(year: int, region: str | None, rule: DayRule | None) -> bool:
    """Whether the operator names a bridge day of the year as off-peak: unless it excludes all, it has no others."""
    return _Calendar(year, region and canonical_region(region), _decisive(rule)).names_bridge_day


def _decisive(rule: DayRule | None) -> _Rule:
    if rule is None:
        return _NO_RULE
    return _Rule(
        rule.bridge_days,
        rule.excluded_dates,
        rule.working_dates,
        rule.holidays,
        rule.holiday_states,
        rule.christmas,
    )


@lru_cache(maxsize=512)
def _days_of_year(year: int, region: str | None, rule: _Rule) -> tuple[DayStatus, ...]:
    calendar = _Calendar(year, region, rule)
    first = date(year, 1, 1)
    return tuple(calendar.status(first + n * _DAY) for n in range((date(year + 1, 1, 1) - first).days))


class _Counts(Enum):
    """Whether a holiday of a part of Germany counts as a holiday."""

    YES = auto()
    NO = auto()
    OPEN = auto()  # not known


class _Calendar:
    """The holidays of one year as one operator has them."""

    def __init__(self, year: int, region: str | None, rule: _Rule) -> None:
        self._rule = rule
        self._nationwide = _nationwide(year)
        self._regional = _regional(year, region, rule)
        own = _of_region(year, region)
        # Also those that do not count: a date that the operator names beside its rule means the holiday.
        self._somewhere = {*self._regional, *own.of_state, *own.local}
        # For the days beside them: a holiday that may count makes days that may be bridge days.
        self._sure = {*self._nationwide, date(year + 1, 1, 1), *_with(self._regional, _Counts.YES)}
        if rule.holidays in (HolidayScope.UNKNOWN, HolidayScope.NETWORK_AREA) and not rule.holiday_states:
            # Not known is only whether windows hold on them; in their state they are holidays anyway.
            self._sure.update(own.of_state)
        self._possible = self._sure | _with(self._regional, _Counts.OPEN)
        self.names_bridge_day = any(day.year == year and self._may_bridge(day) for day in rule.excluded_dates)

    def status(self, day: date) -> DayStatus:
        if day.weekday() >= SATURDAY:
            return _WEEKEND
        if name := self._nationwide.get(day):
            return DayStatus(False, PeakReason.HOLIDAY, name)
        if day in self._rule.working_dates:
            return DayStatus(True, PeakReason.WINDOW, "the operator names this day as a working day")
        if day in self._rule.excluded_dates:
            reason = PeakReason.HOLIDAY if day in self._somewhere else PeakReason.BRIDGE_DAY
            return DayStatus(False, reason, "the operator names this day as off-peak")
        return self._christmas(day) or self._regional_holiday(day) or self._bridge_day(day) or WORKING_DAY

    def _christmas(self, day: date) -> DayStatus | None:
        if (day.month, day.day) < (12, 24) or self._rule.christmas is ChristmasDays.WORKING_DAYS:
            return None
        if self._rule.christmas is ChristmasDays.ALL_EXCLUDED:
            note = "the operator excludes 24 December to 1 January"
        elif self._rule.christmas is ChristmasDays.UNKNOWN:
            note = f"what the operator states of this day is not known; {_RULING}"
        elif day.day in (24, 31):
            note = (
                "the operator excludes the days between Christmas and New Year and does not name"
                f" {day.day} December; {_RULING}"
            )
        else:
            note = "the operator excludes the days between Christmas and New Year"
        return DayStatus(False, PeakReason.CHRISTMAS, note)

    def _regional_holiday(self, day: date) -> DayStatus | None:
        if (found := self._regional.get(day)) is None or found.counts is _Counts.NO:
            return None
        if found.counts is _Counts.YES:
            return DayStatus(False, PeakReason.HOLIDAY, found.name)
        return DayStatus(None, PeakReason.UNKNOWN, f"{found.name}: {found.why_open}")

    def _bridge_day(self, day: date) -> DayStatus | None:
        if not _bridges(day, self._possible):
            return None
        rule = self._rule.bridge_days
        if rule is BridgeDays.ALL_EXCLUDED:
            if _bridges(day, self._sure):
                return DayStatus(False, PeakReason.BRIDGE_DAY, "the operator excludes all bridge days")
            note = "the operator excludes all bridge days; whether the day beside it counts as a holiday is not known"
        elif rule is BridgeDays.WORKING_DAYS or self.names_bridge_day:
            return None
        elif rule is BridgeDays.ONE_EXCLUDED:
            note = "the operator excludes one bridge day and does not say which"
        else:
            note = "a bridge day; whether the operator excludes bridge days is not known"
        return DayStatus(None, PeakReason.UNKNOWN, note)

    def _may_bridge(self, day: date) -> bool:
        """Whether an operator that names the day as off-peak states something of bridge days, and not of weekends, holidays or
        Christmas.
        """
        if day.weekday() >= SATURDAY or day in self._nationwide or day in self._somewhere:
            return False
        return (day.month, day.day) < (12, 24) or _bridges(day, self._possible)


def _bridges(day: date, holidays: set[date]) -> bool:
    """Whether a Monday to Friday lies alone between a holiday and a weekend, or between two holidays."""
    before, after = day - _DAY, day + _DAY
    return (before in holidays or before.weekday() >= SATURDAY) and (
        after in holidays or after.weekday() >= SATURDAY
    )


class _Regional(NamedTuple):
    """A holiday of a part of Germany."""

    name: str
    counts: _Counts
    why_open: str = ""


def _regional(year: int, region: str | None, rule: _Rule) -> dict[date, _Regional]:
    """Holidays that are not nationwide and that the operator may mean."""
    if rule.holidays is HolidayScope.NATIONWIDE:
        return {}
    if rule.holidays is HolidayScope.NETWORK_AREA and rule.holiday_states:
        return _in_whole_area([_of_region(year, state) for state in rule.holiday_states])
    own = _of_region(year, region)
    if rule.holidays is HolidayScope.UNKNOWN:
        of_state = local = _SCOPE_UNKNOWN
    elif rule.holidays is HolidayScope.NETWORK_AREA:
        of_state = local = _AREA_UNKNOWN
    else:
        of_state, local = "", _IN_MUNICIPALITIES if own.known else _STATE_UNKNOWN
    counts = _Counts.OPEN if of_state else _Counts.YES
    return {day: _Regional(name, counts, of_state) for day, name in own.of_state.items()} | {
        day: _Regional(name, _Counts.OPEN, local) for day, name in own.local.items()
    }


_SCOPE_UNKNOWN: Final = "which regional holidays count is not known for this operator"
_AREA_UNKNOWN: Final = "holidays of the whole network area count, and its federal states are not known"
_STATE_UNKNOWN: Final = "holidays of the federal state count, and that of the operator is not known"
_IN_MUNICIPALITIES: Final = (
    "a holiday only in municipalities with more Catholics; whether it counts is not known for this operator"
)


def _in_whole_area(states: "list[_Holidays]") -> dict[date, _Regional]:
    """Holidays of every one of these federal states count, others do not."""
    found = {}
    for day, name in _union(states).items():
        if all(day in state.of_state for state in states):
            found[day] = _Regional(name, _Counts.YES)
        elif all(day in state.of_state or day in state.local for state in states):
            found[day] = _Regional(name, _Counts.OPEN, _IN_MUNICIPALITIES)
        else:
            found[day] = _Regional(name, _Counts.NO)
    return found


def _union(states: "Iterable[_Holidays]") -> dict[date, str]:
    return {
        day: name
        for state in states
        for holidays in (state.local, state.of_state)
        for day, name in holidays.items()
    }


def _with(regional: Mapping[date, _Regional], counts: _Counts) -> set[date]:
    return {day for day, holiday in regional.items() if holiday.counts is counts}


class _Holidays(NamedTuple):
    """Those that are not nationwide. `of_state`: in a whole federal state; `local`: in some of its municipalities.

    Where the state is not known (`known` false), the holidays of all states are local: any of them may count.
    """

    of_state: Mapping[date, str]
    local: Mapping[date, str]
    known: bool = True


@lru_cache(maxsize=256)
def _nationwide(year: int) -> Mapping[date, str]:
    return dict(Germany(years=year, language="de"))


@lru_cache(maxsize=2048)
def _of_region(year: int, region: str | None) -> _Holidays:
    """`region`: official name of a federal state; None or any other name: not known."""
    state = Germany.subdivisions_aliases.get(region) if region else None
    if state is None:
        return _Holidays({}, _union(_of_region(year, name) for name in FEDERAL_STATES), known=False)
    nationwide = _nationwide(year)
    of_state = {
        day: name
        for day, name in Germany(subdiv=state, years=year, language="de").items()
        if day not in nationwide
    }
    catholic = Germany(subdiv=state, years=year, language="de", categories=(PUBLIC, CATHOLIC))
    local = {day: name for day, name in catholic.items() if day not in nationwide and day not in of_state}
    return _Holidays(of_state, local)
