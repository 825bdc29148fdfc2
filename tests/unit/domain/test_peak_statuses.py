"""The answers of a span of time: peak load, off-peak or not known, with the reason."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from app.domain.clock import GERMANY
from app.domain.hlzf import Season
from app.domain.holiday_rule import BridgeDays, HolidayScope, TimeStamps
from app.domain.peak import PeakReason, TimeInterval, is_peak, peak_intervals, peak_status, peak_statuses
from tests.unit.domain.peak_sheets import all_year, german, hlzf, rule

SHEET = [hlzf(Season.WINTER, "07:30-13:00", "16:00-24:00"), hlzf(Season.SUMMER)]
STATED = rule(bridge_days=BridgeDays.WORKING_DAYS, holidays=HolidayScope.NATIONWIDE)


def answer(status):
    return status.peak, status.reason.value


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-07 07:29:59", (False, "NO_WINDOW")),
        ("2026-01-07 07:30", (True, "WINDOW")),
        ("2026-01-07 12:59:59", (True, "WINDOW")),
        ("2026-01-07 13:00", (False, "NO_WINDOW")),
        ("2026-01-07 23:59:59", (True, "WINDOW")),  # a window may end at 24:00
        ("2026-01-08 00:00", (False, "NO_WINDOW")),
        ("2026-01-10 08:00", (False, "WEEKEND")),
        ("2026-12-23 08:00", (True, "WINDOW")),  # December is the winter of its own calendar year
        ("2026-12-25 08:00", (False, "HOLIDAY")),
        ("2026-06-10 08:00", (False, "NO_WINDOW")),  # published that there is none
        ("2026-04-15 08:00", (None, "UNKNOWN")),  # a season that the sheet does not mention
        ("2026-04-18 08:00", (False, "WEEKEND")),  # also in such a season
        ("2025-12-10 08:00", (None, "UNKNOWN")),  # a year without a sheet
        ("2025-12-13 08:00", (None, "UNKNOWN")),  # also on a Saturday
    ],
)
def test_windows_hold_in_their_season(at, expected):
    assert answer(peak_status(german(at), SHEET, "Bayern", [STATED])) == expected


def test_outside_windows_a_day_of_which_the_rule_is_unknown_is_off_peak():
    assert answer(peak_status(german("2026-01-02 08:00"), SHEET, "Bayern")) == (None, "UNKNOWN")
    assert answer(peak_status(german("2026-01-02 14:00"), SHEET, "Bayern")) == (False, "NO_WINDOW")


@pytest.mark.parametrize(
    ("at", "start", "end"),
    [
        ("2026-01-07 08:00", "2026-01-07 07:30", "2026-01-07 13:00"),
        ("2026-01-07 20:00", "2026-01-07 16:00", "2026-01-08 00:00"),
        ("2026-01-11 20:00", "2026-01-10 00:00", "2026-01-12 00:00"),
        ("2026-06-10 08:00", "2026-06-08 00:00", "2026-06-13 00:00"),
        ("2026-04-15 08:00", "2026-04-13 00:00", "2026-04-18 00:00"),
        ("2026-12-29 08:00", "2026-12-28 00:00", "2027-01-01 00:00"),  # each year has its own sheet
        ("2025-12-10 08:00", "2025-01-01 00:00", "2026-01-01 00:00"),
    ],
)
def test_an_answer_states_how_long_it_holds(at, start, end):
    status = peak_status(german(at), SHEET, "Bayern", [STATED])
    assert status.interval == TimeInterval(german(start), german(end))


@pytest.mark.parametrize(
    ("day", "hours"), [("2025-03-30", 23), ("2025-10-26", 25), ("2026-03-29", 23), ("2026-10-25", 25)]
)
def test_the_days_of_the_clock_changes_are_one_part_of_a_weekend(day, hours):
    year = int(day[:4])
    sheet = all_year("00:00-24:00", year=year)
    start = german(f"{day} 00:00").astimezone(UTC)
    end = start + timedelta(hours=hours)
    [status] = peak_statuses(sheet, "Bayern", [STATED], start, end)
    assert answer(status) == (False, "WEEKEND")
    assert status.interval == TimeInterval(start, end)
    # The windows of the days beside it begin and end by the clock.
    around = peak_statuses(sheet, "Bayern", [STATED], start - timedelta(days=3), end + timedelta(hours=9))
    friday, weekend, monday = around
    assert friday.interval.end == german(f"{date.fromisoformat(day) - timedelta(days=1)} 00:00")
    assert (friday.peak, weekend.peak, monday.peak) == (True, False, True)
    assert monday.interval.start == end


def test_in_germany_the_clock_changes_on_sundays_only():
    """Therefore no window holds on a day with 23 or 25 hours."""
    for year in range(2000, 2101):
        first = date(year, 1, 1)
        for n in range(366):
            day = first + timedelta(n)
            midnights = [
                datetime.combine(each, datetime.min.time(), GERMANY) for each in (day, day + timedelta(1))
            ]
            if midnights[0].utcoffset() != midnights[1].utcoffset():
                assert day.weekday() == 6, day


@pytest.mark.parametrize(
    ("at", "fold", "peak"),
    [
        ("2026-03-27 07:00", 0, True),
        ("2026-03-30 06:59", 0, False),
        ("2026-03-30 07:00", 0, True),
        ("2026-10-25 02:30", 0, False),  # twice
        ("2026-10-25 02:30", 1, False),
        ("2026-10-26 06:59", 0, False),
        ("2026-10-26 07:00", 0, True),
    ],
)
def test_windows_hold_in_german_local_time(at, fold, peak):
    moment = german(at, fold=fold).astimezone(UTC)
    assert peak_status(moment, all_year("07:00-08:00"), "Bayern", [STATED]).peak is peak


@pytest.mark.parametrize("year", [2024, 2025, 2026])
@pytest.mark.parametrize("rules", [[], [STATED], [rule(bridge_days=BridgeDays.ALL_EXCLUDED)]])
def test_intervals_join_without_gaps_and_agree_with_each_moment(year, rules):
    sheet = [hlzf(Season.WINTER, "07:30-13:00", "16:00-24:00", year=year), hlzf(Season.SUMMER, year=year)]
    sheet.append(hlzf(Season.AUTUMN, "00:00-00:15", "10:07-11:00", year=year))
    start, end = german(f"{year - 1}-12-20 08:10"), german(f"{year + 1}-01-03 17:20")
    statuses = peak_statuses(sheet, "Bayern", rules, start, end)
    assert statuses[0].interval.start == start
    assert statuses[-1].interval.end == end
    for before, after in itertools.pairwise(statuses):
        assert before.interval.end == after.interval.start
    moment = start.astimezone(UTC)
    for status in statuses:
        while moment < status.interval.end:
            single = peak_status(moment, sheet, "Bayern", rules)
            assert (single.peak, single.reason, single.note) == (status.peak, status.reason, status.note), (
                moment
            )
            assert single.interval.start <= moment < single.interval.end
            moment += timedelta(minutes=437)


def test_a_span_within_one_answer_is_cut_off_at_both_ends():
    start, end = german("2026-01-07 08:00"), german("2026-01-07 08:15")
    [status] = peak_statuses(SHEET, "Bayern", [STATED], start, end)
    assert status.interval == TimeInterval(start, end)
    assert status.peak is True


def test_a_span_over_two_years_reads_both_sheets_and_both_rules():
    sheets = [*all_year("08:00-09:00", year=2025), *all_year("10:00-11:00", year=2026)]
    rules = [rule(2025, bridge_days=BridgeDays.ALL_EXCLUDED), rule(2026, bridge_days=BridgeDays.WORKING_DAYS)]
    statuses = peak_statuses(sheets, "Hessen", rules, german("2025-12-23 00:00"), german("2026-01-03 00:00"))
    assert peak_intervals(statuses) == [
        TimeInterval(german("2025-12-23 08:00"), german("2025-12-23 09:00")),
        TimeInterval(german("2026-01-02 10:00"), german("2026-01-02 11:00")),
    ]


def test_intervals_of_a_span_of_which_nothing_is_known_are_none():
    april = (german("2026-04-01 00:00"), german("2026-05-01 00:00"))
    assert peak_intervals(peak_statuses(SHEET, "Bayern", [STATED], *april)) is None
    assert peak_intervals(peak_statuses([], "Bayern", [STATED], *april)) is None
    june = (german("2026-06-01 00:00"), german("2026-07-01 00:00"))
    assert peak_intervals(peak_statuses(SHEET, "Bayern", [STATED], *june)) == []
    weekend = (german("2026-04-18 00:00"), german("2026-04-20 00:00"))
    assert peak_intervals(peak_statuses(SHEET, "Bayern", [STATED], *weekend)) == []


def test_the_quarter_hour_before_a_window_is_unknown_where_times_may_be_ends_of_quarter_hours():
    ends = rule(time_stamps=TimeStamps.INTERVAL_END, bridge_days=BridgeDays.WORKING_DAYS)
    before = peak_status(german("2026-01-07 07:20"), SHEET, "Bayern", [ends])
    assert answer(before) == (None, "UNKNOWN")
    assert (before.interval.start, before.interval.end) == (
        german("2026-01-07 07:15"),
        german("2026-01-07 07:30"),
    )
    assert answer(peak_status(german("2026-01-07 07:14"), SHEET, "Bayern", [ends])) == (False, "NO_WINDOW")
    for at, peak in (("07:14", False), ("07:15", None), ("07:29", None), ("07:30", True)):
        assert is_peak(german(f"2026-01-07 {at}"), SHEET, "Bayern", [ends]) is peak
    weekend = peak_status(german("2026-01-10 07:20"), SHEET, "Bayern", [ends])
    assert answer(weekend) == (False, "WEEKEND")
    within = peak_status(german("2026-01-07 07:30"), SHEET, "Bayern", [ends])
    assert answer(within) == (True, "WINDOW")
    assert before.note == within.note
    assert "15 minutes before" in within.note
    assert peak_status(german("2026-06-10 07:30"), SHEET, "Bayern", [ends]).note is None  # no window to shift
    open_ = rule(time_stamp_words="end of the quarter-hour, without an example")
    assert (
        "may begin 15 minutes before"
        in peak_status(german("2026-01-07 08:00"), SHEET, "Bayern", [open_]).note
    )
    clock_time = rule(time_stamps=TimeStamps.CLOCK_TIME, time_stamp_words="plain clock time")
    for without in (clock_time, STATED):
        assert peak_status(german("2026-01-07 08:00"), SHEET, "Bayern", [without]).note is None


def test_a_day_that_is_unknown_for_two_reasons_has_both_in_its_note():
    ends = rule(time_stamps=TimeStamps.INTERVAL_END, bridge_days=BridgeDays.ONE_EXCLUDED)
    status = peak_status(german("2026-01-02 08:00"), SHEET, "Bayern", [ends])
    assert status.reason is PeakReason.UNKNOWN
    assert "does not say which; the operator prints the end" in status.note
