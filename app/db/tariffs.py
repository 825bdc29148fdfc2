"""Netzentgelte: read by operator and year, ranked over all operators, added and corrected."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from app.db.pool import Pool
from app.db.unit_of_work import UnitOfWork, expect
from app.domain.correction import NewTariff, TariffCorrection, check_text
from app.domain.cost import THRESHOLD_HOURS, Ranked, annual_cost, check_consumption
from app.domain.entry import LEVEL_ORDER, DnoYear, VerificationStatus, VoltageLevel
from app.domain.plausibility import doubts
from app.domain.revision import ChangeKind
from app.domain.tariff import PRICE_FIELDS, Prices, Tariff
from app.errors import Conflict, NotFound, quoted

_LEVELS = {str(level): level for level in VoltageLevel}
_STATUSES = {str(status): status for status in VerificationStatus}


async def fetch_by_dno_year(pool: Pool, keys: Sequence[DnoYear]) -> dict[DnoYear, tuple[Tariff, ...]]:
    """From the top of the grid to the bottom."""
    rows = await pool.fetch(
        "SELECT place, id, voltage_level, leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h,"
        " verification_status, source_url, source_title, version, updated_at FROM netzentgelte_data"
        " JOIN unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (dno_id, year, place) USING (dno_id, year)"
        " WHERE deleted_at IS NULL",
        *DnoYear.columns(keys),
        name="tariffs",
    )
    found: dict[DnoYear, list[Tariff]] = {}
    for row in rows:
        key = keys[row[0] - 1]
        found.setdefault(key, []).append(_tariff((row[1], *key, *row[2:])))
    return {key: tuple(sorted(tariffs, key=_level)) for key, tariffs in found.items()}


async def fetch_ranking(
    pool: Pool,
    year: int,
    voltage_level: VoltageLevel,
    consumption_kwh: Decimal,
    peak_load_kw: Decimal,
    regions: Collection[str] | None,
    first: int,
) -> tuple[Ranked, ...]:
    """Cheapest first; what costs the same, by the operator's name. Without a needed price there is no rank.

    `regions`: only operators with one of these, as they are stored.
    """
    check_consumption(consumption_kwh, peak_load_kw)
    rows = await pool.fetch(
        "SELECT t.id, dno_id, year, voltage_level, leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h,"
        " verification_status, source_url, source_title, t.version, t.updated_at"
        " FROM netzentgelte_data t JOIN dnos d ON d.id = dno_id AND d.deleted_at IS NULL,"
        " LATERAL (SELECT"
        " CASE WHEN $3::numeric >= $7 * $4::numeric THEN leistung ELSE leistung_unter_2500h END AS per_kw,"
        " CASE WHEN $3::numeric >= $7 * $4::numeric THEN arbeit ELSE arbeit_unter_2500h END AS per_kwh) AS price"
        " WHERE year = $1 AND voltage_level = $2 AND t.deleted_at IS NULL AND ($5::text[] IS NULL OR region = ANY($5))"
        " AND per_kw IS NOT NULL AND per_kwh IS NOT NULL"
        # Rounded as in annual_cost; the prices and 0.01 are exact, a division might not be.
        " ORDER BY round($4 * per_kw, 2) + round($3 * per_kwh * 0.01, 2), d.name, t.id LIMIT $6",
        year,
        voltage_level,
        consumption_kwh,
        peak_load_kw,
        None if regions is None else list(regions),
        first,
        Decimal(THRESHOLD_HOURS),
        name="ranking",
    )
    return tuple(
        Ranked(rank, tariff, annual_cost(tariff, consumption_kwh, peak_load_kw))
        for rank, tariff in enumerate(map(_tariff, rows), 1)
    )


async def add(work: UnitOfWork, new: NewTariff) -> Tariff:
    """A deleted entry in the same place comes back with what is new. Refuses with Conflict if there is one."""
    new.check()
    dno_id, last_year = await _operator(work, new)
    row = await work.connection.fetchrow(
        "INSERT INTO netzentgelte_data AS t (dno_id, year, voltage_level,"
        " leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h, source_url)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (dno_id, year, voltage_level) DO UPDATE"
        " SET leistung = excluded.leistung, arbeit = excluded.arbeit,"
        " leistung_unter_2500h = excluded.leistung_unter_2500h, arbeit_unter_2500h = excluded.arbeit_unter_2500h,"
        " verification_status = 'unverified', source_url = excluded.source_url, source_title = NULL, deleted_at = NULL"
        " WHERE t.deleted_at IS NOT NULL"
        " RETURNING id, dno_id, year, voltage_level, leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h,"
        " verification_status, source_url, source_title, version, updated_at",
        dno_id,
        new.year,
        new.voltage_level,
        *msgspec.structs.astuple(new.prices),
        new.source_url,
    )
    if row is None:
        raise Conflict(
            f"There is a tariff of {new.dno} for {new.year} and {new.voltage_level} already; correct that one.",
            field=("input", "voltageLevel"),
        )
    work.doubts += doubts(new.prices, last_year)
    return _tariff(row)


async def correct(work: UnitOfWork, correction: TariffCorrection) -> Tariff:
    """Without a revision if nothing changes. Refuses with Conflict if the entry has moved on."""
    check_text(correction.reason, "reason")
    before, last_year = await _lock_beside_last_year(work, correction.id, reason=correction.reason)
    expect(before.version, correction.expected_version)
    after = correction.applied_to(before)
    if after == before:
        work.wrote_nothing = True
        return before
    work.doubts += doubts(after.prices, last_year)
    return await save(work, after)


async def lock(
    work: UnitOfWork,
    entry_id: UUID,
    *,
    reason: str | None,
    kind: ChangeKind | None = None,
    deleted: bool = False,
) -> Tariff:
    """Nobody else changes it until the unit of work ends. `deleted`: a deleted one is found, too."""
    tariff, _ = await _lock_beside_last_year(work, entry_id, reason=reason, kind=kind, deleted=deleted)
    return tariff


async def save(work: UnitOfWork, tariff: Tariff, *, deleted: bool = False) -> Tariff:
    """What was locked before, as it shall be from now on."""
    row = await work.connection.fetchrow(
        "UPDATE netzentgelte_data SET leistung = $2, arbeit = $3, leistung_unter_2500h = $4, arbeit_unter_2500h = $5,"
        " verification_status = $6, source_url = $7, source_title = $8,"
        " deleted_at = CASE WHEN $9 THEN coalesce(deleted_at, clock_timestamp()) END WHERE id = $1"
        " RETURNING id, dno_id, year, voltage_level, leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h,"
        " verification_status, source_url, source_title, version, updated_at",
        tariff.id,
        *msgspec.structs.astuple(tariff.prices),
        tariff.verification_status,
        tariff.source_url,
        tariff.source_title,
        deleted,
    )
    assert row is not None
    return _tariff(row)


def restored(tariff: Tariff, state: Mapping[str, Any]) -> Tariff:
    """As a revision remembers it."""
    return msgspec.structs.replace(
        tariff,
        **{name: None if state[name] is None else Decimal(state[name]) for name in PRICE_FIELDS},
        verification_status=_STATUSES[state["verification_status"]],
        source_url=state["source_url"],
        source_title=state["source_title"],
    )


async def _operator(work: UnitOfWork, new: NewTariff) -> tuple[UUID, Prices]:
    """The operator, who now stays, and last year's prices."""
    row = await work.connection.fetchrow(
        "SELECT d.id, leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h, sign($4, NULL, NULL)"
        " FROM dnos d LEFT JOIN netzentgelte_data p"
        " ON p.dno_id = d.id AND p.year = $2::integer - 1 AND p.voltage_level = $3 AND p.deleted_at IS NULL"
        " WHERE slug = $1 AND d.deleted_at IS NULL FOR SHARE OF d",
        new.dno,
        new.year,
        new.voltage_level,
        work.principal.name,
    )
    if row is None:
        raise NotFound(f"There is no operator {quoted(new.dno)}.", field=("input", "dno"))
    return row[0], Prices(*row[1:5])


