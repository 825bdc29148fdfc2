"""Whether a moment lies in a Hochlastzeitfenster."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from app.domain.clock import GERMANY, minutes
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.peak import is_peak
from app.domain.working_days import is_working_day


def hlzf(season: Season, *windows: str, year: int = 2026) -> Hlzf:
    pairs = [window.split("-") for window in windows]
    return Hlzf(
        id=UUID(int=1),
        dno_id=UUID(int=2),
        year=year,
        voltage_level=VoltageLevel.MS,
        season=season,
        windows=tuple(TimeWindow(minutes(start), minutes(end)) for start, end in pairs),
        verification_status=VerificationStatus.VERIFIED,
        source_url=None,
        source_title=None,
        version=1,
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


ALWAYS = [hlzf(season, "00:00-24:00") for season in Season]
WINTER = [hlzf(Season.WINTER, "07:30-13:00", "16:00-24:00"), hlzf(Season.SUMMER)]


def german(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=GERMANY)


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
        ("2026-04-15 08:00", False),  # a season that was left out
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
    windows = [hlzf(season, "07:00-08:00") for season in Season]
    assert is_peak(datetime.fromisoformat(utc), windows, "Bayern") is peak


def test_the_german_year_counts():
    """23:30 UTC on New Year's Eve is next year in Germany."""
    last_year = [hlzf(Season.WINTER, "00:00-24:00", year=2026)]
    assert is_peak(datetime.fromisoformat("2026-12-31T23:30+00:00"), last_year, "Bayern") is None


@pytest.mark.parametrize(
    ("day", "region", "working"),
    [
        ("2026-01-02", "Bayern", True),  # a Friday
        ("2026-01-03", "Bayern", False),
        ("2026-01-06", "Bayern", False),  # Heilige Drei Könige
        ("2026-01-06", "Hessen", True),
        ("2026-01-06", None, True),  # not in all states
        ("2026-01-06", "Atlantis", True),
        ("2026-04-03", None, False),  # Karfreitag
        ("2025-10-31", "Sachsen", False),  # Reformationstag
        ("2026-12-23", "Berlin", True),
        ("2026-12-24", "Berlin", False),
        ("2026-12-30", "Berlin", False),
        ("2026-12-31", "Berlin", False),
        ("2026-01-01", "Berlin", False),
    ],
)
def test_working_days(day, region, working):
    assert is_working_day(date.fromisoformat(day), region) is working
    if not working:
        assert is_peak(german(f"{day} 12:00"), [*ALWAYS, hlzf(Season.AUTUMN, year=2025)], region) is False
