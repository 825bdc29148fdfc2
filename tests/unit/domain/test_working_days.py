"""On which days peak-load windows hold, by what the operator states of them."""

from datetime import date

import pytest

from app.domain.federal_state import FEDERAL_STATES
from app.domain.holiday_rule import BridgeDays, ChristmasDays, HolidayScope, rule_of_year
from app.domain.working_days import PeakReason, day_status, days_of_year
from tests.unit.domain.peak_sheets import rule

ALL, ONE, WORK = BridgeDays.ALL_EXCLUDED, BridgeDays.ONE_EXCLUDED, BridgeDays.WORKING_DAYS
STATE, AREA, NATIONWIDE = HolidayScope.STATE, HolidayScope.NETWORK_AREA, HolidayScope.NATIONWIDE


def status(day, region="Bayern", **stated):
    """Whether windows hold, and the reason, without the note."""
    found = day_status(date.fromisoformat(day), region, rule(**stated) if stated else None)
    return found.windows_hold, found.reason.value


def note(day, region="Bayern", **stated):
    return day_status(date.fromisoformat(day), region, rule(**stated) if stated else None).note


WORKING, UNKNOWN = (True, "WINDOW"), (None, "UNKNOWN")
WEEKEND, HOLIDAY, BRIDGE_DAY, CHRISTMAS = (
    (False, reason) for reason in ("WEEKEND", "HOLIDAY", "BRIDGE_DAY", "CHRISTMAS")
)


@pytest.mark.parametrize("stated", [{}, {"bridge_days": WORK, "holidays": NATIONWIDE}])
@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-01-03", WEEKEND),
        ("2026-04-05", WEEKEND),  # Easter Sunday
        ("2026-10-03", WEEKEND),  # Tag der Deutschen Einheit on a Saturday
        ("2026-04-03", HOLIDAY),
        ("2026-05-14", HOLIDAY),
        ("2025-10-03", HOLIDAY),
        ("2017-10-31", HOLIDAY),  # in that year everywhere
        ("2026-01-01", HOLIDAY),
        ("2026-12-25", HOLIDAY),
        ("2026-12-23", WORKING),
        ("2026-04-15", WORKING),
    ],
)
def test_weekends_and_nationwide_holidays_are_off_peak_whatever_the_rule(day, expected, stated):
    assert status(day, **stated) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, UNKNOWN),
        ({"holidays": STATE}, HOLIDAY),
        ({"holidays": NATIONWIDE}, WORKING),
        ({"holidays": AREA}, UNKNOWN),
        ({"holidays": AREA, "holiday_states": ("Bayern", "Baden-Württemberg")}, HOLIDAY),
        ({"holidays": AREA, "holiday_states": ("Bayern", "Thüringen")}, WORKING),
    ],
)
def test_a_holiday_of_the_state_counts_only_if_the_operator_states_it(stated, expected):
    assert status("2026-01-06", **stated) == expected  # Heilige Drei Könige


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("Hessen", WORKING),
        ("bayern", HOLIDAY),
        ("BADEN-WUERTTEMBERG", HOLIDAY),
        (None, UNKNOWN),
        ("Tirol", UNKNOWN),
    ],
)
def test_the_state_is_that_of_the_operators_seat(region, expected):
    assert status("2026-01-06", region, holidays=STATE) == expected


