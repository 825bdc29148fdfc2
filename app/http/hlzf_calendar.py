"""Peak-load windows as a calendar (iCalendar, RFC 5545) that programs such as Outlook subscribe to.

Each window is one weekly series from Monday to Friday within its season, in German wall-clock time, without the days that
are off-peak by the operator's holiday rule. Days of which that is not known are a tentative event of their own. December is a
series of its own, since the winter of a calendar year lies at both of its ends. Printed times that are ends of quarter-hours
are not shifted: the description of an event marks them. A season that the sheet does not mention has no events, as one
without windows; the description of the calendar names it as not known.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard, vText

from app.domain import clock
from app.domain.dno import Dno
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.holiday_rule import (
    BridgeDays,
    HolidayRule,
    TimeStamps,
    rule_of_year,
    time_stamps_in_doubt,
)
from app.domain.working_days import day_status, names_bridge_day

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
_BRIDGE_DAYS = {
    BridgeDays.WORKING_DAYS: "Brückentage sind Werktage.",
    BridgeDays.ALL_EXCLUDED: "Brückentage sind ausgenommen.",
    BridgeDays.ONE_EXCLUDED: "Ein Brückentag ist ausgenommen.",
    BridgeDays.UNKNOWN: "Ob Brückentage ausgenommen sind, ist nicht bekannt.",
}
_NAMED_BRIDGE_DAYS = "Von den Brückentagen sind nur die ausgenommen, die der Netzbetreiber nennt."
_TIME_STAMPS = {
    TimeStamps.INTERVAL_END: "Die Zeiten sind wie gedruckt Enden von Viertelstunden: Das Fenster beginnt 15 Minuten früher.",
    TimeStamps.UNKNOWN: "Ob die gedruckten Zeiten Uhrzeiten oder Enden von Viertelstunden sind, ist offen.",
}
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


class _Window(NamedTuple):
    """A window of an entry, with what its events state beside it."""

    dno: Dno
    entry: Hlzf
    times: TimeWindow
    rule: HolidayRule | None
    bridge_days: str  # a sentence about them


def write_calendar(
    dno: Dno,
    year: int,
    entries: Sequence[Hlzf],
    rules: Iterable[HolidayRule] = (),
    levels: Iterable[VoltageLevel] = (),
) -> bytes:
    """The same entries and rules give the same bytes. `levels`: those that were asked for, also without entries."""
    rule = rule_of_year(rules, year)
    bridge_days = _bridge_days(dno, year, rule)
    not_known = _not_known(year, entries, levels)
    calendar = Calendar()
    calendar.add("prodid", "-//dno-api//Hochlastzeitfenster//DE")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", vText(f"Hochlastzeitfenster {dno.name} {year}"))
    if not_known:
        calendar.add("x-wr-caldesc", vText("\n".join(not_known)))
    calendar.add("x-wr-timezone", str(clock.GERMANY))
    calendar.add("x-published-ttl", "P1D")
    calendar.add_component(_germany(year))
    for entry in entries:
        for times, (first, last) in itertools.product(entry.windows, _MONTHS[entry.season]):
            window = _Window(dno, entry, times, rule, bridge_days)
            for event in _events(window, list(_weekdays(year, first, last))):
                calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _not_known(year: int, entries: Iterable[Hlzf], levels: Iterable[VoltageLevel]) -> list[str]:
    """Of each level with seasons that the sheet does not mention, a sentence about these."""
    mentioned: dict[VoltageLevel, set[Season]] = {level: set() for level in levels}
    for entry in entries:
        mentioned.setdefault(entry.voltage_level, set()).add(entry.season)
    return [
        f"Nicht bekannt ist, ob {year} in {_LEVELS[level]} Fenster in diesen Jahreszeiten gelten: {', '.join(names)}."
        for level, seasons in mentioned.items()
        if (names := [_SEASONS[season] for season in Season if season not in seasons])
    ]


def _bridge_days(dno: Dno, year: int, rule: HolidayRule | None) -> str:
    stated = rule.bridge_days if rule else BridgeDays.UNKNOWN
    if stated is not BridgeDays.ALL_EXCLUDED and names_bridge_day(year, dno.region, rule):
        return _NAMED_BRIDGE_DAYS
    return _BRIDGE_DAYS[stated]


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


def _events(window: _Window, weekdays: Sequence[date]) -> Iterator[Event]:
    holds = {day: day_status(day, window.dno.region, window.rule).windows_hold for day in weekdays}
    if held := [day for day in weekdays if holds[day]]:
        yield _series(window, weekdays, held)
    if not_known := [day for day in weekdays if holds[day] is None]:
        yield _tentative(window, not_known)


def _series(window: _Window, weekdays: Sequence[date], held: Sequence[date]) -> Event:
    first, last, start = held[0], held[-1], window.times.start
    event = _event(window, first)
    event.add(
        "rrule",
        {
            "freq": "weekly",
            "byday": ["MO", "TU", "WE", "TH", "FR"],
            "until": _moment(last, start).astimezone(UTC),
        },
    )
    if out := [day for day in weekdays if first < day < last and day not in held]:
        event.add("exdate", [_moment(day, start) for day in out])
    return event


def _tentative(window: _Window, days: Sequence[date]) -> Event:
    event = _event(window, days[0], certain=False)
    if days[1:]:
        event.add("rdate", [_moment(day, window.times.start) for day in days[1:]])
    event.add("status", "TENTATIVE")
    return event


def _event(window: _Window, first: date, *, certain: bool = True) -> Event:
    """Without its further days."""
    entry = window.entry
    event = Event()
    event.add("uid", _uid(window, first.month, certain=certain))
    event.add("dtstamp", _changed_last(window))
    event.add("last-modified", _changed_last(window))
    event.add("sequence", entry.version - 1 + (window.rule.version if window.rule else 0))
    event.add("dtstart", _moment(first, window.times.start))
    event.add("dtend", _moment(first, window.times.end))
    doubt = "" if certain else " – nicht sicher"
    event.add(
        "summary",
        f"Hochlastzeitfenster {_LEVELS[entry.voltage_level]} ({_SEASONS[entry.season]}){doubt}",
    )
    event.add("description", _description(window, certain=certain))
    event.add("categories", ["Hochlastzeitfenster", entry.voltage_level, _SEASONS[entry.season]])
    if entry.source_url:
        event.add("url", entry.source_url)
    event.add("transp", "TRANSPARENT")  # it blocks no time
    return event


def _changed_last(window: _Window) -> datetime:
    return max(window.entry.updated_at, window.rule.updated_at) if window.rule else window.entry.updated_at


def _uid(window: _Window, month: int, *, certain: bool) -> str:
    """Stays when an entry is corrected, so that subscribers see a change, not a second event."""
    entry = window.entry
    start = clock.hh_mm(window.times.start).replace(":", "")
    kind = "hlzf" if certain else "hlzf-tentative"
    month = 1 if entry.season is Season.WINTER and month < 12 else _MONTHS[entry.season][-1][0]
    return f"{kind}-{window.dno.slug}-{entry.year}-{month:02}-{entry.voltage_level}-{start}@dno-api".lower()


def _moment(day: date, minutes: int) -> datetime:
    midnight = datetime.combine(day, time(), clock.GERMANY)
    return midnight + timedelta(minutes=minutes)  # arithmetic on the wall clock: 24:00 is the next midnight


def _description(window: _Window, *, certain: bool) -> str:
    dno, entry, rule = window.dno, window.entry, window.rule
    times = f"{clock.hh_mm(window.times.start)} bis {clock.hh_mm(window.times.end)} Uhr"
    lines = [
        f"{dno.name}: Hochlastzeitfenster {entry.year}, {_LEVELS[entry.voltage_level]}, {_SEASONS[entry.season]}, {times}.",
        "Gilt an Werktagen, nicht an bundesweiten Feiertagen und nicht vom 24. Dezember bis 1. Januar, wenn der"
        " Netzbetreiber nichts anderes angibt (individuelle Netzentgelte, § 19 Abs. 2 Satz 1 StromNEV).",
        window.bridge_days,
    ]
    if not certain:
        lines.insert(
            0,
            "Nicht sicher: An diesen Tagen (Brückentage, regionale Feiertage) ist nicht bekannt, ob das Fenster gilt.",
        )
    if rule and (marked := time_stamps_in_doubt(rule)):
        lines.append(_TIME_STAMPS[marked])
    preliminary = entry.publication is Publication.PRELIMINARY
    lines.append(
        f"{'Vorläufige Angabe' if preliminary else 'Angabe'}, {_STATUSES[entry.verification_status]}."
    )
    if entry.source_title or entry.source_url:
        lines.append(f"Quelle: {entry.source_title or entry.source_url}")
    return "\n".join(lines)
