"""The queue of webhooks: changes become messages, messages are claimed, sent, and deleted or set aside.

Both steps are transactions under one advisory lock, so that one instance at a time takes them and the order is kept. Sending
is outside: a claim lasts for some seconds, after which another instance sends the message.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from app.db.change_rows import ENTRY_KEY
from app.db.pool import Connection, Pool
from app.db.revisions import revision
from app.db.webhooks import VALID_KEY
from app.domain.event import EntryChange
from app.domain.families import FAMILIES
from app.domain.family import Family
from app.domain.revision import Revision
from app.domain.webhook import ClaimedMessage, DisabledBecause

# An arbitrary number, the same in every release.
_LOCK: Final = 0x646E6F03
# Messages of one subscription that one instance sends at a time, while attempts succeed; else one.
_AT_ONCE: Final = 8


class Change(NamedTuple):
    """Entries of one family, operator and year, in the order of their numbers."""

    id: int
    topic: str
    dno_id: UUID
    year: int
    changed_at: datetime
    entries: tuple[EntryChange, ...]


class ChangedEntry(NamedTuple):
    """A revision with what it is compared with. `values_before` and `values_after` by column."""

    revision: Revision
    key: Mapping[str, Any]
    values_before: Mapping[str, Any]
    values_after: Mapping[str, Any]


class Dno(NamedTuple):
    slug: str
    name: str


class NewMessage(NamedTuple):
    subscription_id: UUID
    stream: str
    body: str


class Failed(NamedTuple):
    """`retry_after`: seconds until the next attempt of this message; `pause`: until one of any message, after the first failure
    in a row; it doubles with each failure after a pause, up to `longest_pause`.
    """

    error: str
    retry_after: float
    pause: float
    longest_pause: float


@asynccontextmanager
async def locked(pool: Pool) -> AsyncIterator["Connection | None"]:
    """A transaction that one instance at a time has; None: another has it."""
    async with pool.connection() as connection, connection.transaction():
        acquired = await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK)
        yield connection if acquired else None


async def fetch_work(pool: Pool) -> bool:
    """Whether there may be changes or messages that are due."""
    rows = await pool.fetch(
        "SELECT EXISTS (SELECT FROM webhook_changes) OR EXISTS (SELECT FROM webhook_messages m"
        " JOIN webhook_subscriptions s ON s.id = m.subscription_id WHERE m.state = 'PENDING' AND s.state = 'ACTIVE'"
        " AND m.due_at <= clock_timestamp() AND coalesce(s.next_attempt_at <= clock_timestamp(), true))"
        " OR EXISTS (SELECT FROM webhook_subscriptions WHERE missed_since IS NOT NULL AND state = 'ACTIVE') AS found",
        name="webhook_work",
    )
    found: bool = rows[0]["found"]
    return found


async def take_changes(connection: Connection, limit: int) -> list[Change]:
    """The oldest ones; deleted when the transaction commits."""
    rows = await connection.fetch(
        "WITH taken AS (DELETE FROM webhook_changes WHERE id = ANY(ARRAY(SELECT id FROM webhook_changes ORDER BY id LIMIT $1))"
        " RETURNING id, topic, dno_id, year, changed_at, entries) SELECT * FROM taken ORDER BY id",
        limit,
    )
    return [
        Change(
            row["id"],
            row["topic"],
            row["dno_id"],
            row["year"],
            row["changed_at"],
            msgspec.convert(row["entries"], tuple[EntryChange, ...]),
        )
        for row in rows
    ]


async def fetch_changed(
    connection: Connection, change: Change, entries: Sequence[EntryChange]
) -> list[ChangedEntry]:
    """In the order of `entries`. Left out are those that the change did not leave where it is: an entry that was moved by hand is
    listed where it came from, too.
    """
    rows = await connection.fetch(
        "SELECT r.id, r.entry_id, r.data_type, r.kind, r.version, r.changed_at, r.changed_by, r.reason, r.before, r.after,"
        f" {ENTRY_KEY} AS key FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS wanted (entry_id, version, place)"
        " JOIN revisions r USING (entry_id, version) WHERE r.dno_id = $3 AND r.year = $4 ORDER BY place",
        [entry.id for entry in entries],
        [entry.version for entry in entries],
        change.dno_id,
        change.year,
    )
    return [
        ChangedEntry(revision(row), row["key"] or {}, row["before"] or {}, row["after"] or {}) for row in rows
    ]


async def fetch_previous_year(
    connection: Connection, family: Family, ids: Sequence[UUID]
) -> dict[UUID, Mapping[str, Any]]:
    """The prices of the same operator and key in the year before, by entry."""
    rows = await connection.fetch(_PREVIOUS_YEAR[family.name], ids)
    return {row["id"]: row for row in rows}


def _previous_year(family: Family) -> str:
    columns = ", ".join(f"p.{column.name}" for column in family.prices)
    key = " ".join(f"AND p.{key.name} = t.{key.name}" for key in family.key)
    return (
        f"SELECT t.id, {columns} FROM {family.table} t JOIN {family.table} p"
        f" ON p.dno_id = t.dno_id AND p.year = t.year - 1 {key} AND p.deleted_at IS NULL WHERE t.id = ANY($1::uuid[])"
    )


_PREVIOUS_YEAR: Final = {family.name: _previous_year(family) for family in FAMILIES if family.prices}


async def fetch_dnos(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Dno]:
    rows = await connection.fetch("SELECT id, slug, name FROM dnos WHERE id = ANY($1::uuid[])", ids)
    return {row["id"]: Dno(row["slug"], row["name"]) for row in rows}


async def add_messages(connection: Connection, messages: Sequence[NewMessage], lifetime: float) -> None:
    """In this order. `lifetime`: seconds until a message that was not delivered becomes a dead letter."""
    ids, streams, bodies = zip(*messages, strict=True)
    await connection.execute(
        "INSERT INTO webhook_messages (subscription_id, stream, body, expires_at)"
        " SELECT subscription_id, stream, body, clock_timestamp() + make_interval(secs => $4)"
        " FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS new (subscription_id, stream, body, place)"
        " ORDER BY place",
        ids,
        streams,
        bodies,
        lifetime,
    )


async def any_missed(connection: Connection) -> bool:
    """Whether a subscription has missed changes that no message has reported yet."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM webhook_subscriptions WHERE missed_since IS NOT NULL AND state = 'ACTIVE')"
        )
    )


