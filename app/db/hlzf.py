"""Hochlastzeitfenster: read by operator and year, added and corrected."""

from collections.abc import Sequence
from typing import Any

from app.db.pool import Pool, Row
from app.domain.clock import minutes
from app.domain.entry import LEVEL_ORDER, DnoYear, VerificationStatus, VoltageLevel
from app.domain.hlzf import SEASON_ORDER, Hlzf, Season, TimeWindow

_LEVELS = {str(level): level for level in VoltageLevel}
_SEASONS = {str(season): season for season in Season}
_STATUSES = {str(status): status for status in VerificationStatus}


async def fetch_by_dno_year(pool: Pool, keys: Sequence[DnoYear]) -> dict[DnoYear, tuple[Hlzf, ...]]:
    """From the top of the grid to the bottom, each level from winter to autumn."""
    rows = await pool.fetch(
        "SELECT id, dno_id, year, voltage_level, season, windows,"
        " verification_status, source_url, source_title, version, updated_at"
        " FROM hlzf_data JOIN unnest($1::uuid[], $2::int[]) AS wanted (dno_id, year) USING (dno_id, year)"
        " WHERE deleted_at IS NULL",
        *DnoYear.columns(keys),
        name="hlzf",
    )
    found: dict[DnoYear, list[Hlzf]] = {}
    for entry in map(_hlzf, rows):
        found.setdefault(entry.dno_year, []).append(entry)
    return {key: tuple(sorted(entries, key=_order)) for key, entries in found.items()}


def _order(entry: Hlzf) -> tuple[int, int]:
    return LEVEL_ORDER[entry.voltage_level], SEASON_ORDER[entry.season]


def _hlzf(row: Row) -> Hlzf:
    entry_id, dno_id, year, level, season, windows, status, *rest = row
    return Hlzf(
        entry_id, dno_id, year, _LEVELS[level], _SEASONS[season], _windows(windows), _STATUSES[status], *rest
    )


def _windows(stored: list[dict[str, Any]]) -> tuple[TimeWindow, ...]:
    return tuple([TimeWindow(minutes(window["start"]), minutes(window["end"])) for window in stored])
