"""Operators: by slug and by id, and all of them for lists and searches."""

import re
from collections.abc import Sequence
from uuid import UUID

from app.db.pool import Pool, Row
from app.domain.dno import DirectoryEntry, Dno, GridStatistics
from app.domain.folding import fold

_SLUG = re.compile(r"[a-z0-9-]{1,200}")


async def fetch_by_slug(pool: Pool, slugs: Sequence[str]) -> dict[str, Dno]:
    # PostgreSQL rejects some texts that are no slugs, which would fail the whole batch.
    if not (slugs := [slug for slug in slugs if _SLUG.fullmatch(slug)]):
        return {}
    rows = await pool.fetch(
        "SELECT id, slug, name, official_name, region, city, postal_code, website, mastr_nr, bdew_code, acer_code,"
        " vnb_id, transmission, closed_network, connection_points_ns, connection_points_ms, connection_points_hs,"
        " connection_points_hoes, capacity_mw_total, capacity_mw_solar, capacity_mw_wind, version, updated_at"
        " FROM dnos WHERE slug = ANY($1::text[]) AND deleted_at IS NULL",
        slugs,
        name="dno_by_slug",
    )
    return {row["slug"]: _dno(row) for row in rows}


async def fetch_by_id(pool: Pool, ids: Sequence[UUID]) -> dict[UUID, Dno]:
    rows = await pool.fetch(
        "SELECT id, slug, name, official_name, region, city, postal_code, website, mastr_nr, bdew_code, acer_code,"
        " vnb_id, transmission, closed_network, connection_points_ns, connection_points_ms, connection_points_hs,"
        " connection_points_hoes, capacity_mw_total, capacity_mw_solar, capacity_mw_wind, version, updated_at"
        " FROM dnos WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL",
        ids,
        name="dno_by_id",
    )
    return {row["id"]: _dno(row) for row in rows}


async def fetch_directory(pool: Pool, keys: Sequence[None]) -> dict[None, tuple[DirectoryEntry, ...]]:
    """All operators by name, then by slug."""
    rows = await pool.fetch(
        "SELECT id, slug, name, official_name, region, city, postal_code, transmission, closed_network,"
        # Null only where no level is known: unknown is not zero.
        " coalesce(connection_points_ns, connection_points_ms, connection_points_hs, connection_points_hoes) * 0::bigint"
        " + coalesce(connection_points_ns, 0) + coalesce(connection_points_ms, 0)"
        " + coalesce(connection_points_hs, 0) + coalesce(connection_points_hoes, 0), updated_at"
        " FROM dnos WHERE deleted_at IS NULL",
        name="directory",
    )
    entries = [DirectoryEntry(*row) for row in rows]
    entries.sort(key=lambda entry: (fold(entry.name), entry.slug))
    return {None: tuple(entries)}


def _dno(row: Row) -> Dno:
    return Dno(*(*row[:14], GridStatistics(*row[14:21]), *row[21:]))