async def note_missed(connection: Connection, missed: Mapping[UUID, tuple[datetime, datetime]]) -> None:
    """The time of the first and of the latest change that was not queued, by subscription."""
    await connection.execute(
        "UPDATE webhook_subscriptions s SET missed_since = least(s.missed_since, m.since),"
        " missed_until = greatest(s.missed_until, m.until)"
        " FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS m (id, since, until) WHERE s.id = m.id",
        list(missed),
        [since for since, _ in missed.values()],
        [until for _, until in missed.values()],
    )


async def clear_missed(connection: Connection, ids: Sequence[UUID]) -> None:
    await connection.execute(
        "UPDATE webhook_subscriptions SET missed_since = NULL, missed_until = NULL WHERE id = ANY($1::uuid[])",
        ids,
    )


async def claim(connection: Connection, limit: int, claim_lifetime: float) -> list[ClaimedMessage]:
    """Messages that are due, each the oldest of its stream; first the oldest of each subscription. A subscription whose latest
    attempt failed gets one at a time.
    """
    rows = await connection.fetch(
        f"""
        WITH due AS (
            SELECT m.id, s.id AS subscription_id, s.url, s.secret FROM webhook_subscriptions s
            JOIN api_keys k ON k.id = s.api_key_id
            CROSS JOIN LATERAL (
                SELECT m.id, m.position, row_number() OVER (ORDER BY m.position) AS place FROM webhook_messages m
                WHERE m.subscription_id = s.id AND m.state = 'PENDING' AND m.due_at <= clock_timestamp()
                AND coalesce(m.claimed_until <= clock_timestamp(), true)
                AND NOT EXISTS (SELECT FROM webhook_messages e WHERE e.subscription_id = s.id AND e.state = 'PENDING'
                    AND e.stream = m.stream AND e.position < m.position)
                ORDER BY m.position
                LIMIT greatest(0, CASE WHEN s.failures = 0 THEN {_AT_ONCE} ELSE 1 END
                    - (SELECT count(*) FROM webhook_messages c WHERE c.subscription_id = s.id AND c.state = 'PENDING'
                       AND c.claimed_until > clock_timestamp()))
            ) AS m
            WHERE s.state = 'ACTIVE' AND coalesce(s.next_attempt_at <= clock_timestamp(), true) AND {VALID_KEY}
            ORDER BY m.place, m.position LIMIT $1
        )
        UPDATE webhook_messages m SET attempts = attempts + 1,
            claimed_until = clock_timestamp() + make_interval(secs => $2)
        FROM due WHERE m.id = due.id
        RETURNING m.id, due.subscription_id, due.url, due.secret, m.body, m.attempts AS attempt
        """,
        limit,
        claim_lifetime,
    )
    return [ClaimedMessage(**row) for row in rows]


