"""When this instance may trust L2: the right Redis, the right epoch, and every event delivered."""

import logging
from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

import asyncpg
import structlog

from app.cache.clock import monotonic
from app.cache.codec import CODEC_VERSION
from app.cache.deliveries import Deliveries
from app.cache.message import Beat
from app.cache.redis import SharedCache
from app.cache.validity import Validity
from app.db import outbox
from app.db.connect import NotWritable
from app.db.outbox import OutboxStatus
from app.db.pool import Pool
from app.errors import AppError

log = structlog.get_logger(__name__)

# An agreement on a Redis is confirmed about every CONFIRM_AFTER seconds by the instances that share it; instances
# may agree on another one once it was not confirmed for ABANDONED_AFTER seconds.
CONFIRM_AFTER: Final = 1.0
ABANDONED_AFTER: Final = 5.0
# Between the Redis and the database in an identity.
_OF_DATABASE: Final = "@"
# Queries of the outbox that are kept until all events that they saw are delivered.
MAX_LOOKS: Final = 100
# What PostgreSQL, or the way to it, gives instead of an answer: it is not known whether it works for others.
_SILENCE: Final = (
    OSError,  # a TimeoutError is one, too
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.QueryCanceledError,
)


class OutboxEmptied(NamedTuple):
    """What was committed by `snapshot` is on the channel, before anything that is sent after `at`."""

    at: float
    snapshot: str
    delivered: int


class OtherInstance(NamedTuple):
    """From the latest heartbeat of another instance. `said_after`, the own heartbeat that it had received by then, and
    `known_since` are times on the clock of this one.
    """

    said_after: float
    silent: bool
    known_since: float


