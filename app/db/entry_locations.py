"""The record that holds an entry, found by the entry's id."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app.db.pool import Pool
from app.domain.entry import EntryLocation
from app.domain.families import FAMILIES

_STATEMENT: Final = " UNION ALL ".join(
    f"SELECT id, '{family.name}' AS family, dno_id, year FROM {family.table} WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL"
    for family in FAMILIES
)


async def fetch_entry_locations(pool: Pool, entry_ids: Sequence[UUID]) -> dict[UUID, EntryLocation]:
    rows = await pool.fetch(_STATEMENT, entry_ids, name="places")
    return {row["id"]: EntryLocation(row["family"], row["dno_id"], row["year"]) for row in rows}
