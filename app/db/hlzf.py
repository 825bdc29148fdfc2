"""Hochlastzeitfenster: read by operator and year, added and corrected."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from app.db.pool import Pool
from app.db.unit_of_work import UnitOfWork, expect
from app.domain.clock import hh_mm, minutes
from app.domain.correction import HlzfCorrection, NewHlzf, check_text
from app.domain.entry import LEVEL_ORDER, DnoYear, VerificationStatus, VoltageLevel
from app.domain.hlzf import SEASON_ORDER, Hlzf, Season, TimeWindow
from app.domain.revision import ChangeKind
from app.errors import Conflict, NotFound, quoted

_LEVELS = {str(level): level for level in VoltageLevel}
_SEASONS = {str(season): season for season in Season}
_STATUSES = {str(status): status for status in VerificationStatus}


async def fetch_by_dno_year(pool: Pool, keys: Sequence[DnoYear]) -> dict[DnoYear, tuple[Hlzf, ...]]:
    """From the top of the grid to the bottom, each level from winter to autumn."""
    rows = await pool.fetch(
        "SELECT place, id, voltage_level, season, windows::text,"
        " verification_status, source_url, source_title, version, updated_at FROM hlzf_data"
        " JOIN unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (dno_id, year, place) USING (dno_id, year)"
        " WHERE deleted_at IS NULL",
        *DnoYear.columns(keys),
        name="hlzf",
    )
    found: dict[DnoYear, list[Hlzf]] = {}
    for row in rows:
        key = keys[row[0] - 1]
        found.setdefault(key, []).append(_hlzf((row[1], *key, *row[2:])))
    return {key: tuple(sorted(entries, key=_order)) for key, entries in found.items()}


async def add(work: UnitOfWork, new: NewHlzf) -> Hlzf:
    """A deleted entry in the same place comes back with what is new. Refuses with Conflict if there is one."""
    new.check()
    row = await work.connection.fetchrow(
        "INSERT INTO hlzf_data AS t (dno_id, year, voltage_level, season, windows, source_url)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (dno_id, year, voltage_level, season) DO UPDATE"
        " SET windows = excluded.windows, verification_status = 'unverified', source_url = excluded.source_url,"
        " source_title = NULL, deleted_at = NULL WHERE t.deleted_at IS NOT NULL"
        " RETURNING id, dno_id, year, voltage_level, season, windows::text,"
        " verification_status, source_url, source_title, version, updated_at",
        await _operator(work, new.dno),
        new.year,
        new.voltage_level,
        new.season,
        _stored(tuple(sorted(new.windows))),
        new.source_url,
    )
    if row is None:
        raise Conflict(
            f"There are windows of {new.dno} for {new.year}, {new.voltage_level} and {new.season} already;"
            " correct those.",
            field=("input", "season"),
        )
    return _hlzf(row)


async def correct(work: UnitOfWork, correction: HlzfCorrection) -> Hlzf:
    """Without a revision if nothing changes. Refuses with Conflict if the entry has moved on."""
    check_text(correction.reason, "reason")
    before = await lock(work, correction.id, reason=correction.reason)
    expect(before.version, correction.expected_version)
    after = correction.applied_to(before)
    if after == before:
        work.wrote_nothing = True
        return before
    return await save(work, after)


async def lock(
    work: UnitOfWork,
    entry_id: UUID,
    *,
    reason: str | None,
    kind: ChangeKind | None = None,
    deleted: bool = False,
) -> Hlzf:
    """Nobody else changes it until the unit of work ends. `deleted`: a deleted one is found, too."""
    row = await work.connection.fetchrow(
        "SELECT t.id, dno_id, year, voltage_level, season, windows::text,"
        " verification_status, source_url, source_title, t.version, t.updated_at, sign($2, $3, $4)"
        " FROM hlzf_data t JOIN dnos d ON d.id = dno_id AND d.deleted_at IS NULL"
        " WHERE t.id = $1 AND (t.deleted_at IS NULL OR $5) FOR UPDATE OF t",
        entry_id,
        work.principal.name,
        reason,
        kind,
        deleted,
    )
    if row is None:
        raise NotFound("There is no such HLZF.", field=("input", "id"))
    return _hlzf(row[:11])


async def save(work: UnitOfWork, entry: Hlzf, *, deleted: bool = False) -> Hlzf:
    """What was locked before, as it shall be from now on."""
    row = await work.connection.fetchrow(
        "UPDATE hlzf_data SET windows = $2, verification_status = $3, source_url = $4, source_title = $5,"
        " deleted_at = CASE WHEN $6 THEN coalesce(deleted_at, clock_timestamp()) END WHERE id = $1"
        " RETURNING id, dno_id, year, voltage_level, season, windows::text,"
        " verification_status, source_url, source_title, version, updated_at",
        entry.id,
        _stored(entry.windows),
        entry.verification_status,
        entry.source_url,
        entry.source_title,
        deleted,
    )
    assert row is not None
    return _hlzf(row)


def restored(entry: Hlzf, state: Mapping[str, Any]) -> Hlzf:
    """As a revision remembers it."""
    return msgspec.structs.replace(
        entry,
        windows=_of_clock(state["windows"]),
        verification_status=_STATUSES[state["verification_status"]],
        source_url=state["source_url"],
        source_title=state["source_title"],
    )


async def _operator(work: UnitOfWork, slug: str) -> UUID:
    """Who now stays."""
    dno_id: UUID | None = await work.connection.fetchval(
        "SELECT id, sign($2, NULL, NULL) FROM dnos WHERE slug = $1 AND deleted_at IS NULL FOR SHARE",
        slug,
        work.principal.name,
    )
    if dno_id is None:
        raise NotFound(f"There is no operator {quoted(slug)}.", field=("input", "dno"))
    return dno_id


def _order(entry: Hlzf) -> tuple[int, int]:
    return LEVEL_ORDER[entry.voltage_level], SEASON_ORDER[entry.season]


def _hlzf(row: Iterable[Any]) -> Hlzf:
    entry_id, dno_id, year, level, season, windows, status, *rest = row
    return Hlzf(
        entry_id, dno_id, year, _LEVELS[level], _SEASONS[season], _windows(windows), _STATUSES[status], *rest
    )


@lru_cache(maxsize=4096)
def _windows(text: str) -> tuple[TimeWindow, ...]:
    """Most operators share theirs with others and with other years: text that is known is not read again."""
    return _of_clock(msgspec.json.decode(text))


def _of_clock(stored: Iterable[Mapping[str, str]]) -> tuple[TimeWindow, ...]:
    return tuple(TimeWindow(minutes(window["start"]), minutes(window["end"])) for window in stored)


def _stored(windows: tuple[TimeWindow, ...]) -> list[dict[str, str]]:
    return [{"start": hh_mm(window.start), "end": hh_mm(window.end)} for window in windows]
