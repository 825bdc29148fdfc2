"""Peak-load windows as a calendar (iCalendar, RFC 5545) that programs such as Outlook subscribe to.

Each window is one weekly series from Monday to Friday within its season, in German wall-clock time; days
that are no working days in the operator's federal state are taken out. December is a series of its own,
since the winter of a calendar year lies at both of its ends.
"""

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard

from app.domain import clock
from app.domain.dno import Dno
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.working_days import is_working_day

_MONTHS: dict[Season, tuple[tuple[int, int], ...]] = {
    Season.WINTER: ((1, 2), (12, 12)),
    Season.SPRING: ((3, 5),),
    Season.SUMMER: ((6, 8),),
    Season.AUTUMN: ((9, 11),),
}
_SEASONS = {
    Season.WINTER: "Winter",
    Season.SPRING: "Frühling",
    Season.SUMMER: "Sommer",
    Season.AUTUMN: "Herbst",
}
_LEVELS = {
    VoltageLevel.HOES: "Höchstspannung",
    VoltageLevel.HOES_HS: "Umspannung Höchst-/Hochspannung",
    VoltageLevel.HS: "Hochspannung",
    VoltageLevel.HS_MS: "Umspannung Hoch-/Mittelspannung",
    VoltageLevel.MS: "Mittelspannung",
    VoltageLevel.MS_NS: "Umspannung Mittel-/Niederspannung",
    VoltageLevel.NS: "Niederspannung",
}
_STATUSES = {
    VerificationStatus.VERIFIED: "geprüft",
    VerificationStatus.UNVERIFIED: "ungeprüft",
    VerificationStatus.FLAGGED: "angezweifelt",
}
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


def write_calendar(dno: Dno, year: int, entries: Sequence[Hlzf]) -> bytes:
    """The same entries give the same bytes."""
    calendar = Calendar()
    calendar.add("prodid", "-//dno-api//Hochlastzeitfenster//DE")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"Hochlastzeitfenster {dno.name} {year}")
    calendar.add("x-wr-timezone", str(clock.GERMANY))
    calendar.add("x-published-ttl", "P1D")
    calendar.add_component(_germany(year))
    for entry in entries:
        for window, (first, last) in itertools.product(entry.windows, _MONTHS[entry.season]):
            calendar.add_component(_series(dno, entry, window, list(_weekdays(year, first, last))))
    written: bytes = calendar.to_ical()
    return written


def _germany(year: int) -> Timezone:
    """German time in one year, as the time zone database has it."""
    zone = Timezone()
    zone.add("tzid", str(clock.GERMANY))
    begin = datetime(year, 1, 1, tzinfo=clock.GERMANY)
    zone.add_component(_observance(begin, begin))
    for before, after in _clock_changes(year):
        zone.add_component(_observance(before, after))
    return zone


@lru_cache(maxsize=128)
def _clock_changes(year: int) -> tuple[tuple[datetime, datetime], ...]:
    """Each change of the clock, found by the hour: the hour before it and the hour that begins with it."""
    first = datetime(year, 1, 1, tzinfo=clock.GERMANY).astimezone(UTC)
    days = (first + timedelta(days=n) for n in range(366))
    changing = (day for day in days if _changes_within(day, _DAY))
    hours = (day + timedelta(hours=n) for day in changing for n in range(24))
    return tuple(
        (hour.astimezone(clock.GERMANY), (hour + _HOUR).astimezone(clock.GERMANY))
        for hour in hours
        if _changes_within(hour, _HOUR)
    )


def _changes_within(moment: datetime, span: timedelta) -> bool:
    after = (moment + span).astimezone(clock.GERMANY)
    return moment.astimezone(clock.GERMANY).utcoffset() != after.utcoffset()


def _observance(before: datetime, after: datetime) -> TimezoneStandard | TimezoneDaylight:
    """From `after` on. It starts by the clock of before (RFC 5545, 3.6.5): in March at 02:00, not at 03:00."""
    offset_from, offset_to = before.utcoffset(), after.utcoffset()
    assert offset_from is not None
    observance = TimezoneDaylight() if after.dst() else TimezoneStandard()
    observance.add("dtstart", after.astimezone(UTC).replace(tzinfo=None) + offset_from)
    observance.add("tzname", after.tzname())
    observance.add("tzoffsetfrom", offset_from)
    observance.add("tzoffsetto", offset_to)
    return observance


def _weekdays(year: int, first_month: int, last_month: int) -> Iterator[date]:
    """Monday to Friday from the first day of one month to the last of another."""
    day = date(year, first_month, 1)
    while day.year == year and day.month <= last_month:
        if day.weekday() < 5:
            yield day
        day += _DAY


def _series(dno: Dno, entry: Hlzf, window: TimeWindow, weekdays: Sequence[date]) -> Event:
    held = [day for day in weekdays if is_working_day(day, dno.region)]
    first, last = held[0], held[-1]
    event = Event()
    event.add("uid", _uid(dno, entry, window, first.month))
    event.add("dtstamp", entry.updated_at)
    event.add("last-modified", entry.updated_at)
    event.add("sequence", entry.version - 1)
    event.add("dtstart", _moment(first, window.start))
    event.add("dtend", _moment(first, window.end))
    event.add(
        "rrule",
        {
            "freq": "weekly",
            "byday": ["MO", "TU", "WE", "TH", "FR"],
            "until": _moment(last, window.start).astimezone(UTC),
        },
    )
    if out := [day for day in weekdays if first < day < last and day not in held]:
        event.add("exdate", [_moment(day, window.start) for day in out])
    event.add("summary", f"Hochlastzeitfenster {_LEVELS[entry.voltage_level]} ({_SEASONS[entry.season]})")
    event.add("description", _description(dno, entry, window))
    event.add("categories", ["Hochlastzeitfenster", entry.voltage_level, _SEASONS[entry.season]])
    if entry.source_url:
        event.add("url", entry.source_url)
    event.add("transp", "TRANSPARENT")  # it blocks no time
    return event


def _uid(dno: Dno, entry: Hlzf, window: TimeWindow, month: int) -> str:
    """Stays when an entry is corrected, so that subscribers see a change, not a second event."""
    start = clock.hh_mm(window.start).replace(":", "")
    return f"hlzf-{dno.slug}-{entry.year}-{month:02}-{entry.voltage_level}-{start}@dno-api".lower()


def _moment(day: date, minutes: int) -> datetime:
    midnight = datetime.combine(day, time(), clock.GERMANY)
    return midnight + timedelta(minutes=minutes)  # arithmetic on the wall clock: 24:00 is the next midnight


def _description(dno: Dno, entry: Hlzf, window: TimeWindow) -> str:
    times = f"{clock.hh_mm(window.start)} bis {clock.hh_mm(window.end)} Uhr"
    lines = [
        f"{dno.name}: Hochlastzeitfenster {entry.year}, {_LEVELS[entry.voltage_level]}, {_SEASONS[entry.season]}, {times}.",
        "Gilt an Werktagen, nicht an Feiertagen des Bundeslandes und nicht vom 24. Dezember bis 1. Januar"
        " (individuelle Netzentgelte, § 19 Abs. 2 Satz 1 StromNEV).",
        f"Angabe {_STATUSES[entry.verification_status]}.",
    ]
    if entry.source_title or entry.source_url:
        lines.append(f"Quelle: {entry.source_title or entry.source_url}")
    return "\n".join(lines)