@pytest.mark.parametrize(
    ("day", "region", "stated", "expected"),
    [
        ("2025-08-15", "Bayern", {"holidays": STATE}, UNKNOWN),  # Mariä Himmelfahrt
        ("2025-08-15", "Bayern", {}, UNKNOWN),
        ("2025-08-15", "Bayern", {"holidays": NATIONWIDE}, WORKING),
        ("2025-08-15", "Saarland", {"holidays": STATE}, HOLIDAY),
        ("2025-08-15", "Hessen", {"holidays": STATE}, WORKING),
        ("2025-08-15", "Bayern", {"holidays": AREA, "holiday_states": ("Bayern", "Saarland")}, UNKNOWN),
        (
            "2025-08-15",
            "Bayern",
            {"holidays": AREA, "holiday_states": ("Bayern", "Baden-Württemberg")},
            WORKING,
        ),
        ("2025-08-15", "Bayern", {"working_dates": (date(2025, 8, 15),)}, WORKING),
        ("2025-08-15", "Bayern", {"excluded_dates": (date(2025, 8, 15),)}, HOLIDAY),
        ("2025-08-15", "Bayern", {"holidays": NATIONWIDE, "excluded_dates": (date(2025, 8, 15),)}, HOLIDAY),
        ("2026-06-04", "Sachsen", {"holidays": STATE}, UNKNOWN),  # Fronleichnam in some municipalities
        ("2026-06-04", "Thüringen", {"holidays": STATE}, UNKNOWN),
        ("2026-06-04", "Nordrhein-Westfalen", {"holidays": STATE}, HOLIDAY),
    ],
)
def test_a_holiday_of_some_municipalities_is_unknown_unless_the_operator_names_it(
    day, region, stated, expected
):
    assert status(day, region, **stated) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, UNKNOWN),
        ({"bridge_days": WORK}, WORKING),
        ({"bridge_days": ALL}, BRIDGE_DAY),
        ({"bridge_days": ONE}, UNKNOWN),
        ({"bridge_days": ONE, "excluded_dates": (date(2026, 5, 15),)}, BRIDGE_DAY),
        ({"bridge_days": ONE, "excluded_dates": (date(2026, 1, 2),)}, WORKING),
        ({"excluded_dates": (date(2026, 1, 2),)}, WORKING),
        ({"bridge_days": ALL, "excluded_dates": (date(2026, 1, 2),)}, BRIDGE_DAY),
        ({"bridge_days": ALL, "working_dates": (date(2026, 5, 15),)}, WORKING),
        # The date states which regional holiday counts, and nothing of bridge days.
        ({"bridge_days": ONE, "excluded_dates": (date(2026, 6, 4),)}, UNKNOWN),
        ({"bridge_days": ONE, "holidays": NATIONWIDE, "excluded_dates": (date(2026, 6, 4),)}, UNKNOWN),
        # Nor do nationwide holidays, weekends, 24 and 31 December, and days of other years.
        ({"bridge_days": ONE, "excluded_dates": (date(2026, 5, 14), date(2026, 5, 16))}, UNKNOWN),
        ({"bridge_days": ONE, "excluded_dates": (date(2026, 12, 24), date(2026, 12, 31))}, UNKNOWN),
        ({"bridge_days": ONE, "excluded_dates": (date(2023, 10, 2),)}, UNKNOWN),
        ({"excluded_dates": (date(2023, 10, 2),)}, UNKNOWN),
    ],
)
def test_a_bridge_day_is_as_the_operator_states_it(stated, expected):
    assert status("2026-05-15", **stated) == expected  # the Friday after Christi Himmelfahrt


@pytest.mark.parametrize(
    ("day", "region", "expected"),
    [
        ("2026-01-02", "Hessen", BRIDGE_DAY),  # Friday after New Year
        ("2025-01-02", "Hessen", WORKING),  # Thursday: two days to the weekend
        ("2025-01-03", "Hessen", WORKING),
        ("2026-01-05", "Bayern", BRIDGE_DAY),  # Monday before Heilige Drei Könige
        ("2026-01-05", "Hessen", WORKING),
        ("2026-01-05", None, UNKNOWN),  # Heilige Drei Könige may be a holiday there
        ("2022-05-27", "Berlin", BRIDGE_DAY),  # named by 50Hertz
        ("2023-10-02", "Berlin", BRIDGE_DAY),  # named by 50Hertz
        ("2023-05-02", "Berlin", WORKING),  # Tuesday after 1 May
        ("2026-10-02", "Berlin", WORKING),  # Friday before a holiday that is a Saturday
        ("2024-08-16", "Bayern", UNKNOWN),  # after Mariä Himmelfahrt, on a Thursday
        ("2024-08-16", "Saarland", BRIDGE_DAY),
        ("2024-12-23", "Berlin", WORKING),  # 24 December is no holiday
        ("2025-11-20", "Sachsen", WORKING),  # Thursday after Buß- und Bettag
    ],
)
def test_a_bridge_day_lies_alone_between_a_holiday_and_a_weekend(day, region, expected):
    assert status(day, region, bridge_days=ALL) == expected


def test_a_day_between_two_holidays_is_a_bridge_day():
    # In 2008 Christi Himmelfahrt was on 1 May; in 2018 Reformationstag a Wednesday, and 1 November a Thursday.
    assert status("2018-11-02", "Sachsen", bridge_days=ALL) == WORKING
    assert status("2018-11-02", "Bayern", bridge_days=ALL) == BRIDGE_DAY
    area = {"holidays": AREA, "holiday_states": ("Bayern",)}
    assert status("2018-11-02", "Sachsen", bridge_days=ALL, **area) == BRIDGE_DAY


