"""Many rows at once: COPY into a temporary table, one upsert from there.

A row that says what the database already says is not touched: no version, no revision, no event. Where
people have decided, the file yields: an entry stays as it is (`SkippedRow`) if it is verified and the file's is
not, or if its last change was signed by somebody other than an import. `overwrite` lets the file win.

The upsert names the id and version that the decision rests on; an entry that has moved on since is kept.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from uuid import UUID

import msgspec

from app.db.pool import Connection, Row

Rows = Sequence[Sequence[str]]
OnRows = Callable[[int], None]

# How imports sign what they change.
ACTOR = "import"

# Any number will do, as long as every release uses the same.
_LOCK = 0x696D70
_ROWS_PER_CHUNK = 5_000


class SkippedRow(msgspec.Struct, frozen=True):
    row: int  # its index among the rows that were handed over
    reason: str


class Outcome(msgspec.Struct, frozen=True):
    inserted: int
    updated: int
    unchanged: int
    kept: tuple[SkippedRow, ...]


async def one_import_at_a_time(connection: Connection) -> None:
    """Until the end of the transaction: imports wait for each other instead of deadlocking."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def sign(connection: Connection, reason: str) -> None:
    """Who and why, for the revisions that the triggers write."""
    await connection.execute(
        "SELECT set_config('dno.actor', $1, true), set_config('dno.reason', $2, true)", ACTOR, reason
    )


async def fetch_operators(connection: Connection) -> dict[str, UUID]:
    rows = await connection.fetch("SELECT slug, id FROM dnos WHERE deleted_at IS NULL")
    return {row["slug"]: row["id"] for row in rows}


async def fetch_time_of_use_sheets(connection: Connection) -> frozenset[tuple[str, str]]:
    rows = await connection.fetch(
        "SELECT dno_id::text, year::text FROM time_of_use_data WHERE deleted_at IS NULL"
    )
    return frozenset((row["dno_id"], row["year"]) for row in rows)


