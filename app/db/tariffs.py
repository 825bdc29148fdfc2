"""Netzentgelte: read by operator and year, ranked over all operators, added and corrected."""

from collections.abc import Sequence

from app.db.pool import Pool, Row
from app.domain.entry import LEVEL_ORDER, DnoYear, VerificationStatus, VoltageLevel
from app.domain.tariff import Tariff

_LEVELS = {str(level): level for level in VoltageLevel}
_STATUSES = {str(status): status for status in VerificationStatus}


async def fetch_by_dno_year(pool: Pool, keys: Sequence[DnoYear]) -> dict[DnoYear, tuple[Tariff, ...]]:
    """From the top of the grid to the bottom."""
    rows = await pool.fetch(
        "SELECT id, dno_id, year, voltage_level, leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h,"
        " verification_status, source_url, source_title, version, updated_at"
        " FROM netzentgelte_data JOIN unnest($1::uuid[], $2::int[]) AS wanted (dno_id, year) USING (dno_id, year)"
        " WHERE deleted_at IS NULL",
        *DnoYear.columns(keys),
        name="tariffs",
    )
    found: dict[DnoYear, list[Tariff]] = {}
    for tariff in map(_tariff, rows):
        found.setdefault(tariff.dno_year, []).append(tariff)
    return {key: tuple(sorted(tariffs, key=_level)) for key, tariffs in found.items()}


def _level(tariff: Tariff) -> int:
    return LEVEL_ORDER[tariff.voltage_level]


def _tariff(row: Row) -> Tariff:
    entry_id, dno_id, year, level, leistung, arbeit, leistung_unter, arbeit_unter, status, *rest = row
    return Tariff(
        entry_id,
        dno_id,
        year,
        _LEVELS[level],
        leistung,
        arbeit,
        leistung_unter,
        arbeit_unter,
        _STATUSES[status],
        *rest,
    )