async def release(pool: Pool, claimed: Sequence[ClaimedMessage]) -> None:
    """Another instance may send them at once: this one stops."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE webhook_messages m SET claimed_until = NULL, attempts = m.attempts - 1"
            " FROM unnest($1::uuid[], $2::integer[]) AS c (id, attempt) WHERE m.id = c.id AND m.attempts = c.attempt"
            " AND m.state = 'PENDING'",
            [message.id for message in claimed],
            [message.attempt for message in claimed],
        )


# A message that was claimed again meanwhile is not changed by the earlier attempt.
_OF_ATTEMPT: Final = "id = $1 AND attempts = $2 AND state = 'PENDING'"


async def note_delivered(pool: Pool, message: ClaimedMessage) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            f"WITH gone AS (DELETE FROM webhook_messages WHERE {_OF_ATTEMPT} RETURNING subscription_id)"
            " UPDATE webhook_subscriptions s SET failures = 0, failing_since = NULL, next_attempt_at = NULL,"
            " last_error = NULL, last_delivered_at = clock_timestamp(), delivered = s.delivered + 1"
            " FROM gone WHERE s.id = gone.subscription_id",
            message.id,
            message.attempt,
        )


async def note_failed(pool: Pool, message: ClaimedMessage, failed: Failed, *, most: int) -> bool:
    """Returns whether it became a dead letter: after `most` attempts, or when its lifetime is over."""
    async with pool.connection() as connection:
        state = await connection.fetchval(
            "WITH failed AS (UPDATE webhook_messages SET last_error = $3, claimed_until = NULL,"
            " due_at = clock_timestamp() + make_interval(secs => $4),"
            " state = CASE WHEN attempts >= $6 OR expires_at <= clock_timestamp() THEN 'DEAD' ELSE 'PENDING' END,"
            " died_at = CASE WHEN attempts >= $6 OR expires_at <= clock_timestamp() THEN clock_timestamp() END"
            f" WHERE {_OF_ATTEMPT} RETURNING subscription_id, state),"
            " noted AS (UPDATE webhook_subscriptions s SET last_error = $3,"
            " failing_since = coalesce(s.failing_since, clock_timestamp()),"
            # Attempts that were made together fail together: during a pause they are no further failures.
            " failures = CASE WHEN s.next_attempt_at > clock_timestamp() THEN s.failures ELSE s.failures + 1 END,"
            " next_attempt_at = CASE WHEN s.next_attempt_at > clock_timestamp() THEN s.next_attempt_at ELSE clock_timestamp()"
            " + make_interval(secs => least($7, $5 * power(2, least(s.failures, 20)))) END"
            " FROM failed WHERE s.id = failed.subscription_id)"
            " SELECT state FROM failed",
            message.id,
            message.attempt,
            failed.error,
            failed.retry_after,
            failed.pause,
            most,
            failed.longest_pause,
        )
    return bool(state == "DEAD")


async def disable(pool: Pool, message: ClaimedMessage, because: DisabledBecause, error: str) -> int:
    """After an attempt to send `message`. All messages of its subscription become dead letters; returns how many."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(
            "UPDATE webhook_subscriptions SET state = 'DISABLED', disabled_because = $2, last_error = $3,"
            " disabled_at = clock_timestamp() WHERE id = $1",
            message.subscription_id,
            because,
            error,
        )
        dead = await connection.fetch(
            "UPDATE webhook_messages SET state = 'DEAD', died_at = clock_timestamp(), claimed_until = NULL,"
            " last_error = CASE WHEN id = $3 THEN $2 ELSE coalesce(last_error, $2) END"
            " WHERE subscription_id = $1 AND state = 'PENDING' RETURNING id",
            message.subscription_id,
            error,
            message.id,
        )
    return len(dead)


async def clean(
    pool: Pool, *, failing_for: float, dead_letter_lifetime: float, max_dead_letters: int
) -> None:
    """Disables what has failed for too long, sets aside what has expired, and deletes old dead letters and the subscriptions
    of keys that were revoked as long ago.
    """
    async with pool.connection() as connection, connection.transaction():
        failing = await connection.fetch(
            "UPDATE webhook_subscriptions SET state = 'DISABLED', disabled_because = 'FAILING',"
            " disabled_at = clock_timestamp()"
            " WHERE state = 'ACTIVE' AND failing_since < clock_timestamp() - make_interval(secs => $1) RETURNING id",
            failing_for,
        )
        await connection.execute(
            "UPDATE webhook_messages SET state = 'DEAD', died_at = clock_timestamp(), claimed_until = NULL,"
            " last_error = coalesce(last_error, 'EXPIRED') WHERE state = 'PENDING'"
            " AND (expires_at <= clock_timestamp() OR subscription_id = ANY($1::uuid[]))",
            [row["id"] for row in failing],
        )
        await connection.execute(
            "DELETE FROM webhook_messages WHERE state = 'DEAD' AND (died_at < clock_timestamp() - make_interval(secs => $1)"
            " OR id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY subscription_id ORDER BY died_at DESC)"
            " AS place FROM webhook_messages WHERE state = 'DEAD') AS dead WHERE place > $2))",
            dead_letter_lifetime,
            max_dead_letters,
        )
        await connection.execute(
            "DELETE FROM webhook_subscriptions s USING api_keys k WHERE k.id = s.api_key_id"
            " AND least(k.revoked_at, k.expires_at) < clock_timestamp() - make_interval(secs => $1)",
            dead_letter_lifetime,
        )
