"""Sheets of Hochlastzeitfenster and holiday rules for tests."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.domain.clock import GERMANY, minutes
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.holiday_rule import (
    WITHOUT_YEAR,
    BridgeDays,
    ChristmasDays,
    HolidayRule,
    HolidayScope,
    TimeStamps,
)

_ENTRY: dict[str, Any] = {
    "id": UUID(int=1),
    "dno_id": UUID(int=2),
    "verification_status": VerificationStatus.VERIFIED,
    "source_url": None,
    "source_title": None,
    "version": 1,
    "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
}


def hlzf(season: Season, *windows: str, year: int = 2026) -> Hlzf:
    pairs = [window.split("-") for window in windows]
    times = tuple(TimeWindow(minutes(start), minutes(end)) for start, end in pairs)
    return Hlzf(year=year, voltage_level=VoltageLevel.MS, season=season, windows=times, **_ENTRY)


def all_year(*windows: str, year: int = 2026) -> list[Hlzf]:
    """The same windows in each season."""
    return [hlzf(season, *windows, year=year) for season in Season]


def rule(year: int = WITHOUT_YEAR, **stated: Any) -> HolidayRule:
    """What is not given is not known."""
    unknown: dict[str, Any] = {
        "bridge_days": BridgeDays.UNKNOWN,
        "excluded_dates": (),
        "working_dates": (),
        "holidays": HolidayScope.UNKNOWN,
        "holiday_states": (),
        "christmas": ChristmasDays.UNKNOWN,
        "time_stamps": TimeStamps.UNKNOWN,
        "bridge_day_words": None,
        "holiday_words": None,
        "christmas_words": None,
        "time_stamp_words": None,
    }
    return HolidayRule(year=year, **_ENTRY | unknown | stated)


def german(text: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=GERMANY, fold=fold)
