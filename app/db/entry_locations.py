"""Where an entry stands, known only by its id."""

from collections.abc import Sequence
from uuid import UUID

from app.db.pool import Pool
from app.domain.entry import DataType, Place


async def fetch_entry_locations(pool: Pool, entry_ids: Sequence[UUID]) -> dict[UUID, Place]:
    rows = await pool.fetch(
        "SELECT id, 'NETZENTGELTE', dno_id, year FROM netzentgelte_data WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL"
        " UNION ALL SELECT id, 'HLZF', dno_id, year FROM hlzf_data WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL"
        " UNION ALL SELECT id, NULL, dno_id, year FROM time_of_use_data WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL",
        entry_ids,
        name="places",
    )
    return {
        entry_id: Place(data_type and DataType(data_type), dno_id, year)
        for entry_id, data_type, dno_id, year in rows
    }
