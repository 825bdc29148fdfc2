"""The calendar of peak-load windows, read by a second library and compared with the intervals of the API."""

from datetime import date

import msgspec
import pytest
import recurring_ical_events
from icalendar import Calendar

from app.domain.dno import Dno, GridStatistics
from app.domain.entry import Publication, VoltageLevel
from app.domain.hlzf import Season
from app.domain.holiday_rule import BridgeDays, ChristmasDays, HolidayScope, TimeStamps
from app.domain.peak import TimeInterval, peak_intervals, peak_statuses
from app.http.hlzf_calendar import write_calendar
from app.http.quarter_hours import year_of
from tests.unit.domain.peak_sheets import all_year, hlzf, rule

_TEXTS = dict.fromkeys(
    ("official_name", "city", "postal_code", "website", "mastr_nr", "bdew_code", "acer_code", "vnb_id")
)
_ENTRY = hlzf(Season.WINTER)
DNO = Dno(
    id=_ENTRY.dno_id,
    slug="netze-a",
    name="Netze A",
    region="Bayern",
    transmission=False,
    closed_network=False,
    statistics=GridStatistics(),
    version=1,
    updated_at=_ENTRY.updated_at,
    **_TEXTS,
)
RULES = {
    "none": [],
    "all bridge days": [rule(bridge_days=BridgeDays.ALL_EXCLUDED)],
    "one bridge day, state": [rule(bridge_days=BridgeDays.ONE_EXCLUDED, holidays=HolidayScope.STATE)],
    "working days": [
        rule(
            bridge_days=BridgeDays.WORKING_DAYS,
            holidays=HolidayScope.NATIONWIDE,
            christmas=ChristmasDays.WORKING_DAYS,
        )
    ],
}


def events_of(year, sheet, rules):
    return Calendar.from_ical(write_calendar(DNO, year, sheet, rules))


def text_of(calendar, name):
    """Of a property that the library does not know; by RFC 5545, 3.3.11."""
    return str(calendar[name]).replace("\\,", ",").replace("\\;", ";").replace("\\n", "\n")


def occurrences(calendar, year, *, tentative):
    start, end = year_of(year)
    return sorted(
        (
            TimeInterval(event["dtstart"].dt, event["dtend"].dt)
            for event in recurring_ical_events.of(calendar).between(start, end)
            if (event.get("status") == "TENTATIVE") is tentative
        ),
        key=lambda interval: interval.start,
    )


@pytest.mark.parametrize("year", [2025, 2026])
@pytest.mark.parametrize("name", RULES)
def test_its_events_are_the_peak_intervals_and_what_is_not_known_is_tentative(year, name):
    sheet = [
        hlzf(Season.WINTER, "07:30-13:00", "16:00-24:00", year=year),
        hlzf(Season.SPRING, "00:00-06:00", year=year),
        hlzf(Season.SUMMER, year=year),
        hlzf(Season.AUTUMN, "09:45-11:15", year=year),
    ]
    calendar = events_of(year, sheet, RULES[name])
    statuses = peak_statuses(sheet, DNO.region, RULES[name], *year_of(year))
    assert occurrences(calendar, year, tentative=False) == peak_intervals(statuses)
    not_known = [status.interval for status in statuses if status.peak is None]
    assert occurrences(calendar, year, tentative=True) == not_known
    assert bool(not_known) is (name != "working days")


def test_the_series_and_the_tentative_event_of_a_window_have_ids_of_their_own():
    events = events_of(2026, all_year("07:30-13:00"), []).walk("VEVENT")
    ids = [str(event["uid"]) for event in events]
    assert len(ids) == len(set(ids))
    assert "hlzf-netze-a-2026-12-ms-0730@dno-api" in ids
    assert "hlzf-tentative-netze-a-2026-01-ms-0730@dno-api" in ids


def test_a_tentative_event_is_marked_in_words_too():
    events = events_of(2026, all_year("07:30-13:00"), []).walk("VEVENT")
    tentative = [event for event in events if event.get("status") == "TENTATIVE"]
    assert all(event["summary"].endswith("nicht sicher") for event in tentative)
    assert all(event["description"].startswith("Nicht sicher") for event in tentative)


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"time_stamps": TimeStamps.INTERVAL_END}, "beginnt 15 Minuten früher"),
        ({"time_stamp_words": "end of the quarter-hour, no example"}, "ist offen"),
        ({"bridge_days": BridgeDays.ALL_EXCLUDED}, "Brückentage sind ausgenommen"),
    ],
)
def test_an_event_states_the_rule_and_marks_printed_times(stated, words):
    [event, *_] = events_of(2026, all_year("07:30-13:00"), [rule(**stated)]).walk("VEVENT")
    assert words in event["description"]
    assert event["dtstart"].dt.strftime("%H:%M") == "07:30"
    [plain, *_] = events_of(2026, all_year("07:30-13:00"), [rule()]).walk("VEVENT")
    assert words not in plain["description"]


