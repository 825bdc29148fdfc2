"""Whether a moment lies in a Hochlastzeitfenster."""

from datetime import datetime

import pytest

from app.domain.hlzf import Season
from app.domain.holiday_rule import BridgeDays, HolidayScope
from app.domain.peak import is_peak, peak_status
from tests.unit.domain.peak_sheets import all_year, german, hlzf, rule

WINTER = [hlzf(Season.WINTER, "07:30-13:00", "16:00-24:00"), hlzf(Season.SUMMER)]


@pytest.mark.parametrize(
    ("at", "peak"),
    [
        ("2026-01-07 07:29:59", False),
        ("2026-01-07 07:30", True),
        ("2026-01-07 12:59:59", True),
        ("2026-01-07 13:00", False),
        ("2026-01-07 23:59:59", True),  # a window may end at 24:00
        ("2026-01-08 00:00", False),
        ("2026-12-23 08:00", True),  # December is the winter of its own calendar year
        ("2026-06-10 08:00", False),  # published that there is none
        ("2026-04-15 08:00", None),  # a season that the sheet does not mention
        ("2026-04-18 08:00", False),  # on a Saturday there is none, whatever the season
        ("2025-12-10 08:00", None),  # a year that was not published
    ],
)
def test_windows_hold_in_their_season(at, peak):
    assert is_peak(german(at), WINTER, "Bayern") is peak


def test_an_unpublished_year_is_unknown_not_off_peak():
    assert is_peak(german("2026-01-10 08:00"), [], "Bayern") is None


@pytest.mark.parametrize(
    ("utc", "peak"),
    [
        ("2026-03-29T00:59+00:00", False),  # a Sunday: both changes of the clock fall on one
        ("2026-03-30T04:59+00:00", False),  # 06:59 in summer time
        ("2026-03-30T05:00+00:00", True),  # 07:00
        ("2026-03-27T05:59+00:00", False),  # 06:59, still winter time
        ("2026-03-27T06:00+00:00", True),
        ("2026-10-26T05:59+00:00", False),  # 06:59, winter time again
        ("2026-10-26T06:00+00:00", True),
        ("2026-10-23T05:00+00:00", True),  # 07:00 in summer time
    ],
)
def test_windows_hold_in_german_local_time(utc, peak):
    windows = all_year("07:00-08:00")
    assert is_peak(datetime.fromisoformat(utc), windows, "Bayern") is peak


def test_the_german_year_counts():
    """23:30 UTC on New Year's Eve is next year in Germany."""
    last_year = [hlzf(Season.WINTER, "00:00-24:00", year=2026)]
    assert is_peak(datetime.fromisoformat("2026-12-31T23:30+00:00"), last_year, "Bayern") is None


@pytest.mark.parametrize(
    "rules",
    [[], [rule(bridge_days=BridgeDays.ALL_EXCLUDED, holidays=HolidayScope.STATE)], [rule(2026), rule()]],
)
def test_it_is_the_peak_of_the_status(rules):
    sheet = [*WINTER, hlzf(Season.AUTUMN, "00:00-00:15", "23:00-24:00")]
    for month in range(1, 13):
        for day in range(1, 29):
            for time in ("00:00", "00:14:59", "08:00", "12:00", "13:00", "23:59:59"):
                at = german(f"2026-{month:02}-{day:02} {time}")
                assert is_peak(at, sheet, "Bayern", rules) is peak_status(at, sheet, "Bayern", rules).peak, at
