"""Which operators have published anything for which years."""

from collections.abc import Sequence
from uuid import UUID

from app.db.pool import Pool


async def fetch_years(pool: Pool, dno_ids: Sequence[UUID]) -> dict[UUID, tuple[int, ...]]:
    """Newest first."""
    rows = await pool.fetch(
        "SELECT dno_id, array_agg(year ORDER BY year DESC) FROM ("
        "SELECT dno_id, year FROM netzentgelte_data WHERE dno_id = ANY($1::uuid[]) AND deleted_at IS NULL"
        " UNION SELECT dno_id, year FROM hlzf_data WHERE dno_id = ANY($1::uuid[]) AND deleted_at IS NULL"
        " UNION SELECT dno_id, year FROM time_of_use_data WHERE dno_id = ANY($1::uuid[]) AND deleted_at IS NULL"
        ") AS published GROUP BY dno_id",
        dno_ids,
        name="years",
    )
    return {dno_id: tuple(years) for dno_id, years in rows}


async def fetch_dnos_with_data(pool: Pool, years: Sequence[int]) -> dict[int, frozenset[UUID]]:
    rows = await pool.fetch(
        "SELECT year, array_agg(dno_id) FROM ("
        "SELECT dno_id, year FROM netzentgelte_data WHERE year = ANY($1::int[]) AND deleted_at IS NULL"
        " UNION SELECT dno_id, year FROM hlzf_data WHERE year = ANY($1::int[]) AND deleted_at IS NULL"
        " UNION SELECT dno_id, year FROM time_of_use_data WHERE year = ANY($1::int[]) AND deleted_at IS NULL"
        ") AS published GROUP BY year",
        years,
        name="dnos_with_data",
    )
    return {year: frozenset(dno_ids) for year, dno_ids in rows}
