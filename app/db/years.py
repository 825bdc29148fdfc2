"""Which operators have published anything for which years."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app.db.pool import Pool
from app.domain.families import FIGURES


def _published(wanted: str) -> str:
    """SQL: operator and year of all entries of any family of figures."""
    return " UNION ".join(
        f"SELECT dno_id, year FROM {family.table} WHERE {wanted} AND deleted_at IS NULL" for family in FIGURES
    )


_YEARS: Final = (
    f"SELECT dno_id, array_agg(year ORDER BY year DESC) AS years FROM ({_published('dno_id = ANY($1::uuid[])')})"
    " AS published GROUP BY dno_id"
)
_DNOS: Final = f"SELECT year, array_agg(dno_id) AS dno_ids FROM ({_published('year = ANY($1::int[])')}) AS published GROUP BY year"


async def fetch_years(pool: Pool, dno_ids: Sequence[UUID]) -> dict[UUID, tuple[int, ...]]:
    """Newest first."""
    rows = await pool.fetch(_YEARS, dno_ids, name="years")
    return {row["dno_id"]: tuple(row["years"]) for row in rows}


async def fetch_dnos_with_data(pool: Pool, years: Sequence[int]) -> dict[int, frozenset[UUID]]:
    rows = await pool.fetch(_DNOS, years, name="dnos_with_data")
    return {row["year"]: frozenset(row["dno_ids"]) for row in rows}
