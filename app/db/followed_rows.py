"""What was handled of a followed database: its rows by fingerprint, those that were set aside, and the last pass."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from app.db.crawler_database import Position
from app.db.pool import Connection, Pool, Row
from app.domain.set_aside import SetAside, SetAsidePage, SetAsidePosition

# That of a row which did not fit: it is handled again in every full comparison.
UNFIT = b""


class LastPass(msgspec.Struct, frozen=True):
    """Of the positions up to which tables were read. Ages are in seconds, by the clock of the database."""

    positions: Mapping[str, Position] = {}
    began_ago: float | None = None
    compared_at: datetime | None = None
    compared_ago: float | None = None
    compare_next: bool = False


async def fetch_last_pass(connection: Connection) -> LastPass:
    row = await connection.fetchrow(
        "SELECT positions, extract(epoch FROM clock_timestamp() - began_at)::float8 AS began_ago, compared_at,"
        " extract(epoch FROM clock_timestamp() - compared_at)::float8 AS compared_ago, compare_next FROM followed_source"
    )
    return LastPass() if row is None else msgspec.convert(dict(row), LastPass)


async def begin_pass(connection: Connection) -> None:
    await connection.execute(
        "INSERT INTO followed_source (began_at) VALUES (clock_timestamp())"
        " ON CONFLICT (only_row) DO UPDATE SET began_at = excluded.began_at"
    )


async def finish_pass(
    connection: Connection,
    positions: Mapping[str, Position],
    *,
    compared: bool,
    compare_next: bool,
    problem: str | None,
) -> None:
    await connection.execute(
        "UPDATE followed_source SET finished_at = clock_timestamp(), positions = $1, compare_next = $2, problem = $3,"
        " compared_at = CASE WHEN $4 THEN began_at ELSE compared_at END",
        dict(positions),
        compare_next,
        problem,
        compared,
    )


async def record_problem(connection: Connection, problem: str) -> None:
    await connection.execute("UPDATE followed_source SET problem = $1", problem[:2000])


async def fetch_fingerprints(
    connection: Connection, source: str, source_ids: Sequence[int]
) -> dict[int, bytes]:
    rows = await connection.fetch(
        "SELECT source_id, fingerprint FROM followed_rows WHERE source = $1 AND source_id = ANY($2::bigint[])",
        source,
        source_ids,
    )
    return {row["source_id"]: row["fingerprint"] for row in rows}


async def record_fingerprints(connection: Connection, source: str, fingerprints: Mapping[int, bytes]) -> None:
    await connection.execute(
        "INSERT INTO followed_rows (source, source_id, fingerprint) SELECT $1, * FROM unnest($2::bigint[], $3::bytea[])"
        " ON CONFLICT (source, source_id) DO UPDATE SET fingerprint = excluded.fingerprint",
        source,
        list(fingerprints),
        list(fingerprints.values()),
    )


async def fetch_gone(connection: Connection, source: str, present: Sequence[int]) -> tuple[list[int], int]:
    """Rows that were handled and are not there any more, and the number of all that were handled."""
    rows = await connection.fetch(
        "SELECT source_id FROM followed_rows WHERE source = $1"
        " AND NOT EXISTS (SELECT FROM unnest($2::bigint[]) AS present (id) WHERE id = source_id)",
        source,
        present,
    )
    return [row["source_id"] for row in rows], await count_handled(connection, source)


async def count_handled(connection: Connection, source: str) -> int:
    found: int = await connection.fetchval("SELECT count(*) FROM followed_rows WHERE source = $1", source)
    return found


async def forget_rows(connection: Connection, source: str, source_ids: Sequence[int]) -> None:
    """Their entries are released."""
    await connection.execute(
        "UPDATE followed_entries SET released = true WHERE source = $1 AND source_id = ANY($2::bigint[]) AND version > 0",
        source,
        source_ids,
    )
    for table in ("followed_rows", "set_aside_rows"):
        await connection.execute(
            f"DELETE FROM {table} WHERE source = $1 AND source_id = ANY($2::bigint[])", source, source_ids
        )


async def set_aside(
    connection: Connection, source: str, handled: Sequence[int], unfit: Sequence[SetAside]
) -> None:
    """`handled`: rows of which nothing else is set aside any more."""
    if handled:
        await connection.execute(
            f"DELETE FROM set_aside_rows s WHERE source = $1 AND source_id = ANY($3::bigint[]) AND {_NOT_GIVEN}",
            source,
            unfit,
            handled,
        )
    await _add(connection, unfit)


async def replace_set_aside(connection: Connection, source: str, unfit: Sequence[SetAside]) -> None:
    """`unfit`: all that is set aside of this table."""
    await connection.execute(
        f"DELETE FROM set_aside_rows s WHERE source = $1 AND {_NOT_GIVEN}", source, unfit
    )
    await _add(connection, unfit)


_NOT_GIVEN = (
    "NOT EXISTS (SELECT FROM jsonb_to_recordset($2::jsonb) AS w (source_id bigint, part text)"
    " WHERE (w.source_id, w.part) = (s.source_id, s.part))"
)


async def _add(connection: Connection, unfit: Sequence[SetAside]) -> None:
    if unfit:
        await connection.execute(
            "INSERT INTO set_aside_rows AS s (source, source_id, part, reason, content)"
            " SELECT source, source_id, part, left(reason, 2000), content FROM jsonb_to_recordset($1::jsonb)"
            " AS w (source text, source_id bigint, part text, reason text, content jsonb)"
            " ON CONFLICT (source, source_id, part) DO UPDATE SET reason = excluded.reason, content = excluded.content"
            " WHERE (s.reason, s.content) IS DISTINCT FROM (excluded.reason, excluded.content)",
            unfit,
        )


async def fetch_set_aside(connection: Connection, after: tuple[str, int, str], limit: int) -> list[SetAside]:
    rows = await connection.fetch(
        "SELECT source, source_id, part, reason, content, since FROM set_aside_rows"
        " WHERE (source, source_id, part) > ($1, $2, $3) ORDER BY source, source_id, part LIMIT $4",
        *after,
        limit,
    )
    return [SetAside(**dict(row)) for row in rows]


async def fetch_set_aside_page(pool: Pool, after: SetAsidePosition | None, first: int) -> SetAsidePage:
    rows = await pool.fetch(
        "SELECT source, source_id, part, reason, content, since FROM set_aside_rows"
        " WHERE $1::text IS NULL OR (source, source_id, part) > ($1, $2::bigint, $3::text)"
        " ORDER BY source, source_id, part LIMIT $4",
        *((None, None, None) if after is None else (after.source, int(after.source_id), after.part)),
        first + 1,
        name="set_aside",
    )
    return SetAsidePage(
        tuple(SetAside(**dict(row)) for row in rows[:first]), len(rows) > first, after is not None
    )


async def count_set_aside_rows(pool: Pool) -> int:
    rows = await pool.fetch("SELECT count(*) AS rows FROM set_aside_rows", name="set_aside")
    found: int = rows[0]["rows"]
    return found


async def count_set_aside(connection: Connection) -> dict[str, int]:
    rows = await connection.fetch(
        "SELECT source, count(DISTINCT source_id) AS rows FROM set_aside_rows GROUP BY source"
    )
    return {row["source"]: row["rows"] for row in rows}


async def fetch_status(pool: Pool) -> "Row | None":
    """For readiness: problem, seconds since the last pass ended, and how many rows are set aside."""
    rows = await pool.fetch(
        "SELECT problem, extract(epoch FROM clock_timestamp() - finished_at)::float8 AS finished_ago,"
        " (SELECT count(DISTINCT (source, source_id)) FROM set_aside_rows) AS set_aside FROM followed_source",
        name="followed",
    )
    return rows[0] if rows else None