async def load_operators(connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
    """Nobody corrects operators here, so the file always wins."""
    await connection.execute(
        """
        CREATE TEMPORARY TABLE staged_dnos (
            n integer, slug text, name text, official_name text, mastr_nr text, bdew_code text,
            acer_code text, vnb_id text, region text, city text, postal_code text, website text,
            closed_network boolean, transmission boolean,
            connection_points_ns integer, connection_points_ms integer,
            connection_points_hs integer, connection_points_hoes integer,
            capacity_mw_total numeric, capacity_mw_solar numeric, capacity_mw_wind numeric
        ) ON COMMIT DROP
        """
    )
    await _copy(connection, "staged_dnos", rows, on_rows)
    row = await connection.fetchrow(
        """
        WITH decided AS MATERIALIZED (
            SELECT s.*, t.id, t.version,
                t.id IS NULL OR t.deleted_at IS NOT NULL
                OR (t.name, t.official_name, t.mastr_nr, t.bdew_code, t.acer_code, t.vnb_id, t.region, t.city,
                    t.postal_code, t.website, t.closed_network, t.transmission,
                    t.connection_points_ns, t.connection_points_ms, t.connection_points_hs, t.connection_points_hoes,
                    t.capacity_mw_total, t.capacity_mw_solar, t.capacity_mw_wind)
                IS DISTINCT FROM
                   (s.name, s.official_name, s.mastr_nr, s.bdew_code, s.acer_code, s.vnb_id, s.region, s.city,
                    s.postal_code, s.website, s.closed_network, s.transmission,
                    s.connection_points_ns, s.connection_points_ms, s.connection_points_hs, s.connection_points_hoes,
                    s.capacity_mw_total, s.capacity_mw_solar, s.capacity_mw_wind)
                AS differs
            FROM staged_dnos s LEFT JOIN dnos t USING (slug)
        ), written AS (
            INSERT INTO dnos AS t (id, version, slug, name, official_name, mastr_nr, bdew_code, acer_code, vnb_id,
                region, city, postal_code, website, closed_network, transmission,
                connection_points_ns, connection_points_ms, connection_points_hs, connection_points_hoes,
                capacity_mw_total, capacity_mw_solar, capacity_mw_wind)
            SELECT coalesce(id, gen_random_uuid()), coalesce(version, 1), slug, name, official_name, mastr_nr,
                bdew_code, acer_code, vnb_id, region, city, postal_code, website, closed_network, transmission,
                connection_points_ns, connection_points_ms, connection_points_hs, connection_points_hoes,
                capacity_mw_total, capacity_mw_solar, capacity_mw_wind
            FROM decided WHERE differs ORDER BY slug
            ON CONFLICT (slug) DO UPDATE SET
                name = excluded.name, official_name = excluded.official_name, mastr_nr = excluded.mastr_nr,
                bdew_code = excluded.bdew_code, acer_code = excluded.acer_code, vnb_id = excluded.vnb_id,
                region = excluded.region, city = excluded.city, postal_code = excluded.postal_code,
                website = excluded.website, closed_network = excluded.closed_network,
                transmission = excluded.transmission,
                connection_points_ns = excluded.connection_points_ns,
                connection_points_ms = excluded.connection_points_ms,
                connection_points_hs = excluded.connection_points_hs,
                connection_points_hoes = excluded.connection_points_hoes,
                capacity_mw_total = excluded.capacity_mw_total,
                capacity_mw_solar = excluded.capacity_mw_solar,
                capacity_mw_wind = excluded.capacity_mw_wind,
                deleted_at = NULL
            WHERE (t.id, t.version) = (excluded.id, excluded.version)
            RETURNING t.slug, old.id IS NULL AS inserted
        )
        SELECT count(*) FILTER (WHERE inserted) AS inserted,
            count(*) FILTER (WHERE NOT inserted) AS updated,
            count(*) FILTER (WHERE NOT differs) AS unchanged,
            array_agg(n ORDER BY n) FILTER (WHERE differs AND inserted IS NULL) AS kept,
            array_agg(text 'changed by somebody else at this moment' ORDER BY n)
                FILTER (WHERE differs AND inserted IS NULL) AS reasons
        FROM decided LEFT JOIN written USING (slug)
        """
    )
    return _outcome(row)


async def load_tariffs(connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
    await connection.execute(
        """
        CREATE TEMPORARY TABLE staged_tariffs (
            n integer, dno_id uuid, year integer, voltage_level text,
            leistung numeric, arbeit numeric, leistung_unter_2500h numeric, arbeit_unter_2500h numeric,
            verification_status text, source_url text, source_title text
        ) ON COMMIT DROP
        """
    )
    await _copy(connection, "staged_tariffs", rows, on_rows)
    row = await connection.fetchrow(
        """
        WITH decided AS MATERIALIZED (
            SELECT s.*, t.id, t.version, CASE
                WHEN t.id IS NULL THEN 'write'
                WHEN t.deleted_at IS NULL AND (t.leistung, t.arbeit, t.leistung_unter_2500h, t.arbeit_unter_2500h,
                      t.verification_status, t.source_url, t.source_title)
                    IS NOT DISTINCT FROM
                     (s.leistung, s.arbeit, s.leistung_unter_2500h, s.arbeit_unter_2500h,
                      s.verification_status, s.source_url, s.source_title) THEN 'same'
                WHEN $1 THEN 'write'
                WHEN t.deleted_at IS NULL AND t.verification_status = 'verified'
                    AND s.verification_status <> 'verified' THEN 'verified in the database, but not in the file'
                ELSE coalesce(
                    (SELECT CASE r.kind WHEN 'DELETED' THEN 'deleted' ELSE 'last changed' END || ' by ' || r.changed_by
                     FROM revisions r
                     WHERE r.entry_id = t.id AND r.version = t.version AND r.changed_by <> $2), 'write')
                END AS verdict
            FROM staged_tariffs s LEFT JOIN netzentgelte_data t USING (dno_id, year, voltage_level)
        ), written AS (
            INSERT INTO netzentgelte_data AS t (id, version, dno_id, year, voltage_level, leistung, arbeit,
                leistung_unter_2500h, arbeit_unter_2500h, verification_status, source_url, source_title)
            SELECT coalesce(id, gen_random_uuid()), coalesce(version, 1), dno_id, year, voltage_level,
                leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h,
                verification_status, source_url, source_title
            FROM decided WHERE verdict = 'write' ORDER BY dno_id, year, voltage_level
            ON CONFLICT (dno_id, year, voltage_level) DO UPDATE SET
                leistung = excluded.leistung, arbeit = excluded.arbeit,
                leistung_unter_2500h = excluded.leistung_unter_2500h,
                arbeit_unter_2500h = excluded.arbeit_unter_2500h,
                verification_status = excluded.verification_status,
                source_url = excluded.source_url, source_title = excluded.source_title,
                deleted_at = NULL
            WHERE (t.id, t.version) = (excluded.id, excluded.version)
            RETURNING t.dno_id, t.year::integer AS year, t.voltage_level::text AS voltage_level,
                old.id IS NULL AS inserted
        ), judged AS (
            SELECT n, inserted, CASE
                WHEN verdict = 'write' AND inserted IS NULL THEN 'changed by somebody else at this moment'
                ELSE verdict END AS verdict
            FROM decided LEFT JOIN written USING (dno_id, year, voltage_level)
        )
        SELECT count(*) FILTER (WHERE inserted) AS inserted,
            count(*) FILTER (WHERE NOT inserted) AS updated,
            count(*) FILTER (WHERE verdict = 'same') AS unchanged,
            array_agg(n ORDER BY n) FILTER (WHERE verdict NOT IN ('write', 'same')) AS kept,
            array_agg(verdict ORDER BY n) FILTER (WHERE verdict NOT IN ('write', 'same')) AS reasons
        FROM judged
        """,
        overwrite,
        ACTOR,
    )
    return _outcome(row)


async def load_hlzf(connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
    await connection.execute(
        """
        CREATE TEMPORARY TABLE staged_hlzf (
            n integer, dno_id uuid, year integer, voltage_level text, season text,
            windows jsonb, verification_status text, source_url text, source_title text
        ) ON COMMIT DROP
        """
    )
    await _copy(connection, "staged_hlzf", rows, on_rows)
    row = await connection.fetchrow(
        """
        WITH decided AS MATERIALIZED (
            SELECT s.*, t.id, t.version, CASE
                WHEN t.id IS NULL THEN 'write'
                WHEN t.deleted_at IS NULL AND (t.windows, t.verification_status, t.source_url, t.source_title)
                    IS NOT DISTINCT FROM
                     (s.windows, s.verification_status, s.source_url, s.source_title) THEN 'same'
                WHEN $1 THEN 'write'
                WHEN t.deleted_at IS NULL AND t.verification_status = 'verified'
                    AND s.verification_status <> 'verified' THEN 'verified in the database, but not in the file'
                ELSE coalesce(
                    (SELECT CASE r.kind WHEN 'DELETED' THEN 'deleted' ELSE 'last changed' END || ' by ' || r.changed_by
                     FROM revisions r
                     WHERE r.entry_id = t.id AND r.version = t.version AND r.changed_by <> $2), 'write')
                END AS verdict
            FROM staged_hlzf s LEFT JOIN hlzf_data t USING (dno_id, year, voltage_level, season)
        ), written AS (
            INSERT INTO hlzf_data AS t (id, version, dno_id, year, voltage_level, season, windows,
                verification_status, source_url, source_title)
            SELECT coalesce(id, gen_random_uuid()), coalesce(version, 1), dno_id, year, voltage_level, season,
                windows, verification_status, source_url, source_title
            FROM decided WHERE verdict = 'write' ORDER BY dno_id, year, voltage_level, season
            ON CONFLICT (dno_id, year, voltage_level, season) DO UPDATE SET
                windows = excluded.windows, verification_status = excluded.verification_status,
                source_url = excluded.source_url, source_title = excluded.source_title,
                deleted_at = NULL
            WHERE (t.id, t.version) = (excluded.id, excluded.version)
            RETURNING t.dno_id, t.year::integer AS year, t.voltage_level::text AS voltage_level, t.season,
                old.id IS NULL AS inserted
        ), judged AS (
            SELECT n, inserted, CASE
                WHEN verdict = 'write' AND inserted IS NULL THEN 'changed by somebody else at this moment'
                ELSE verdict END AS verdict
            FROM decided LEFT JOIN written USING (dno_id, year, voltage_level, season)
        )
        SELECT count(*) FILTER (WHERE inserted) AS inserted,
            count(*) FILTER (WHERE NOT inserted) AS updated,
            count(*) FILTER (WHERE verdict = 'same') AS unchanged,
            array_agg(n ORDER BY n) FILTER (WHERE verdict NOT IN ('write', 'same')) AS kept,
            array_agg(verdict ORDER BY n) FILTER (WHERE verdict NOT IN ('write', 'same')) AS reasons
        FROM judged
        """,
        overwrite,
        ACTOR,
    )
    return _outcome(row)


async def load_time_of_use(connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
    """Prices and windows come in files of their own; what a sheet's row does not tell stays as it is."""
    await connection.execute(
        """
        CREATE TEMPORARY TABLE staged_time_of_use (
            n integer, dno_id uuid, year integer, price_ht numeric, price_st numeric, price_nt numeric,
            verification_status text, source_url text, windows jsonb
        ) ON COMMIT DROP
        """
    )
    await _copy(connection, "staged_time_of_use", rows, on_rows)
    row = await connection.fetchrow(
        """
        WITH merged AS (
            SELECT s.n, s.dno_id, s.year, t.id, t.version, t.deleted_at,
                t.verification_status AS status_before,
                (t.price_ht::numeric, t.price_st::numeric, t.price_nt::numeric,
                 t.verification_status::text, t.source_url, t.windows) AS before,
                priced, CASE WHEN priced THEN s.price_ht ELSE t.price_ht END AS price_ht,
                CASE WHEN priced THEN s.price_st ELSE t.price_st END AS price_st,
                CASE WHEN priced THEN s.price_nt ELSE t.price_nt END AS price_nt,
                CASE WHEN priced THEN s.verification_status ELSE t.verification_status END AS verification_status,
                CASE WHEN priced THEN s.source_url ELSE t.source_url END AS source_url,
                coalesce(s.windows, t.windows, '[]') AS windows
            FROM (SELECT *, verification_status IS NOT NULL AS priced FROM staged_time_of_use) s
            LEFT JOIN time_of_use_data t USING (dno_id, year)
        ), decided AS MATERIALIZED (
            SELECT *, CASE
                WHEN id IS NULL OR deleted_at IS NOT NULL THEN 'write'
                WHEN (price_ht, price_st, price_nt, verification_status, source_url, windows)
                    IS NOT DISTINCT FROM before THEN 'same'
                WHEN $1 THEN 'write'
                WHEN status_before = 'verified' AND verification_status <> 'verified'
                    THEN 'verified in the database, but not in the file'
                ELSE 'write' END AS verdict
            FROM merged
        ), written AS (
            INSERT INTO time_of_use_data AS t (id, version, dno_id, year, price_ht, price_st, price_nt,
                verification_status, source_url, windows)
            SELECT coalesce(id, gen_random_uuid()), coalesce(version, 1), dno_id, year,
                price_ht, price_st, price_nt, verification_status, source_url, windows
            FROM decided WHERE verdict = 'write' ORDER BY dno_id, year
            ON CONFLICT (dno_id, year) DO UPDATE SET
                price_ht = excluded.price_ht, price_st = excluded.price_st, price_nt = excluded.price_nt,
                verification_status = excluded.verification_status, source_url = excluded.source_url,
                windows = excluded.windows, deleted_at = NULL
            WHERE (t.id, t.version) = (excluded.id, excluded.version)
            RETURNING t.dno_id, t.year::integer AS year, old.id IS NULL AS inserted
        ), judged AS (
            SELECT n, inserted, CASE
                WHEN verdict = 'write' AND inserted IS NULL THEN 'changed by somebody else at this moment'
                ELSE verdict END AS verdict
            FROM decided LEFT JOIN written USING (dno_id, year)
        )
        SELECT count(*) FILTER (WHERE inserted) AS inserted,
            count(*) FILTER (WHERE NOT inserted) AS updated,
            count(*) FILTER (WHERE verdict = 'same') AS unchanged,
            array_agg(n ORDER BY n) FILTER (WHERE verdict NOT IN ('write', 'same')) AS kept,
            array_agg(verdict ORDER BY n) FILTER (WHERE verdict NOT IN ('write', 'same')) AS reasons
        FROM judged
        """,
        overwrite,
    )
    return _outcome(row)


async def load_aliases(connection: Connection, aliases: Rows, *, only_of_new_operators: bool) -> int:
    """Slug, alias and source each; names of unknown operators wait until the operators come."""
    rows = await connection.fetch(
        """
        INSERT INTO dno_aliases (dno_id, alias, source)
        SELECT d.id, told.alias, told.source
        FROM unnest($1::text[], $2::text[], $3::text[]) AS told (slug, alias, source) JOIN dnos d USING (slug)
        WHERE d.deleted_at IS NULL AND (NOT $4 OR d.created_at = now())
        ON CONFLICT (dno_id, alias) DO NOTHING
        RETURNING id
        """,
        [slug for slug, _, _ in aliases],
        [alias for _, alias, _ in aliases],
        [source for _, _, source in aliases],
        only_of_new_operators,
    )
    return len(rows)


async def _copy(connection: Connection, table: str, rows: Rows, on_rows: OnRows) -> None:
    await connection.copy_to_table(table, source=_chunks(rows, on_rows), format="csv")
    # Without figures about it, the planner takes a new table for a small one.
    await connection.execute(f"ANALYZE {table}")


async def _chunks(rows: Rows, on_rows: OnRows) -> AsyncIterator[bytes]:
    numbered: Iterator[Sequence[object]] = ((n, *row) for n, row in enumerate(rows))
    while chunk := list(islice(numbered, _ROWS_PER_CHUNK)):
        text = io.StringIO(newline="")
        # With this end of line, the writer also quotes carriage returns within cells.
        csv.writer(text, lineterminator="\r\n").writerows(chunk)
        on_rows(len(chunk))
        yield text.getvalue().encode()


def _outcome(row: "Row | None") -> Outcome:
    assert row is not None
    kept = zip(row["kept"] or (), row["reasons"] or (), strict=True)
    return Outcome(
        row["inserted"], row["updated"], row["unchanged"], tuple(SkippedRow(*each) for each in kept)
    )
