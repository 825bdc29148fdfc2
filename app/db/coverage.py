"""Coverage: operators and entries by year and region, each kind of count in one statement."""

from collections.abc import Sequence
from typing import Final

import msgspec

from app.db.pool import Pool
from app.domain.coverage import Coverage, RegionYearCoverage
from app.domain.families import FIGURES
from app.domain.family import Family


def _counted(family: Family) -> str:
    """Entries by operator and year; one column per family, so that families stand side by side."""
    counts = "".join(f", {'count(*)' if other is family else '0'} AS {other.name}" for other in FIGURES)
    return (
        f"SELECT dno_id, year{counts}, count(*) FILTER (WHERE verification_status = 'verified') AS verified"
        f" FROM {family.table} WHERE deleted_at IS NULL GROUP BY dno_id, year"
    )


_STATEMENT: Final = (
    "WITH operators AS (SELECT id, normalize(region) AS region FROM dnos WHERE deleted_at IS NULL),"
    f" published AS ({' UNION ALL '.join(map(_counted, FIGURES))}),"
    " entries AS (SELECT published.* FROM published JOIN operators ON operators.id = dno_id),"
    " years AS (SELECT year, count(DISTINCT dno_id) AS dnos,"
    f" {', '.join(f'sum({family.name})::bigint AS {family.name}' for family in FIGURES)},"
    " sum(verified)::bigint AS verified FROM entries GROUP BY year),"
    " regions AS (SELECT region, count(*) AS dnos,"
    " count(*) FILTER (WHERE id IN (SELECT dno_id FROM entries)) AS dnos_with_data"
    " FROM operators WHERE region IS NOT NULL GROUP BY region)"
    " SELECT (SELECT count(*) FROM operators) AS total_dnos,"
    f" (SELECT coalesce(sum({' + '.join(family.name for family in FIGURES)}), 0)::bigint FROM years)"
    " AS total_entries,"
    " (SELECT coalesce(sum(verified), 0)::bigint FROM years) AS verified_entries,"
    " (SELECT coalesce(jsonb_agg(years ORDER BY year DESC), '[]') FROM years) AS by_year,"
    " (SELECT coalesce(jsonb_agg(regions ORDER BY region COLLATE \"C\"), '[]') FROM regions) AS by_region"
)


async def fetch_coverage(pool: Pool, keys: Sequence[None]) -> dict[None, Coverage]:
    """Entries are those of the families of figures; an operator has data if any of them has an entry for it."""
    rows = await pool.fetch(_STATEMENT, name="coverage")
    return {None: msgspec.convert(dict(rows[0]), Coverage)}


_PUBLISHED: Final = " UNION ALL ".join(
    f"SELECT DISTINCT dno_id, year, '{family.data_type}' AS data_type FROM {family.table} WHERE deleted_at IS NULL"
    for family in FIGURES
)
_OF_REGIONS: Final = (
    "SELECT normalize(region) AS region, year, data_type, count(DISTINCT dno_id) AS dnos"
    f" FROM ({_PUBLISHED}) AS published JOIN dnos ON dnos.id = dno_id AND dnos.deleted_at IS NULL"
    # Without the data type: of any.
    " GROUP BY GROUPING SETS ((normalize(region), year, data_type), (normalize(region), year))"
    ' ORDER BY year DESC, normalize(region) COLLATE "C" NULLS LAST, data_type NULLS FIRST'
)


async def fetch_coverage_of_regions(
    pool: Pool, keys: Sequence[None]
) -> dict[None, tuple[RegionYearCoverage, ...]]:
    """Operators with entries by region, year and family of figures; without rows where there are none."""
    rows = await pool.fetch(_OF_REGIONS, name="coverage_of_regions")
    return {None: msgspec.convert([dict(row) for row in rows], tuple[RegionYearCoverage, ...])}
