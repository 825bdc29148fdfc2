"""Names in use for operators that no register lists."""

from collections.abc import Sequence

from app.db.pool import Pool
from app.domain.dno import Alias


async def fetch_aliases(pool: Pool, keys: Sequence[None]) -> dict[None, tuple[Alias, ...]]:
    rows = await pool.fetch(
        'SELECT alias, dno_id, source FROM dno_aliases ORDER BY alias COLLATE "C", dno_id', name="aliases"
    )
    return {None: tuple(Alias(row["alias"], row["dno_id"], row["source"]) for row in rows)}
