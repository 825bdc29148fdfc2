"""The parts of the page of an operator that depend on the time, at chosen moments."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.hlzf import Season
from app.domain.working_days import PeakReason
from app.web.page_view import PageView
from schema.http.pages.operator_time_of_use import PricesNow, prices_now
from schema.http.pages.operator_windows import Windows, change_of, windows_of
from tests.unit.domain.peak_sheets import german

DAY = (("00:00", "06:00", "NT"), ("06:00", "17:00", "ST"), ("17:00", "20:00", "HT"), ("20:00", "24:00", "ST"))
MONDAY = "2026-11-30"


def tariff(year: int, quarters: tuple[int, ...] = (1, 2, 3, 4), day: Any = DAY) -> dict[str, Any]:
    return {
        "year": year,
        "version": 1,
        "updatedAt": "2026-01-01T00:00:00Z",
        "verificationStatus": "VERIFIED",
        "publication": "FINAL",
        "source": None,
        "bands": [
            {"band": "HT", "price": "9.80"},
            {"band": "ST", "price": "6.70"},
            {"band": "NT", "price": "1.34"},
        ],
        "windows": [
            {"quarter": quarter, "start": start, "end": end, "band": band}
            for quarter in quarters
            for start, end, band in day
        ],
    }


def prices_at(moment: datetime, *tariffs: dict[str, Any]) -> PricesNow:
    found = prices_now({"allTimeOfUse": list(tariffs)}, moment.astimezone(UTC))
    assert found is not None
    return found


def rule(**stated: Any) -> dict[str, Any]:
    unknown = {
        "bridgeDays": "UNKNOWN",
        "holidays": "UNKNOWN",
        "christmas": "UNKNOWN",
        "timeStamps": "UNKNOWN",
    }
    lists = {"excludedDates": [], "workingDates": [], "holidayStates": [], "timeStampWords": None}
    return {"id": "holiday_0", "year": None, "source": None, **unknown, **lists, **stated}


def operator(*rules: dict[str, Any], **seasons: list[tuple[str, str]]) -> dict[str, Any]:
    entries = [
        {
            "year": 2026,
            "voltageLevel": level,
            "season": season.upper(),
            "windows": [{"start": start, "end": end} for start, end in windows],
        }
        for level in ("HS", "MS")
        for season, windows in seasons.items()
    ]
    return {"region": "Bayern", "hlzf": entries, "windowsOfLevel": entries, "holidayRules": list(rules)}


def windows_at(moment: datetime, dno: dict[str, Any], year: int = 2026, level: str | None = None) -> Windows:
    found = windows_of(dno, year, level, moment.astimezone(UTC))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("time", "band", "change"),
    [
        ("05:59", "NT", "06:00"),
        ("06:00", "ST", "17:00"),
        ("16:59", "ST", "17:00"),
        ("17:00", "HT", "20:00"),
    ],
)
def test_the_price_now_holds_until_it_changes(time: str, band: str, change: str) -> None:
    found = prices_at(german(f"{MONDAY}T{time}"), tariff(2026))
    assert found.current is not None
    assert found.current.band == band
    assert found.change == german(f"{MONDAY}T{change}")
    [marked] = [step for day in found.days for step in day.curve.steps if day.curve and step.now]
    assert marked.interval.band == band


def test_at_the_latest_the_curve_changes_at_midnight_in_germany() -> None:
    found = prices_at(german(f"{MONDAY}T21:00"), tariff(2026, day=(("00:00", "24:00", "ST"),)))
    assert found.current is not None
    assert found.change == german("2026-12-01T00:00")
    assert found.current.end == german("2027-01-01T00:00")


def test_the_cheapest_hours_are_those_of_the_lowest_price_of_the_day() -> None:
    today, tomorrow = prices_at(german(f"{MONDAY}T12:00"), tariff(2026)).days
    assert [(str(each.price), each.end - each.start) for each in today.cheapest] == [
        ("1.34", timedelta(hours=6))
    ]
    assert tomorrow.day.isoformat() == "2026-12-01"
    constant = prices_at(german(f"{MONDAY}T12:00"), tariff(2026, quarters=(1,))).days[0]
    assert constant.intervals
    assert constant.cheapest == []


def test_on_new_years_eve_tomorrow_has_the_prices_of_the_next_year_or_none() -> None:
    evening = german("2026-12-31T18:00")
    without = prices_at(evening, tariff(2026)).days[1]
    assert (without.curve, without.intervals) == (None, [])
    cheap = tariff(2027, day=(("00:00", "24:00", "NT"),))
    [interval] = prices_at(evening, tariff(2026), cheap).days[1].intervals
    assert interval.band == "NT"
    assert prices_now({"allTimeOfUse": [cheap]}, evening.astimezone(UTC)) is None


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_days_on_which_the_clock_changes_are_complete(day: str, hours: int) -> None:
    today = prices_at(german(f"{day}T12:00"), tariff(2026)).days[0]
    assert sum((each.end - each.start for each in today.intervals), timedelta()) == timedelta(hours=hours)
    assert today.complete
    assert today.clock_changes == (hours != 24)


def test_a_time_that_happens_twice_is_named() -> None:
    first, second = (german("2026-10-25T02:30", fold=fold) for fold in (0, 1))
    assert [PageView("en", "", "/").time(each) for each in (first, second)] == ["02:30 CEST", "02:30 CET"]
    assert [PageView("de", "", "/").time(each) for each in (first, second)] == ["02:30 MESZ", "02:30 MEZ"]
    assert PageView("de", "", "/").time(german("2026-10-25T04:00")) == "04:00"
    assert PageView("de", "", "/").time(german("2026-10-26T00:00"), end=True) == "24:00"


def test_while_no_price_is_known_the_page_changes_when_the_next_is() -> None:
    gap = tariff(2026, day=(("00:00", "06:00", "NT"), ("08:00", "24:00", "ST")))
    found = prices_at(german(f"{MONDAY}T07:00"), gap)
    assert found.current is None
    assert not found.days[0].complete
    assert found.change == german(f"{MONDAY}T08:00")


@pytest.mark.parametrize(
    ("moment", "peak", "change"),
    [
        ("2026-11-30T07:29", False, "2026-11-30T07:30"),
        ("2026-11-30T07:30", True, "2026-11-30T09:00"),
        ("2026-11-30T09:00", False, "2026-12-01T00:00"),
        ("2026-11-29T08:00", False, "2026-11-30T00:00"),
    ],
)
def test_whether_it_is_peak_load_holds_until_a_window_or_the_day_ends(
    moment: str, peak: bool, change: str
) -> None:
    found = windows_at(german(moment), operator(autumn=[("07:30", "09:00")], winter=[("07:30", "09:00")]))
    assert found.now is not None
    assert found.now.peak is peak
    assert change_of(found, german(moment).astimezone(UTC)) == german(change)


def test_what_is_not_known_is_not_called_off_peak() -> None:
    # 2 January 2026 is a bridge day, and nothing is stated of bridge days; no windows of summer are known.
    dno = operator(rule(holidays="STATE"), winter=[("07:30", "09:00")])
    found = windows_at(german("2026-01-02T08:00"), dno)
    assert found.now is not None
    assert (found.now.peak, found.now.reason) == (None, PeakReason.UNKNOWN)
    january = found.months[0]
    assert [day.isoformat() for each in january.unknown for day in each.days] == ["2026-01-02", "2026-01-05"]
    summer = windows_at(german("2026-07-06T08:00"), dno)
    assert summer.now is not None
    assert summer.now.peak is None
    assert summer.calendar is not None
    assert summer.calendar.paths["unknown"].count("M") > 180


def test_days_are_counted_by_the_rule_of_the_operator() -> None:
    named = rule(
        holidays="NATIONWIDE",
        bridgeDays="WORKING_DAYS",
        christmas="WORKING_DAYS",
        excludedDates=["2026-01-02"],
    )
    found = windows_at(german("2026-11-30T08:00"), operator(named, winter=[("07:30", "09:00")]))
    january, december = found.months[0], found.months[11]
    # 22 Mondays to Fridays less New Year and the named day; Epiphany is no nationwide holiday.
    assert (january.with_windows, january.unknown) == (20, [])
    # 23 less Christmas Day; Boxing Day is a Saturday.
    assert december.with_windows == 22
    assert sum(month.with_windows for month in found.months[2:11]) == 0


def test_a_page_of_another_year_marks_no_day_and_does_not_depend_on_the_time() -> None:
    moment = german("2027-01-04T08:00")
    found = windows_at(moment, operator(winter=[("07:30", "09:00")]))
    assert (found.now, found.season_today) == (None, None)
    assert found.calendar is not None
    assert found.calendar.today is None
    assert change_of(found, moment) is None


def test_the_level_is_the_one_that_was_chosen_or_medium_voltage() -> None:
    dno = operator(winter=[("07:30", "09:00")], summer=[])
    moment = german("2026-11-30T08:00")
    assert windows_at(moment, dno).level == "MS"
    assert windows_at(moment, dno, level="HS").level == "HS"
    other = windows_at(moment, dno, level="NS")
    assert (other.level, other.levels, other.calendar) == (None, ["HS", "MS"], None)
    assert windows_of(dno, 2025, None, moment) is None
    assert [(each.season, each.minutes) for each in windows_at(moment, dno).seasons] == [
        (Season.WINTER, 90),
        (Season.SUMMER, 0),
    ]
