"""Entries of deleted operators, which coverage does not count."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app.db.pool import Pool
from app.domain.coverage import EntryCount
from app.domain.entry import VerificationStatus
from app.domain.families import FIGURES

_ENTRIES: Final = " UNION ALL ".join(
    f"SELECT year::integer AS year, '{family.data_type}' AS data_type, verification_status::text, count(*) AS entries"
    f" FROM {family.table} WHERE deleted_at IS NULL AND dno_id = ANY($1::uuid[]) GROUP BY 1, 2, 3"
    for family in FIGURES
)


async def fetch_entries_of(pool: Pool, dno_ids: Sequence[UUID]) -> list[EntryCount]:
    """Entries of these operators by year, family of figures and status."""
    rows = await pool.fetch(_ENTRIES, dno_ids, name="coverage")
    return [
        EntryCount(
            row["year"], row["data_type"], VerificationStatus(row["verification_status"]), row["entries"]
        )
        for row in rows
    ]
