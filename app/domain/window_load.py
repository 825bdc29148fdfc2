"""The highest load of a profile inside of an operator's peak-load windows, and in quarter-hours of which that is not known."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from app.domain import clock
from app.domain.load_profile import LoadProfile
from app.domain.metering_year import QUARTER_HOUR
from app.domain.peak import PeakStatus
from app.domain.working_days import PeakReason

# Why a day is off-peak although it is no holiday: worth a note, since sources differ about such days.
_NOTED: Final = (PeakReason.BRIDGE_DAY, PeakReason.CHRISTMAS)
_BETWEEN: Final = "a window begins or ends within a quarter-hour"


class Highest(NamedTuple):
    """A load in billionths of a kW, and the number of the first quarter-hour with it."""

    load: int
    number: int


class UnknownTime(NamedTuple):
    """Quarter-hours of which it is not known, for one reason, whether they are in a window."""

    reason: str
    quarter_hours: int
    highest: Highest


class WindowLoad(NamedTuple):
    """`inside`: None if no quarter-hour is known to be in a window. `notes`: on days that are off-peak by sources that differ."""

    quarter_hours: int  # known to be in a window
    inside: Highest | None
    unknown: tuple[UnknownTime, ...]
    notes: tuple[str, ...]


class _Run(NamedTuple):
    """Quarter-hours from `first` to before `end` with one answer."""

    first: int
    end: int
    peak: bool | None
    note: str


def highest(profile: LoadProfile) -> Highest:
    load = max(profile.loads)
    return Highest(load, profile.loads.index(load))


def window_load(profile: LoadProfile, statuses: Sequence[PeakStatus]) -> WindowLoad:
    """`statuses`: of the whole year, in order and without gaps."""
    count = 0
    inside: Highest | None = None
    unknown: dict[str, UnknownTime] = {}
    for run in _runs(profile, statuses):
        if run.peak is False:
            continue
        loads = profile.loads[run.first : run.end]
        load = max(loads)
        found = Highest(load, run.first + loads.index(load))
        if run.peak:
            count += len(loads)
            inside = _higher(inside, found)
        else:
            before = unknown.get(run.note)
            unknown[run.note] = UnknownTime(
                run.note,
                len(loads) + (before.quarter_hours if before else 0),
                _higher(before and before.highest, found),
            )
    return WindowLoad(count, inside, tuple(unknown.values()), tuple(_notes(statuses)))


def _notes(statuses: Sequence[PeakStatus]) -> Iterator[str]:
    """Each with its days, in their order."""
    days: dict[str, list[str]] = {}
    for status in statuses:
        if status.reason in _NOTED and status.note:
            interval = status.interval
            first, last = (
                moment.astimezone(clock.GERMANY).date().isoformat()
                for moment in (interval.start, interval.end - QUARTER_HOUR)
            )
            days.setdefault(status.note, []).append(first if first == last else f"{first} to {last}")
    for note, found in days.items():
        yield f"{', '.join(found)}: {note}"


def _higher(one: Highest | None, other: Highest) -> Highest:
    return one if one is not None and one.load >= other.load else other


def _runs(profile: LoadProfile, statuses: Sequence[PeakStatus]) -> Iterator[_Run]:
    """In order. A quarter-hour that no answer covers as a whole is unknown."""
    year = profile.year
    position = 0
    for status in statuses:
        first = max(0, -(-(status.interval.start - year.start_of(0)) // QUARTER_HOUR))
        end = min(year.count, year.number_at(status.interval.end))
        if first > position:
            yield _Run(position, first, None, _BETWEEN)
        if first < end:
            yield _Run(first, end, status.peak, status.note or "")
        position = max(position, first, end)  # an answer within one quarter-hour ends before `first`
