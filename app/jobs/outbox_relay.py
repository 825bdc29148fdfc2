"""Takes committed events to Redis, at least once: for every writer, and after every failure."""

import asyncio
from enum import Enum, auto
from typing import Final

from app.cache.clock import monotonic
from app.cache.invalidator import Invalidator
from app.cache.message import Message, encode
from app.cache.redis import SharedCache
from app.db import outbox
from app.db.outbox import Batch
from app.db.pool import Pool
from app.domain import tags
from app.errors import AppError
from app.failpoints import FailPoint, reach
from app.jobs.backoff import Backoff
from app.jobs.l2_consistency import L2Consistency
from app.observability.metrics import OUTBOX_BACKLOG, OUTBOX_DELIVERED
from app.settings import Settings

# No instance has this name, so each one, the relaying one included, applies the message.
SENDER: Final = "relay"


class OutboxRelay:
    """`notified` is set when something was committed; polling finds what was not notified."""

    def __init__(
        self,
        pool: Pool,
        shared: SharedCache,
        consistency: L2Consistency,
        notified: asyncio.Event,
        settings: Settings,
        *,
        invalidator: Invalidator,
    ) -> None:
        self._pool = pool
        self._shared = shared
        self._consistency = consistency
        self._notified = notified
        self._settings = settings
        self._acknowledged = invalidator.acknowledged
        self._invalidator = invalidator
        self._batch = settings.max_relay_batch
        # Long enough for the answers of Redis, short enough that others are not kept from relaying.
        self._within = max(settings.relay_timeout, 3 * settings.redis_timeout)
        self._lock_backoff = Backoff(shortest=0.02, longest=0.1)

    async def run(self) -> None:
        backoff = Backoff(shortest=0.02, longest=0.25)
        while True:
            # Cleared before the look, not after: what is committed during it sets it again. However
            # many have been set meanwhile, one look sees them all.
            self._notified.clear()
            if await self._deliver_all():
                backoff.reset()
                await self._wait_for_notification()
            elif self._shared.trusted:
                await backoff.wait()  # another instance relays
            else:
                await self._evict_undelivered()
                await backoff.wait(self._notified)

    async def _deliver_all(self) -> bool:
        """False while there is work that cannot be done now: Redis or PostgreSQL is away, or another relays."""
        try:
            while status := await self._consistency.review():
                OUTBOX_BACKLOG.set(status.backlog)
                if status.backlog == 0:
                    return self._shared.trusted
                outcome = await self._deliver()
                if outcome is Outcome.FAILED:
                    return False
                if outcome is Outcome.DONE:
                    self._lock_backoff.reset()
                elif self._shared.trusted:
                    await self._lock_backoff.wait()
                else:
                    return False
        except AppError:
            pass
        return False

    async def _deliver(self) -> "Outcome":
        epoch, identity = self._shared.epoch, self._consistency.identity
        assert identity is not None  # the review has just seen it
        try:
            async with self._pool.connection() as connection, connection.transaction():
                if not await outbox.may_relay(connection, self._within):
                    return Outcome.LOCKED
                batch = await outbox.take(connection, limit=self._batch, epoch=epoch, identity=identity)
                events = batch.events
                if events:
                    reach(FailPoint.IN_RELAY, self._settings.fail_point)
                if events and not await self._publish_in_time(batch):
                    raise _NotDelivered
                if (epoch, identity) != (self._shared.epoch, self._consistency.identity):
                    raise _NotDelivered  # delivered to a Redis or an epoch that is not the agreed one
                reach(FailPoint.AFTER_PUBLISH, self._settings.fail_point)
        except _NotDelivered:
            # Too much for one time-out, maybe: a batch that never fits must not be tried for ever.
            self._batch = max(1, self._batch // 2)
            return Outcome.FAILED
        self._batch = min(self._settings.max_relay_batch, self._batch * 2)
        OUTBOX_DELIVERED.inc(len(events))
        return Outcome.DONE if events else Outcome.FAILED

    async def _publish_in_time(self, batch: Batch) -> bool:
        """With time left to commit: PostgreSQL ends the transaction after `self._within`."""
        try:
            async with asyncio.timeout(self._within * 2 / 3):
                return await self._publish(batch)
        except TimeoutError:
            return False

    async def _publish(self, batch: Batch) -> bool:
        """The message is published only after Redis has confirmed all removals.

        Events that their writer has acknowledged are only published for subscribers: removing their tags again would
        throw away what was read since.
        """
        events, generation = batch.events, self._shared.generation
        unacknowledged = [event for event in events if not self._acknowledged.covers(event.id, generation)]
        touched = sorted(tags.of_all(unacknowledged))
        done = encode(
            Message(
                tags=touched,
                events=events,
                sender=SENDER,
                generation=generation,
                batch=batch.number,
                previous_batch=batch.previous,
            )
        )
        not_done = encode(Message(tags=touched, events=[], sender=SENDER, unconfirmed=True))
        if await self._shared.remove_and_publish(touched, done):
            return True
        await self._shared.publish(not_done)
        return False

    async def _evict_undelivered(self) -> None:
        """While L2 is away or refuses, nothing is delivered, and L1 must not keep what has changed meanwhile.

        Writers of this program publish what they change where they can; others have only the outbox.
        """
        asked = monotonic()
        try:
            waiting = await outbox.fetch_waiting(self._pool, limit=self._settings.max_relay_batch + 1)
            if len(waiting) > self._settings.max_relay_batch:
                self._invalidator.evict_all()
            elif waiting:
                self._invalidator.evict(tags.of_all(waiting))
            await self._consistency.note_evicted(asked)
        except AppError:
            pass

    async def _wait_for_notification(self) -> None:
        try:
            # Each look also proves that the caches may be trusted (app/cache/validity.py).
            async with asyncio.timeout(min(self._settings.relay_interval, self._settings.heartbeat_interval)):
                await self._notified.wait()
        except TimeoutError:
            pass


class Outcome(Enum):
    DONE = auto()
    LOCKED = auto()
    FAILED = auto()


class _NotDelivered(Exception):
    """Rolls the transaction back: the events stay where they are."""
