"""What the caches have not been told yet: the events of the outbox, and under which epoch Redis is used."""

from typing import Final

import msgspec

from app.db.pool import Connection, Pool, Row
from app.domain.event import EntryChange, Event, Topic

CHANNEL: Final = "dno_outbox"  # NOTIFYs of the triggers, and of a raised epoch

# Any number will do, as long as every release uses the same.
_RELAY_LOCK = 0x646E6F02


class Standing(msgspec.Struct, frozen=True):
    """What was committed at one moment. `newest` and `backlog` count events that others are just delivering."""

    epoch: int
    identity: str | None
    oldest: int | None
    newest: int | None
    backlog: int


async def fetch_standing(pool: Pool) -> Standing:
    rows = await pool.fetch(
        "SELECT epoch, redis_identity, oldest, newest, backlog FROM cache_epoch,"
        " (SELECT min(id) AS oldest, max(id) AS newest, count(*) AS backlog FROM outbox) AS waiting",
        name="outbox",
    )
    return Standing(*rows[0])


async def raise_epoch(pool: Pool, identity: str) -> bool:
    """Whether this call was the one that did it: of any number that notice, the first raises for all."""
    async with pool.connection() as connection:
        raised = await connection.fetch(
            "WITH raised AS (UPDATE cache_epoch SET epoch = epoch + 1, redis_identity = $1"
            " WHERE redis_identity IS DISTINCT FROM $1 RETURNING epoch)"
            " SELECT epoch, pg_notify($2, '') FROM raised",
            identity,
            CHANNEL,
        )
    return bool(raised)


async def may_relay(connection: Connection) -> bool:
    """One instance relays at a time, until its transaction ends: only so do the events of an entry stay in order."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _RELAY_LOCK))


async def take(connection: Connection, *, limit: int, epoch: int, identity: str) -> list[Event]:
    """The oldest events, gone once the transaction commits; none while the caches agreed on another
    Redis or another epoch.

    By id is in order for each entry: whoever changes it next waits for its row lock, and so draws
    the number of his event only after the one before has committed. That the epoch is asked in the
    same statement is needed: in a snapshot that knows no later epoch, each event was committed
    before that epoch began, so nothing under it can be older than the event.
    """
    rows = await connection.fetch(
        # ARRAY(…) is worked out once; a plan may run the subquery of an IN again, and past its LIMIT.
        "WITH taken AS (DELETE FROM outbox WHERE id = ANY(ARRAY(SELECT id FROM outbox"
        " WHERE EXISTS (SELECT FROM cache_epoch WHERE epoch = $2 AND redis_identity = $3)"
        " ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))"
        " RETURNING id, topic, dno_id, year, changed_at, entries)"
        " SELECT id, topic, dno_id, year, changed_at, entries FROM taken ORDER BY id",
        limit,
        epoch,
        identity,
    )
    return [_event(row) for row in rows]


async def fetch_waiting(pool: Pool, *, limit: int) -> list[Event]:
    """The oldest events, which stay where they are; those that are just being delivered among them."""
    rows = await pool.fetch(
        "SELECT id, topic, dno_id, year, changed_at, entries FROM outbox ORDER BY id LIMIT $1",
        limit,
        name="outbox_waiting",
    )
    return [_event(row) for row in rows]


def _event(row: Row) -> Event:
    return Event(
        row["id"],
        Topic(row["topic"]),
        row["dno_id"],
        row["year"],
        row["changed_at"],
        msgspec.convert(row["entries"], tuple[EntryChange, ...]),
    )
