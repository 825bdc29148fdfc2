"""A year in quarter-hours as CSV."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.hlzf import Season
from app.domain.peak import is_peak, peak_statuses
from app.http.quarter_hours import Stretch, write_quarter_hours, year_of
from tests.unit.domain.peak_sheets import all_year, hlzf, rule

QUARTER = timedelta(minutes=15)
MARKS = {True: "1", False: "0", None: ""}


def written(year, sheet, rules=()):
    statuses = peak_statuses(sheet, "Bayern", rules, *year_of(year))
    stretches = [Stretch(one.interval.start, one.interval.end, one.peak) for one in statuses]
    return list(csv.DictReader(io.StringIO(write_quarter_hours(year, stretches).decode())))


@pytest.mark.parametrize(("year", "rows"), [(2024, 35_136), (2025, 35_040), (2026, 35_040)])
def test_each_quarter_hour_has_the_peak_of_its_start(year, rows):
    sheet = [hlzf(Season.WINTER, "07:30-13:00", "16:00-24:00", year=year), hlzf(Season.AUTUMN, year=year)]
    found = written(year, sheet)
    assert len(found) == rows
    moment = year_of(year)[0]
    for n, row in enumerate(found):
        assert datetime.fromisoformat(row["start"]) == moment
        if n % 7 == 0 or row["start"][11:13] in ("07", "13", "16"):
            assert row["peak"] == MARKS[is_peak(moment, sheet, "Bayern")], row
        moment += QUARTER
    assert moment == year_of(year)[1]


@pytest.mark.parametrize(
    ("day", "rows", "two_to_three"),
    [
        ("2025-03-30", 92, []),
        ("2026-03-29", 92, []),
        ("2025-10-26", 100, ["+02:00"] * 4 + ["+01:00"] * 4),
        ("2026-10-25", 100, ["+02:00"] * 4 + ["+01:00"] * 4),
    ],
)
def test_days_of_the_clock_changes_have_92_and_100_rows(day, rows, two_to_three):
    found = [row["start"] for row in written(int(day[:4]), all_year("00:00-24:00", year=int(day[:4])))]
    of_day = [start for start in found if start.startswith(day)]
    assert len(of_day) == len(set(of_day)) == rows
    assert [start[-6:] for start in of_day if start[11:13] == "02"] == two_to_three


def test_a_quarter_hour_that_is_only_partly_in_a_window_is_empty():
    sheet = all_year("10:07-10:50")
    rows = {row["start"]: row["peak"] for row in written(2026, sheet, [rule()])}
    of_wednesday = [
        rows[f"2026-01-14T{time}:00+01:00"] for time in ("09:45", "10:00", "10:15", "10:30", "10:45", "11:00")
    ]
    assert of_wednesday == ["0", "", "1", "1", "", "0"]


def test_a_stretch_within_a_quarter_hour_marks_none():
    start, end = year_of(2026)
    cuts = [start, *(start + timedelta(minutes=minute) for minute in (3, 9)), end]
    stretches = [
        Stretch(begins, ends, peak)
        for begins, ends, peak in zip(cuts, cuts[1:], (True, False, True), strict=False)
    ]
    marks = [line[-1:] for line in write_quarter_hours(2026, stretches).decode().splitlines()[1:4]]
    assert marks == [",", "1", "1"]


def test_without_stretches_nothing_is_known():
    rows = list(csv.DictReader(io.StringIO(write_quarter_hours(2026, []).decode())))
    assert {row["peak"] for row in rows} == {""}
    assert year_of(2026) == (datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC))