async def _lock_beside_last_year(
    work: UnitOfWork,
    entry_id: UUID,
    *,
    reason: str | None,
    kind: ChangeKind | None = None,
    deleted: bool = False,
) -> tuple[Tariff, Prices]:
    row = await work.connection.fetchrow(
        "SELECT t.id, t.dno_id, t.year, t.voltage_level, t.leistung, t.arbeit, t.leistung_unter_2500h,"
        " t.arbeit_unter_2500h, t.verification_status, t.source_url, t.source_title, t.version, t.updated_at,"
        " p.leistung, p.arbeit, p.leistung_unter_2500h, p.arbeit_unter_2500h, sign($2, $3, $4)"
        " FROM netzentgelte_data t JOIN dnos d ON d.id = t.dno_id AND d.deleted_at IS NULL"
        " LEFT JOIN netzentgelte_data p ON p.dno_id = t.dno_id AND p.year = t.year - 1"
        " AND p.voltage_level = t.voltage_level AND p.deleted_at IS NULL"
        " WHERE t.id = $1 AND (t.deleted_at IS NULL OR $5) FOR UPDATE OF t",
        entry_id,
        work.principal.name,
        reason,
        kind,
        deleted,
    )
    if row is None:
        raise NotFound("There is no such tariff.", field=("input", "id"))
    return _tariff(row[:13]), Prices(*row[13:17])


def _level(tariff: Tariff) -> int:
    return LEVEL_ORDER[tariff.voltage_level]


def _tariff(row: Iterable[Any]) -> Tariff:
    entry_id, dno_id, year, level, leistung, arbeit, leistung_unter, arbeit_unter, status, *rest = row
    return Tariff(
        entry_id,
        dno_id,
        year,
        _LEVELS[level],
        leistung,
        arbeit,
        leistung_unter,
        arbeit_unter,
        _STATUSES[status],
        *rest,
    )
