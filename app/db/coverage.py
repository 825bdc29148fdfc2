"""How much is known, counted in one statement."""

from collections.abc import Sequence

import msgspec

from app.db.pool import Pool
from app.domain.coverage import Coverage


async def fetch_coverage(pool: Pool, keys: Sequence[None]) -> dict[None, Coverage]:
    """Entries are tariffs and HLZF; an operator has data when it has those or time-of-use prices."""
    rows = await pool.fetch(
        "WITH operators AS (SELECT id, normalize(region) AS region FROM dnos WHERE deleted_at IS NULL),"
        " published AS ("
        "SELECT dno_id, year, count(*) AS tariffs, 0 AS hlzf, count(*) FILTER (WHERE verification_status = 'verified') AS verified"
        " FROM netzentgelte_data WHERE deleted_at IS NULL GROUP BY dno_id, year"
        " UNION ALL SELECT dno_id, year, 0, count(*), count(*) FILTER (WHERE verification_status = 'verified')"
        " FROM hlzf_data WHERE deleted_at IS NULL GROUP BY dno_id, year"
        " UNION ALL SELECT dno_id, year, 0, 0, 0 FROM time_of_use_data WHERE deleted_at IS NULL),"
        " entries AS (SELECT published.* FROM published JOIN operators ON operators.id = dno_id),"
        " years AS (SELECT year, count(DISTINCT dno_id) AS dnos, sum(tariffs)::bigint AS tariffs,"
        " sum(hlzf)::bigint AS hlzf, sum(verified)::bigint AS verified FROM entries GROUP BY year),"
        " regions AS (SELECT region, count(*) AS dnos, count(*) FILTER (WHERE id IN (SELECT dno_id FROM entries)) AS dnos_with_data"
        " FROM operators WHERE region IS NOT NULL GROUP BY region)"
        " SELECT (SELECT count(*) FROM operators) AS total_dnos,"
        " (SELECT coalesce(sum(tariffs + hlzf), 0)::bigint FROM years) AS total_entries,"
        " (SELECT coalesce(sum(verified), 0)::bigint FROM years) AS verified_entries,"
        " (SELECT coalesce(jsonb_agg(years ORDER BY year DESC), '[]') FROM years) AS by_year,"
        " (SELECT coalesce(jsonb_agg(regions ORDER BY region), '[]') FROM regions) AS by_region",
        name="coverage",
    )
    return {None: msgspec.convert(dict(rows[0]), Coverage)}