@pytest.mark.parametrize("stated", [{}, {"holidays": STATE}, {"holidays": AREA}])
def test_a_holiday_of_the_state_makes_a_bridge_day_also_where_it_is_not_known_to_count(stated):
    assert status("2026-01-05", bridge_days=ALL, **stated) == BRIDGE_DAY


def test_a_regional_holiday_that_does_not_count_makes_no_bridge_day():
    assert status("2026-01-05", bridge_days=ALL, holidays=NATIONWIDE) == WORKING
    two = {"holidays": AREA, "holiday_states": ("Bayern", "Hessen")}
    assert status("2026-01-05", bridge_days=ALL, **two) == WORKING


@pytest.mark.parametrize("stated", [{}, {"christmas": ChristmasDays.ALL_EXCLUDED}])
@pytest.mark.parametrize("day", ["2026-12-24", "2026-12-28", "2026-12-30", "2026-12-31"])
def test_the_days_from_24_december_are_off_peak(day, stated):
    assert status(day, **stated) == CHRISTMAS


def test_the_note_on_christmas_states_how_sure_it_is():
    assert "paraphrase" in note("2026-12-28")
    assert "paraphrase" not in note("2026-12-24", christmas=ChristmasDays.ALL_EXCLUDED)
    between = {"christmas": ChristmasDays.BETWEEN_EXCLUDED}
    assert status("2026-12-28", **between) == status("2026-12-24", **between) == CHRISTMAS
    assert "paraphrase" not in note("2026-12-28", **between)
    assert "does not name 24 December" in note("2026-12-24", **between)
    assert "does not name 31 December" in note("2026-12-31", **between)


def test_an_operator_may_state_that_the_days_after_christmas_are_working_days():
    assert status("2026-12-28", christmas=ChristmasDays.WORKING_DAYS) == WORKING
    assert status("2026-12-25", christmas=ChristmasDays.WORKING_DAYS) == HOLIDAY
    # The Friday after the second day of Christmas is then a bridge day.
    assert status("2024-12-27", christmas=ChristmasDays.WORKING_DAYS, bridge_days=ALL) == BRIDGE_DAY


def test_a_monday_before_new_year_is_a_bridge_day():
    working = {"christmas": ChristmasDays.WORKING_DAYS}
    assert status("2029-12-31", bridge_days=ALL, **working) == BRIDGE_DAY
    assert status("2029-12-31", bridge_days=WORK, **working) == WORKING
    assert status("2029-12-31", **working) == UNKNOWN
    assert status("2029-12-24", bridge_days=ALL, **working) == BRIDGE_DAY  # a Monday before Christmas
    assert status("2030-12-31", bridge_days=ALL, **working) == WORKING  # a Tuesday
    named = {"bridge_days": ONE, "excluded_dates": (date(2029, 12, 31),), **working}
    assert status("2029-12-31", **named) == BRIDGE_DAY
    assert status("2029-05-11", **named) == WORKING


def test_notes_name_the_holiday_and_what_is_not_known():
    assert (
        note("2026-01-06")
        == "Heilige Drei Könige: which regional holidays count is not known for this operator"
    )
    assert (
        note("2026-05-15", bridge_days=ONE) == "the operator excludes one bridge day and does not say which"
    )
    assert "not known" in note("2026-05-15")
    assert "municipalities" in note("2025-08-15", holidays=STATE)


@pytest.mark.parametrize(("year", "days"), [(2000, 366), (2024, 366), (2025, 365), (2100, 365)])
def test_a_year_has_a_status_for_each_of_its_days(year, days):
    for region in (*FEDERAL_STATES, None):
        assert len(days_of_year(year, region, None)) == days
        known = days_of_year(year, region, rule(bridge_days=WORK, holidays=NATIONWIDE))
        assert PeakReason.UNKNOWN not in {day.reason for day in known}


def test_the_rule_of_the_year_holds_before_one_without_a_year():
    without, of_2025 = rule(), rule(2025)
    assert rule_of_year([of_2025, without], 2025) is rule_of_year([without, of_2025], 2025) is of_2025
    assert rule_of_year([of_2025, without], 2026) is without
    assert rule_of_year([of_2025], 2026) is None
