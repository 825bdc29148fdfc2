"""The outbox: change events that are not delivered to the caches yet, and the agreed Redis and epoch."""

from typing import Final, NamedTuple

import msgspec

from app.db.pool import Connection, Pool, Row
from app.domain.event import EntryChange, Event, Topic

CHANNEL: Final = "dno_outbox"  # NOTIFYs of the triggers, and of a raised epoch

# An arbitrary number, the same in every release.
_RELAY_LOCK = 0x646E6F02

_DELIVERED = "coalesce((SELECT delivered FROM relay_progress), 0)"

# Another one after each restore, in whichever way: of the cluster, of its timeline (point-in-time recovery, a promoted standby), of
# the database, of the table (a restore into a database that exists).
_DATABASE = (
    "(SELECT system_identifier FROM pg_control_system())"
    " || '.' || CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END"
    " || '.' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '.' || cache_epoch.tableoid"
)


def _distance(column: str) -> str:
    """Seconds, also of a time ahead: PostgreSQL's clock may have been set back since."""
    return f"abs(extract(epoch FROM clock_timestamp() - {column}))::float8"


class OutboxStatus(msgspec.Struct, frozen=True):
    """The outbox in one snapshot. `newest` and `backlog` include events that another instance is delivering.

    `confirmed_before`: seconds since the agreement was confirmed, by PostgreSQL's clock. `snapshot`: which
    transactions had ended. `delivered`: the number of the latest delivered batch. `database`: which database this is, and
    with which history.
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
    database: str = ""

    def abandoned(self, after: float) -> bool:
        """Whether no instance has confirmed the agreed Redis within `after` seconds."""
        return self.identity is None or self.confirmed_before is None or self.unconfirmed(after)

    def unconfirmed(self, after: float) -> bool:
        """Whether the latest confirmation is not of the last `after` seconds. One that lies ahead was made before PostgreSQL's clock was set back."""
        return abs(self.confirmed_before or 0) > after


async def fetch_outbox_status(pool: Pool) -> OutboxStatus:
    rows = await pool.fetch(
        "SELECT epoch, redis_identity AS identity, oldest, newest, backlog,"
        " extract(epoch FROM clock_timestamp() - confirmed_at)::float8 AS confirmed_before,"
        " current_setting('transaction_read_only') = 'off' AS writable, pg_current_snapshot()::text AS snapshot,"
        f" {_DELIVERED} AS delivered, {_DATABASE} AS database FROM cache_epoch,"
        " (SELECT min(id) AS oldest, max(id) AS newest, count(*) AS backlog FROM outbox) AS waiting",
        name="outbox",
    )
    return OutboxStatus(**rows[0])


async def fetch_delivered(pool: Pool) -> int:
    """The number of the latest delivered batch."""
    rows = await pool.fetch(f"SELECT {_DELIVERED} AS delivered", name="delivered")
    delivered: int = rows[0]["delivered"]
    return delivered


async def raise_epoch(
    pool: Pool, identity: str, *, moved: bool, abandoned_after: float, restored: bool = False
) -> bool:
    """Returns whether this call raised it: of concurrent calls only the first does.

    An agreement that is still being confirmed stays, unless the Redis of an instance that shares it is
    another process now (`moved`); then it changes at most once per second, and not back to the previous Redis
    within a minute. So two instances that are connected to different ones do not alternate. Times that lie ahead count by
    their distance: after PostgreSQL's clock was set back these bounds may not hold once, or hold once more.

    In a new database, and in a `restored` one, Redis may hold keys of numbers that this database has not reached: there the
    next number is at least the seconds since 1970. Edges may hold what is no longer there: they purge everything, unless the database
    is new, where each begins with that anyway.
    """
    async with pool.connection() as connection:
        raised = await connection.fetch(
            "WITH raised AS (UPDATE cache_epoch SET"
            " epoch = CASE WHEN redis_identity IS NULL OR $5"
            " THEN greatest(epoch + 1, extract(epoch FROM clock_timestamp())::bigint) ELSE epoch + 1 END,"
            " redis_identity = $1,"
            " previous_identity = redis_identity, raised_at = clock_timestamp(), confirmed_at = clock_timestamp()"
            " WHERE redis_identity IS DISTINCT FROM $1 AND (redis_identity IS NULL OR confirmed_at IS NULL"
            f" OR {_distance('confirmed_at')} > $3"
            f" OR $4 AND (raised_at IS NULL OR {_distance('raised_at')} > 60"
            f" OR previous_identity IS DISTINCT FROM $1 AND {_distance('raised_at')} > 1))"
            " RETURNING new.epoch, old.redis_identity IS NULL AND old.raised_at IS NOT NULL OR $5 AS of_other_database)"
            " SELECT epoch, pg_notify($2, ''),"
            " CASE WHEN of_other_database AND EXISTS (SELECT FROM edges) THEN purge_everything_at_edges() END FROM raised",
            identity,
            CHANNEL,
            abandoned_after,
            moved,
            restored,
        )
    return bool(raised)


async def confirm_epoch(pool: Pool, epoch: int, after: float) -> None:
    """Keeps other instances from agreeing on another Redis; does nothing if confirmed within `after` seconds."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE cache_epoch SET confirmed_at = clock_timestamp() WHERE epoch = $1"
            f" AND {_distance('confirmed_at')} > $2",
            epoch,
            after,
        )


async def may_relay(connection: Connection, within: float | None = None) -> bool:
    """Whether the relay's lock was acquired, until the transaction ends. With one relay at a time the events of an
    entry stay in order.

    `within`: PostgreSQL ends a transaction that is idle for so many seconds, and so releases the lock, since its
    host may be frozen or gone. `tcp_user_timeout` does the same if the host does not acknowledge data.
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
    """The oldest events, deleted when the transaction commits; none if the caches have agreed on another
    Redis or another epoch.

    In order of id, the events of an entry are in order: a later writer waits for the row lock, so its event gets a
    number only after the earlier writer has committed. The epoch must be read in the same statement: in a
    snapshot without a later epoch each event was committed before that epoch began, so nothing that is
    cached under it can be older than the event.
    """
    rows = await connection.fetch(
        # ARRAY(…) is evaluated once; a plan may run the subquery of an IN again, and past its LIMIT.
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
    return Batch([event(row) for row in rows], rows[0]["delivered"], rows[0]["previous"])


async def fetch_waiting(pool: Pool, *, limit: int) -> list[Event]:
    """The oldest events, without deleting them; includes events that are being delivered."""
    rows = await pool.fetch(
        "SELECT id, topic, dno_id, year, changed_at, entries FROM outbox ORDER BY id LIMIT $1",
        limit,
        name="outbox_waiting",
    )
    return [event(row) for row in rows]


async def fetch_written(connection: Connection) -> list[Event]:
    """Those that the triggers wrote in the transaction of this connection."""
    rows = await connection.fetch(
        "SELECT id, topic, dno_id, year, changed_at, entries FROM outbox"
        " WHERE transaction = pg_current_xact_id() ORDER BY id"
    )
    return [event(row) for row in rows]


def event(row: Row, id: str = "id", changed_at: str = "changed_at") -> Event:
    """`id`, `changed_at`: names of these columns where a revision is in the same row."""
    return Event(
        row[id],
        Topic(row["topic"]),
        row["dno_id"],
        row["year"],
        row[changed_at],
        msgspec.convert(row["entries"], tuple[EntryChange, ...]),
    )
