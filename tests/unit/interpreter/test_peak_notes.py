"""Every note that the domain has about peak load is translated."""

import re
from datetime import UTC, date, datetime
from itertools import product
from uuid import UUID

from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.holiday_rule import BridgeDays, ChristmasDays, HolidayRule, HolidayScope, TimeStamps
from app.domain.peak import peak_statuses
from app.domain.price_series import day_span
from app.interpreter.peak_notes import in_german

THEN = datetime(2026, 1, 1, tzinfo=UTC)
# Christmas, a bridge day, regional holidays in some and in all municipalities, a season without windows, a working day.
DAYS = [
    date(2025, *day)
    for day in ((12, 24), (12, 29), (12, 31), (1, 6), (8, 15), (8, 14), (5, 2), (5, 5), (11, 24))
]
_ENGLISH = re.compile(r"\b(the|is|not|of|which|and|day|days|operator|whether)\b")


def rule(
    bridge_days: BridgeDays, scope: HolidayScope, christmas: ChristmasDays, stamps: TimeStamps
) -> HolidayRule:
    return HolidayRule(
        id=UUID(int=1), dno_id=UUID(int=2), year=2025, bridge_days=bridge_days,
        excluded_dates=(date(2025, 5, 5),) if bridge_days is BridgeDays.ALL_EXCLUDED else (),
        working_dates=(date(2025, 5, 5),) if bridge_days is BridgeDays.WORKING_DAYS else (), holidays=scope,
        holiday_states=(), christmas=christmas, time_stamps=stamps, bridge_day_words=None, holiday_words=None,
        christmas_words=None, time_stamp_words="in words", verification_status=VerificationStatus.VERIFIED, source_url=None,
        source_title=None, version=1, updated_at=THEN,
    )  # fmt: skip


def windows(season: Season) -> Hlzf:
    return Hlzf(
        id=UUID(int=3), dno_id=UUID(int=2), year=2025, voltage_level=VoltageLevel.MS, season=season,
        windows=(TimeWindow(480, 555),), verification_status=VerificationStatus.VERIFIED, source_url=None,
        source_title=None, version=1, updated_at=THEN,
    )  # fmt: skip


def notes() -> set[str]:
    sheets = [windows(season) for season in Season if season is not Season.AUTUMN]
    rules = [rule(*chosen) for chosen in product(BridgeDays, HolidayScope, ChristmasDays, TimeStamps)]
    found = set()
    for region, one, day in product(("Bayern", None), rules, DAYS):
        statuses = peak_statuses(sheets, region, [one], *day_span(day))
        found |= {status.note for status in statuses if status.note}
    found |= {
        status.note
        for day in DAYS
        for published in (sheets, ())
        for status in peak_statuses(published, "Bayern", (), *day_span(day))
        if status.note
    }
    return found


def test_every_note_is_translated() -> None:
    found = notes()
    assert len(found) > 35
    left = {note: in_german(note) for note in found if _ENGLISH.search(in_german(note))}
    assert left == {}


def test_the_name_of_a_holiday_stays() -> None:
    assert in_german("Mariä Himmelfahrt: which regional holidays count is not known for this operator") == (
        "Mariä Himmelfahrt: welche regionalen Feiertage bei diesem Netzbetreiber gelten, ist nicht bekannt"
    )
