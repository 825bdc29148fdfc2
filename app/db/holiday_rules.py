"""The table of holiday rules, read by operator."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app.db.family_table import FamilyTable
from app.db.pool import Pool
from app.domain.holiday_rule import FAMILY, HolidayRule

TABLE: FamilyTable[HolidayRule] = FamilyTable(FAMILY, HolidayRule)

_OF_OPERATORS: Final = f"SELECT {TABLE.selected()} FROM {FAMILY.table} WHERE dno_id = ANY($1::uuid[]) AND deleted_at IS NULL ORDER BY year"

fetch_by_dno_year = TABLE.fetch_by_dno_year


async def fetch_by_dno(pool: Pool, dno_ids: Sequence[UUID]) -> dict[UUID, tuple[HolidayRule, ...]]:
    """All rules of each operator, that without a year first; empty without any, so that this is kept as long as rules are."""
    rows = await pool.fetch(_OF_OPERATORS, dno_ids, name="holiday_rules_of_dno")
    found: dict[UUID, list[HolidayRule]] = {dno_id: [] for dno_id in dno_ids}
    for row in rows:
        found[row["dno_id"]].append(TABLE.entry(row))
    return {dno_id: tuple(rules) for dno_id, rules in found.items()}