class L2Consistency:
    """Once L2 was distrusted, it is trusted again when three things are known, in this order:

    1. the distrust count (a later loss of trust starts all over);
    2. Redis has answered since, and is the process that all agree on, under the agreed epoch;
    3. a look at the outbox, begun after that, found no event up to N, where N is the newest event
       that the first such look has seen.

    Why this is enough: what may be stale in L2 are the tags of writes whose removal Redis has not
    confirmed. Each of those writes was committed before its instance distrusted L2 (1), so the first look
    (3) sees its event, unless a relay has delivered it: a relay deletes an event only after Redis has
    confirmed the removal, and a plain SELECT, unlike SKIP LOCKED, still sees what is being deleted.
    Number N is a bound from above, since a transaction may commit with a lower number later: it
    is waited for too, which costs a moment and never the truth. What commits after the first look
    is nothing that was lost: its own writer removes it before it answers, or distrusts L2 again.

    L2 may be stale in the sense of the epoch only by keys of a process that was away, or of a state of the
    database that was replaced by a backup; those are under an earlier epoch (2), and are not read again.

    Trust also ends by itself (app/cache/validity.py) unless each look proves again that Redis and epoch
    are the agreed ones, that PostgreSQL takes writes, and that what earlier looks saw is delivered.
    Where PostgreSQL is silent, two things stand in for a look:

    - another instance on the same channel reports that its look succeeded. Then the relays of the others
      deliver all that is committed;
    - PostgreSQL does not respond to any known instance: each of them reports it on this channel. Then
      nothing can be committed through any of them, and none has moved to another Redis. What
      remains unseen is a program that writes to PostgreSQL while no instance can reach it.

    Each of them counts from the latest own heartbeat that its sender had received when it said so, not from when
    it arrived: it may have been on its way for long.
    """

    def __init__(self, pool: Pool, shared: SharedCache, validity: Validity, *, sender: str) -> None:
        """`sender`: this instance's name on the channel."""
        # Ends what rests on the channel of a Redis that is not, or no longer, the agreed one.
        self.leave_channel: Callable[[], None] = lambda: None
        # Called when another database, or another history of it, answers a look: a promoted standby may lack changes. Leaving the channel
        # follows.
        self.on_other_database: Callable[[], None] = lambda: None
        # A look that found the outbox empty; the next one is noted once this has been taken away.
        self.emptied: OutboxEmptied | None = None
        self.looks = 0
        # A quarter of what a proof may be old: what was lost is noticed well before the proof of it ends.
        self.deliveries = Deliveries(validity.bound / 4)
        self._pool = pool
        self._shared = shared
        self._validity = validity
        self._sender = sender
        self._database: str | None = None  # which one answered the latest look, and with which history
        self._agreed: str | None = None  # the identity that this instance was last at one with all about
        self._distrust_count = -1  # those that N belongs to
        self._n = 0
        self._looks: deque[tuple[float, int]] = deque()  # when, and the newest event that was seen
        self._proven = 0.0  # by a look of our own
        self._pending: float | None = None  # when the look that is under way began
        self._pending_before: float | None = None  # the same, at the last heartbeat
        self._silent = False  # as the last look ended
        self._is_unanswered = (
            False  # that, or the look that is under way has not been answered since the last heartbeat
        )
        self._others: dict[str, OtherInstance] = {}
        self._received: dict[
            str, tuple[float, float]
        ] = {}  # by sender: its latest `sent`, and when that came

    @property
    def identity(self) -> str | None:
        """Which Redis, and how it is written to: a relay removes only keys of its own encoding, so two
        releases that write differently must not use L2 at the same time. And for which database: a restored backup
        is another one, of which nothing is cached.
        """
        if self._shared.identity is None or self._database is None:
            return None
        return f"{CODEC_VERSION}:{self._shared.identity}{_OF_DATABASE}{self._database}"

    async def review(self) -> OutboxStatus | None:
        """How the outbox stood a moment ago; None while Redis is away, or not the agreed one."""
        distrust_count = self._shared.distrust_count
        if not self._shared.trusted and await self._shared.identify() is None:
            return None
        asked = monotonic()
        status = await self._look(asked)
        # From here on nothing is awaited until it is decided: the facts stay as they were read.
        identity = self.identity
        if identity is None:
            return None
        if status.identity != identity:
            await self._disagree(status, identity)
            return None
        if status.epoch != self._shared.epoch:
            self._enter_epoch(status.epoch)
            return None
        self._agreed = identity
        if not status.writable:
            self._validity.failed_proof = "PostgreSQL takes no writes, so changes are not delivered"
            return None
        self._prove(asked, status)
        if not self._shared.trusted and distrust_count == self._shared.distrust_count:
            self._restore(status, distrust_count)
        return status

    async def note_evicted(self, asked: float) -> None:
        """This instance has evicted from L1 what waited for delivery at `asked`; what was delivered by then came over
        the channel, unless others have agreed on another one since.
        """
        status = await outbox.fetch_outbox_status(self._pool)
        if self._shares_epoch(status) and status.writable:
            self._validity.prove_evicted(asked)

    # What is proven by a look

    async def _look(self, asked: float) -> OutboxStatus:
        self._pending = asked
        try:
            status = await outbox.fetch_outbox_status(self._pool)
            if self._database not in (None, status.database):
                self.on_other_database()
            self._database = status.database
            if self._shares(status) and status.unconfirmed(CONFIRM_AFTER):
                # A write, so it also shows that PostgreSQL takes them.
                await outbox.confirm_epoch(self._pool, status.epoch, CONFIRM_AFTER)
        except AppError as refusal:
            cause = refusal.__cause__
            self._silent = isinstance(cause, _SILENCE) and not isinstance(cause, NotWritable)
            if not self._silent:
                self._validity.failed_proof = "PostgreSQL answers, and does not let changes be delivered"
            raise
        finally:
            self._pending = None
        self._silent = self._is_unanswered = False
        self.looks += 1
        return status

    def _shares(self, status: OutboxStatus) -> bool:
        return status.identity == self.identity and self._shares_epoch(status) and status.writable

    def _shares_epoch(self, status: OutboxStatus) -> bool:
        return (status.epoch, status.database) == (self._shared.epoch, self._database)

    def _prove(self, asked: float, status: OutboxStatus) -> None:
        """Up to the latest look of which nothing that it saw is left."""
        self._forget_missing(asked)
        self.deliveries.expect(status.delivered, asked, monotonic())
        delivered = None
        while self._looks and (status.oldest is None or self._looks[0][1] < status.oldest):
            delivered, _ = self._looks.popleft()
        if status.oldest is None:
            delivered = asked
            self.emptied = self.emptied or OutboxEmptied(monotonic(), status.snapshot, status.delivered)
        elif len(self._looks) < MAX_LOOKS:
            self._looks.append((asked, status.newest or 0))
        if delivered is None:
            self._validity.failed_proof = "an event waits to be delivered"
        else:
            self._proven = max(self._proven, delivered)
            self._validity.prove_database(delivered)

    def _restore(self, status: OutboxStatus, distrust_count: int) -> None:
        if self._distrust_count != distrust_count:
            self._distrust_count, self._n = distrust_count, status.newest or 0
        if status.oldest is None or status.oldest > self._n:
            self._shared.trust(since=distrust_count)

    # What stands in for a look

    def beat(self) -> Beat:
        """The heartbeat of this instance at this moment."""
        now = monotonic()
        bound = self._validity.bound
        self._received = {name: one for name, one in self._received.items() if now - one[1] <= bound}
        return Beat(
            now,
            self._shared.epoch,
            now - self._proven if self._proven else None,
            silent=self._is_unanswered,
            received={name: sent for name, (sent, _) in self._received.items()},
        )

    def receive(self, sender: str, beat: Beat) -> None:
        """A heartbeat of another instance on this channel."""
        if beat.leaving:
            self._others.pop(sender, None)
            self._received.pop(sender, None)
            return
        self._received[sender] = beat.sent, monotonic()
        said_after = beat.received.get(self._sender, -inf)
        if sender in self._others and said_after < self._others[sender].said_after:
            return  # of before, and late
        known_since = self._others[sender].known_since if sender in self._others else monotonic()
        self._others[sender] = OtherInstance(said_after, beat.silent, known_since)
        if beat.proven_before is not None and beat.epoch == self._shared.epoch:
            self._validity.prove_database(said_after - beat.proven_before)
        self._prove_by_unanswered(monotonic())

    def tick(self, *, on_time: bool) -> None:
        """With each heartbeat. Late: this process did not run, and what it waits for may have come long ago."""
        if not on_time:
            self._silent, self._pending_before = False, None
        waits = self._pending is not None and self._pending == self._pending_before
        self._pending_before = self._pending
        self._is_unanswered = self._silent or waits
        self._prove_by_unanswered(monotonic())

    def _prove_by_unanswered(self, now: float) -> None:
        """As of when the first of all was last known to find PostgreSQL silent."""
        others = self._others.values()
        if self._is_unanswered and all(other.silent for other in others):
            self._validity.prove_database(min([now, *(other.said_after for other in others)]))

    def _forget_missing(self, now: float) -> None:
        bound = self._validity.bound
        self._others = {
            name: other
            for name, other in self._others.items()
            # One that has just started has received no heartbeat of this instance yet, and may write already.
            if now - max(other.said_after, other.known_since) <= bound
        }

    # Which Redis, under which epoch

    def _enter_epoch(self, epoch: int) -> None:
        """What others published meanwhile on the channel of another Redis, this instance has missed."""
        self._abandon("a new epoch has begun")
        self._shared.epoch = epoch

    async def _disagree(self, status: OutboxStatus, identity: str) -> None:
        """Those on the agreed Redis go on; all others do without caches until they are there, or it is abandoned."""
        self._abandon("others agreed on another Redis")
        restored = _is_restored(status)
        # No instance can share what was agreed on for another database.
        moved = restored or (status.identity is not None and status.identity == self._agreed)
        if (moved or status.abandoned(ABANDONED_AFTER)) and await outbox.raise_epoch(
            self._pool, identity, moved=moved, abandoned_after=ABANDONED_AFTER, restored=restored
        ):
            # With the first Redis of a database, or one that was started together with this instance, nothing was lost.
            ordinary = self._agreed is None and not restored
            log.log(logging.DEBUG if ordinary else logging.WARNING, "cache_epoch_raised", redis=identity)
        else:
            await self._shared.reconnect()

    def _abandon(self, reason: str) -> None:
        self._validity.disprove_database(monotonic())
        self._validity.failed_proof = reason
        self._proven = 0.0
        self._looks.clear()
        self._others.clear()
        self._shared.distrust(reason)
        self.leave_channel()


def _is_restored(status: OutboxStatus) -> bool:
    """Whether the agreement was made in another database, which this one is a copy of."""
    _, separator, database = (status.identity or "").rpartition(_OF_DATABASE)
    return bool(separator) and database != status.database
