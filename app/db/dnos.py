"""Operators: by slug and by id, and all of them for lists and searches."""

import re
from collections.abc import Callable, Generator, Sequence
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from app.db.pool import Pool, Row
from app.domain.directory_record import DirectoryRecord, pack
from app.domain.dno import DirectoryEntry, Dno, GridStatistics
from app.domain.folding import fold
from app.stepwise import run_stepwise, sort_stepwise

_SLUG = re.compile(r"[a-z0-9-]{1,200}")
_PER_STEP: Final = 500  # operators: at most 2 ms
_FIELDS: Final = Dno.__struct_fields__
_NUMBER: Final = _FIELDS.index("statistics")
_BEFORE, _BEHIND = _FIELDS[:_NUMBER], _FIELDS[_NUMBER + 1 :]
# Field -> column.
_STATISTICS: Final = {name: name for name in GridStatistics.__struct_fields__} | {
    "capacity_mw": "capacity_mw_total",
    "solar_mw": "capacity_mw_solar",
    "wind_mw": "capacity_mw_wind",
}
_COLUMNS: Final = ", ".join([*_BEFORE, *_STATISTICS.values(), *_BEHIND])

# Read the columns of a row by name.
_before: Callable[[Row], tuple[Any, ...]] = itemgetter(*_BEFORE)
_behind: Callable[[Row], tuple[Any, ...]] = itemgetter(*_BEHIND)
_statistics: Callable[[Row], tuple[Any, ...]] = itemgetter(*_STATISTICS.values())
_directory_entry: Callable[[Row], tuple[Any, ...]] = itemgetter(*DirectoryEntry.__struct_fields__)


async def fetch_by_slug(pool: Pool, slugs: Sequence[str]) -> dict[str, Dno]:
    # PostgreSQL rejects some texts that are no slugs, which would fail the whole batch.
    if not (slugs := [slug for slug in slugs if _SLUG.fullmatch(slug)]):
        return {}
    rows = await pool.fetch(
        f"SELECT {_COLUMNS} FROM dnos WHERE slug = ANY($1::text[]) AND deleted_at IS NULL",
        slugs,
        name="dno_by_slug",
    )
    return {row["slug"]: _dno(row) for row in rows}


async def fetch_by_id(pool: Pool, ids: Sequence[UUID]) -> dict[UUID, Dno]:
    rows = await pool.fetch(
        f"SELECT {_COLUMNS} FROM dnos WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL",
        ids,
        name="dno_by_id",
    )
    return {row["id"]: _dno(row) for row in rows}


# As many columns as the entries of the directory have fields, and the digest of all rows: of twice 64 bits, each row's is added, in any order.
_DIRECTORY: Final = """
WITH entry AS MATERIALIZED (
  SELECT id, slug, name, official_name, region, city, postal_code, transmission, closed_network,
    -- Null only where no level is known: unknown is not zero.
    coalesce(connection_points_ns, connection_points_ms, connection_points_hs, connection_points_hoes) * 0::bigint
      + coalesce(connection_points_ns, 0) + coalesce(connection_points_ms, 0)
      + coalesce(connection_points_hs, 0) + coalesce(connection_points_hoes, 0) AS connection_points,
    updated_at, mastr_nr, bdew_code, acer_code, vnb_id
  FROM dnos WHERE deleted_at IS NULL
), content AS (
  SELECT concat_ws(' ', count(*), sum(hash_record_extended(entry, 1)), sum(hash_record_extended(entry, 2))) AS digest
  FROM entry
)
SELECT content.digest, entry.* FROM content LEFT JOIN entry ON content.digest <> $1
"""


async def fetch_directory(pool: Pool, keys: Sequence[None]) -> dict[None, DirectoryRecord]:
    """All operators by name, then by slug. Rows are sent only if one of them is not as it was when they were read last."""
    known = pool.directory
    digest, record = known.digest, known.record
    rows = await pool.fetch(_DIRECTORY, digest, name="directory")
    if rows[0]["digest"] != digest:
        record = await run_stepwise(_by_name([row for row in rows if row["id"] is not None]))
        known.digest, known.record = rows[0]["digest"], record
    return {None: record}


def _by_name(rows: Sequence[Row]) -> Generator[None, None, DirectoryRecord]:
    keyed = []
    for number, row in enumerate(rows):
        entry = DirectoryEntry(*_directory_entry(row))
        keyed.append((fold(entry.name), entry.slug, entry))
        if not number % _PER_STEP:
            yield
    ordered = yield from sort_stepwise(keyed)
    return (yield from pack([entry for _, _, entry in ordered]))


def _dno(row: Row) -> Dno:
    return Dno(*(*_before(row), GridStatistics(*_statistics(row)), *_behind(row)))
