"""Changes that caches at the edge are still to be purged of, and the place of each edge in their order.

A change is purged three times: at once, soon again, and after the longest time that an old response could still have been on its
way to the edge. Each of these passes has a place: the number of the last change that it has purged.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from app.db.pool import Pool
from app.domain.event import EntryChange

CHANNEL: Final = "dno_edges"  # NOTIFYs of the trigger


class EdgeStatus(NamedTuple):
    """`alive`: changes are kept for it. `lag`: seconds since the oldest change was queued that was never purged. `newest`: the
    number of the latest change. `trimmed`: changes up to this one were deleted unpurged.
    """

    places: list[int]
    trimmed: int
    alive: bool
    lifetime: float
    claimed_by: UUID | None
    claim_left: float
    failing_for: float | None
    newest: int
    lag: float | None


class EdgeChange(NamedTuple):
    id: int
    topic: str
    dno_id: UUID | None
    year: int | None
    entries: tuple[EntryChange, ...]
    age: float  # seconds


async def fetch_status(pool: Pool, name: str) -> EdgeStatus | None:
    """None: it was never purged."""
    rows = await pool.fetch(
        "SELECT places, trimmed, seen_at > clock_timestamp() - make_interval(secs => lifetime) AS alive, lifetime, claimed_by,"
        " coalesce(extract(epoch FROM claimed_until - clock_timestamp()), 0)::float8 AS claim_left,"
        " extract(epoch FROM clock_timestamp() - failing_since)::float8 AS failing_for,"
        " coalesce((SELECT max(id) FROM edge_changes), 0) AS newest,"
        " (SELECT extract(epoch FROM clock_timestamp() - queued_at)::float8 FROM edge_changes"
        "  WHERE id > places[1] ORDER BY id LIMIT 1) AS lag"
        " FROM edges WHERE name = $1",
        name,
        name="edges",
    )
    return EdgeStatus(**rows[0]) if rows else None


async def register(pool: Pool, name: str, lifetime: float) -> None:
    """Changes are kept for this edge from now on, and everything is purged: what it stored before may be of any age."""
    async with pool.connection() as connection:
        await connection.execute("SELECT register_edge($1, $2)", name, lifetime)


async def queue_everything(pool: Pool) -> list[str]:
    """Every edge purges all responses. Returns their names."""
    async with pool.connection() as connection:
        await connection.execute("SELECT purge_everything_at_edges()")
        return [row["name"] for row in await connection.fetch("SELECT name FROM edges ORDER BY name")]


async def claim(pool: Pool, name: str, instance: UUID, seconds: float, lifetime: float) -> bool:
    """Whether this instance purges the edge from now on, for so many seconds; another one may take it after that."""
    async with pool.connection() as connection:
        found = await connection.fetchval(
            "UPDATE edges SET claimed_by = $2, claimed_until = clock_timestamp() + make_interval(secs => $3),"
            " seen_at = clock_timestamp(), lifetime = greatest(lifetime, $4)"
            " WHERE name = $1 AND (claimed_by = $2 OR coalesce(claimed_until <= clock_timestamp(), true))"
            " AND seen_at > clock_timestamp() - make_interval(secs => lifetime) RETURNING true",
            name,
            instance,
            seconds,
            lifetime,
        )
    return bool(found)


async def release(pool: Pool, name: str, instance: UUID) -> None:
    """Another instance may take it at once."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE edges SET claimed_by = NULL, claimed_until = NULL WHERE name = $1 AND claimed_by = $2",
            name,
            instance,
        )


async def fetch_due(
    pool: Pool, after: int, up_to: int, delay: float, limit: int
) -> tuple[list[EdgeChange], int]:
    """The oldest changes between two places that were queued so many seconds ago, and the number of the latest such change."""
    rows = await pool.fetch(
        "SELECT id, topic, dno_id, year, entries, extract(epoch FROM clock_timestamp() - queued_at)::float8 AS age,"
        " (SELECT max(id) FROM edge_changes WHERE id > $1 AND id <= $2"
        "  AND queued_at <= clock_timestamp() - make_interval(secs => $3)) AS latest"
        " FROM edge_changes WHERE id > $1 AND id <= $2"
        " AND queued_at <= clock_timestamp() - make_interval(secs => $3) ORDER BY id LIMIT $4",
        after,
        up_to,
        delay,
        limit,
        name="edges",
    )
    changes = [
        EdgeChange(
            row["id"],
            row["topic"],
            row["dno_id"],
            row["year"],
            msgspec.convert(row["entries"], tuple[EntryChange, ...]),
            row["age"],
        )
        for row in rows
    ]
    return changes, rows[0]["latest"] if rows else after


async def note_purged(pool: Pool, name: str, places: Sequence[int]) -> None:
    """Confirmed by the edge. A place never goes back, whichever instance reports it."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE edges SET failing_since = NULL, places = ARRAY(SELECT greatest(old, new)"
            " FROM unnest(places, $2::bigint[]) WITH ORDINALITY AS p (old, new, pass) ORDER BY pass) WHERE name = $1",
            name,
            list(places),
        )


async def note_failing(pool: Pool, name: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE edges SET failing_since = coalesce(failing_since, clock_timestamp()) WHERE name = $1",
            name,
        )


async def clean(pool: Pool, most: int) -> None:
    """Deletes edges that no instance purges any more, changes that all others have purged, and the oldest beyond `most`: edges that
    have not purged these purge everything.
    """
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(
            "DELETE FROM edges WHERE seen_at <= clock_timestamp() - make_interval(secs => 2 * lifetime)"
        )
        await connection.execute(
            "UPDATE edges SET trimmed = bound.id FROM (SELECT coalesce(max(id), 0) - $1 AS id FROM edge_changes) AS bound"
            " WHERE (SELECT min(place) FROM unnest(places) AS place) < bound.id AND trimmed < bound.id",
            most,
        )
        await connection.execute(
            "DELETE FROM edge_changes WHERE id <= greatest((SELECT max(id) - $1 FROM edge_changes),"
            " coalesce((SELECT min(place) FROM edges, unnest(places) AS place), 9223372036854775807))",
            most,
        )


async def fetch_undelivered(pool: Pool, limit: int) -> list[int]:
    """Numbers of the latest events that wait in the outbox, latest first."""
    rows = await pool.fetch("SELECT id FROM outbox ORDER BY id DESC LIMIT $1", limit, name="edges")
    return [row["id"] for row in rows]


async def keep_undelivered(pool: Pool, ids: Sequence[int]) -> None:
    """As if they had been delivered; they are kept again when they are."""
    async with pool.connection() as connection:
        await connection.execute(
            "SELECT keep_for_edges(ARRAY(SELECT o FROM outbox AS o WHERE id = ANY($1::bigint[])))", list(ids)
        )