@pytest.mark.parametrize(
    ("named", "are_known"),
    [
        (date(2026, 5, 15), True),  # after Ascension Day
        (date(2026, 6, 6), False),  # a Saturday
        (date(2025, 5, 30), False),  # a bridge day of another year
    ],
)
def test_the_words_on_bridge_days_agree_with_the_events_where_the_operator_names_one(named, are_known):
    stated = rule(excluded_dates=(named,), holidays=HolidayScope.STATE)
    events = events_of(2026, all_year("07:30-13:00"), [stated]).walk("VEVENT")
    words = {("nur die ausgenommen, die der Netzbetreiber nennt" in event["description"]) for event in events}
    tentative = [event for event in events if event.get("status") == "TENTATIVE"]
    assert (words, not tentative) == ({are_known}, are_known)
    open_ = "Ob Brückentage ausgenommen sind, ist nicht bekannt."
    assert all((open_ in event["description"]) is not are_known for event in events)


@pytest.mark.parametrize("stated", [BridgeDays.ONE_EXCLUDED, BridgeDays.WORKING_DAYS])
def test_where_bridge_days_are_named_the_words_refer_to_them_and_not_to_the_general_rule(stated):
    named = rule(bridge_days=stated, excluded_dates=(date(2026, 1, 2), date(2026, 5, 15)))
    events = events_of(2026, all_year("07:30-13:00"), [named]).walk("VEVENT")
    assert all("nur die ausgenommen, die der Netzbetreiber nennt" in event["description"] for event in events)
    assert not any("Ein Brückentag" in event["description"] for event in events)


def test_the_description_states_whether_an_entry_is_preliminary():
    final = hlzf(Season.SUMMER, "07:30-13:00")
    preliminary = msgspec.structs.replace(final, publication=Publication.PRELIMINARY)
    for entry, stated in ((final, "\nAngabe, geprüft."), (preliminary, "\nVorläufige Angabe, geprüft.")):
        events = events_of(2026, [entry], []).walk("VEVENT")
        assert events
        assert all(stated in event["description"] for event in events)


def test_a_season_that_the_sheet_does_not_mention_is_named_as_not_known_and_one_without_windows_is_not():
    sheet = [hlzf(Season.WINTER, "07:30-13:00"), hlzf(Season.SUMMER)]
    calendar = events_of(2026, sheet, [])
    sentence = "Nicht bekannt ist, ob 2026 in Mittelspannung Fenster in diesen Jahreszeiten gelten: Frühling, Herbst."
    assert text_of(calendar, "x-wr-caldesc") == sentence
    whole = events_of(2026, [*sheet, hlzf(Season.SPRING), hlzf(Season.AUTUMN)], [])
    assert "x-wr-caldesc" not in whole
    # An entry of another season leaves the events as they are: their SEQUENCE is that of their own entry.
    assert whole.walk("VEVENT") == calendar.walk("VEVENT")


def test_seasons_are_not_known_level_by_level_also_without_any_event():
    whole = all_year("07:30-13:00")
    without_windows = msgspec.structs.replace(hlzf(Season.WINTER), voltage_level=VoltageLevel.NS)
    calendar = events_of(2026, [*whole, without_windows], [])
    assert text_of(calendar, "x-wr-caldesc").endswith(
        "Niederspannung Fenster in diesen Jahreszeiten gelten: Frühling, Sommer, Herbst."
    )


def test_the_name_of_an_operator_is_escaped_as_text():
    dno = msgspec.structs.replace(DNO, name="Netze A, B;\nC")
    calendar = Calendar.from_ical(write_calendar(dno, 2026, all_year("07:30-13:00")))
    assert text_of(calendar, "x-wr-calname") == "Hochlastzeitfenster Netze A, B;\nC 2026"
    assert "Netze A\\, B" in calendar["x-wr-calname"]


def test_a_corrected_rule_raises_the_sequence():
    sheet = all_year("07:30-13:00")
    sequences = [
        {event["sequence"] for event in events_of(2026, sheet, rules).walk("VEVENT")}
        for rules in ([], [rule()], [msgspec.structs.replace(rule(), version=5)])
    ]
    assert sequences == [{0}, {1}, {5}]
