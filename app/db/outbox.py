"""The outbox: change events that are not delivered to the caches yet, and the agreed Redis and epoch."""

from typing import Final, NamedTuple

import msgspec

from app.db.pool import Connection, Pool, Row
from app.domain.event import EntryChange, Event, Topic

CHANNEL: Final = "dno_outbox"  # NOTIFYs of the triggers, and of a raised epoch

# Any number will do, as long as every release uses the same.
_RELAY_LOCK = 0x646E6F02

_DELIVERED = "coalesce((SELECT delivered FROM relay_progress), 0)"


class OutboxStatus(msgspec.Struct, frozen=True):
    """What was committed at one moment. `newest` and `backlog` count events that others are just delivering.

    `confirmed_before`: the agreement was confirmed so many seconds ago, on PostgreSQL's clock. `snapshot`
    names the moment: the transactions that had ended by then. `delivered` is the number of the latest batch.
    """

    epoch: int
    identity: str | None
    oldest: int | None
    newest: int | None
    backlog: int
    confirmed_before: float | None
    writable: bool
    snapshot: str
    delivered: int = 0

    def abandoned(self, after: float) -> bool:
        """Whether those who agreed on a Redis have not confirmed it for so many seconds, or never."""
        return self.identity is None or self.confirmed_before is None or self.confirmed_before > after


async def fetch_outbox_status(pool: Pool) -> OutboxStatus:
    rows = await pool.fetch(
        "SELECT epoch, redis_identity, oldest, newest, backlog,"
        " extract(epoch FROM clock_timestamp() - confirmed_at)::float8,"
        " current_setting('transaction_read_only') = 'off', pg_current_snapshot()::text,"
        f" {_DELIVERED} FROM cache_epoch,"
        " (SELECT min(id) AS oldest, max(id) AS newest, count(*) AS backlog FROM outbox) AS waiting",
        name="outbox",
    )
    return OutboxStatus(*rows[0])


async def fetch_delivered(pool: Pool) -> int:
    """The number of the latest batch that a relay has delivered."""
    rows = await pool.fetch(f"SELECT {_DELIVERED}", name="delivered")
    delivered: int = rows[0][0]
    return delivered


async def raise_epoch(pool: Pool, identity: str, *, moved: bool, abandoned_after: float) -> bool:
    """Whether this call was the one that did it: of any number that notice, the first raises for all.

    An agreement that is still being confirmed is left alone, unless the Redis of an instance that shared it
    has become another process (`moved`); and then only once a second, and not back within a minute to
    the one that was agreed on before. So two that see different ones do not outbid each other.
    """
    async with pool.connection() as connection:
        raised = await connection.fetch(
            "WITH raised AS (UPDATE cache_epoch SET epoch = epoch + 1, redis_identity = $1,"
            " previous_identity = redis_identity, raised_at = clock_timestamp(), confirmed_at = clock_timestamp()"
            " WHERE redis_identity IS DISTINCT FROM $1 AND (redis_identity IS NULL OR confirmed_at IS NULL"
            " OR confirmed_at < clock_timestamp() - make_interval(secs => $3)"
            " OR $4 AND (raised_at IS NULL OR raised_at < clock_timestamp() - interval '1 minute'"
            " OR previous_identity IS DISTINCT FROM $1 AND raised_at < clock_timestamp() - interval '1 second'))"
            " RETURNING epoch)"
            " SELECT epoch, pg_notify($2, '') FROM raised",
            identity,
            CHANNEL,
            abandoned_after,
            moved,
        )
    return bool(raised)


async def confirm_epoch(pool: Pool, epoch: int, after: float) -> None:
    """Keeps others from agreeing on another Redis; does nothing where that was done within `after` seconds."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE cache_epoch SET confirmed_at = clock_timestamp() WHERE epoch = $1"
            " AND confirmed_at < clock_timestamp() - make_interval(secs => $2)",
            epoch,
            after,
        )


async def may_relay(connection: Connection, within: float | None = None) -> bool:
    """One instance relays at a time, until its transaction ends: only so do the events of an entry stay in order.

    `within`: a transaction that stands idle for so many seconds is ended by PostgreSQL, and the lock with
    it, since its host may be frozen or gone. `tcp_user_timeout` does the same where the host does not even
    take what it is sent.
    """
    if within is None:
        return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _RELAY_LOCK))
    milliseconds = str(round(within * 1000))
    return bool(
        await connection.fetchval(
            "SELECT pg_try_advisory_xact_lock($1) FROM (SELECT"
            " set_config('idle_in_transaction_session_timeout', $2, true),"
            " set_config('tcp_user_timeout', $2, true)) AS bounded",
            _RELAY_LOCK,
            milliseconds,
        )
    )


class Batch(NamedTuple):
    """Events that a relay delivers together; `previous` is the number of the batch that was delivered before."""

    events: list[Event]
    number: int
    previous: int


async def take(connection: Connection, *, limit: int, epoch: int, identity: str) -> Batch:
    """The oldest events, gone once the transaction commits; none while the caches agreed on another
    Redis or another epoch.

    By id is in order for each entry: a later writer waits for its row lock, and so draws
    the number of his event only after the one before has committed. That the epoch is asked in the
    same statement is needed: in a snapshot that knows no later epoch, each event was committed
    before that epoch began, so nothing under it can be older than the event.
    """
    rows = await connection.fetch(
        # ARRAY(…) is worked out once; a plan may run the subquery of an IN again, and past its LIMIT.
        "WITH taken AS (DELETE FROM outbox WHERE id = ANY(ARRAY(SELECT id FROM outbox"
        " WHERE EXISTS (SELECT FROM cache_epoch WHERE epoch = $2 AND redis_identity = $3)"
        " ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))"
        " RETURNING id, topic, dno_id, year, changed_at, entries),"
        " step AS (INSERT INTO relay_progress AS p (delivered) SELECT nextval('relay_batches')"
        " WHERE EXISTS (SELECT FROM taken) ON CONFLICT (only_row) DO UPDATE"
        " SET previous = p.delivered, delivered = excluded.delivered RETURNING delivered, previous)"
        " SELECT id, topic, dno_id, year, changed_at, entries, delivered, previous FROM taken, step ORDER BY id",
        limit,
        epoch,
        identity,
    )
    if not rows:
        return Batch([], 0, 0)
    return Batch([_event(row) for row in rows], rows[0]["delivered"], rows[0]["previous"])


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
