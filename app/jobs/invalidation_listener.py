"""Receives what any instance changed: evicts first, then delivers to subscribers, so that they read the new state."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog

from app.broadcast import Broadcast
from app.cache.clock import monotonic
from app.cache.failures import FAILURES
from app.cache.invalidator import Invalidator
from app.cache.memory import Memory
from app.cache.message import Message, decode
from app.cache.redis import SharedCache
from app.cache.subscription import Subscription
from app.cache.validity import Validity
from app.db.changes import fetch_changes_since, fetch_snapshot
from app.db.outbox import fetch_delivered
from app.db.pool import Pool
from app.domain import tags
from app.domain.event import Event
from app.errors import AppError
from app.jobs.backoff import Backoff
from app.jobs.heartbeat import Heartbeat
from app.jobs.l2_consistency import L2Consistency
from app.observability.metrics import INVALIDATION_DELAY
from app.settings import Settings

log = structlog.get_logger(__name__)

_TOO_MANY_CHANGES: Final = "More has changed than can be delivered; please subscribe again, then read."


class InvalidationListener:
    """Whatever goes wrong (the connection lost, own heartbeats late, another Redis agreed on) ends in
    leaving the channel, and everything is set right by joining it: L1 is off in between and begins
    empty, L2 is not trusted until it has been looked after, subscribers receive what they missed.
    """

    def __init__(
        self,
        pool: Pool,
        shared: SharedCache,
        memory: Memory,
        validity: Validity,
        consistency: L2Consistency,
        invalidator: Invalidator,
        broadcast: Broadcast,
        heartbeat: Heartbeat,
        settings: Settings,
    ) -> None:
        self._pool = pool
        self._shared = shared
        self._memory = memory
        self._validity = validity
        self._consistency = consistency
        self._invalidator = invalidator
        self._broadcast = broadcast
        self._heartbeat = heartbeat
        self._channel: Subscription | None = None
        self._settings = settings
        self._resubscribe = False
        self._other_database = False
        self._delivered_until: str | None = (
            None  # the snapshot up to which everything was delivered to subscribers
        )
        consistency.leave_channel = self.resubscribe
        consistency.on_other_database = self._note_other_database

    async def run(self) -> None:
        backoff = Backoff(shortest=0.02, longest=0.5)
        while True:
            self._resubscribe = False
            try:
                await self._start_deliveries()
                if self._validity.disproved:
                    # Not the Redis that the others are on: its channel carries no messages of them; changes are read from history.
                    await self._catch_up()
                else:
                    async with self._shared.subscribe() as channel:
                        self._channel = channel
                        await self._join()
                        await self._listen(channel, backoff)
            except (*FAILURES, AppError) as trouble:
                log.debug("channel_lost", trouble=repr(trouble))
            finally:
                self._channel = None
                self._memory.switch_off()
                self._validity.lose_channel()
                self._consistency.emptied = None
                self._consistency.deliveries.end()
            if not self._resubscribe and not self._validity.disproved:
                # Without the channel it is not known whether Redis was away, and what was written meanwhile.
                self._shared.distrust("the channel was lost")
            await backoff.wait()

    def resubscribe(self) -> None:
        """L1 is off at once."""
        self._resubscribe = True
        self._memory.switch_off()
        if self._channel is not None:
            self._channel.interrupt()

    async def _join(self) -> None:
        """What is published from here on waits in the connection, so nothing is missed meanwhile."""
        await self._begin_deliveries()
        await self._catch_up()
        if not self._resubscribe:
            self._memory.clear()
            # It answers once an own heartbeat has been received: this one, so that the interval need not pass.
            self._memory.switch_on(self._validity.received_until)
            await self._heartbeat.publish()

    async def _listen(self, channel: Subscription, backoff: Backoff) -> None:
        bound = self._validity.bound
        joined = monotonic()
        while not self._resubscribe:
            data = await channel.next(bound)
            if data is None and self._resubscribe:
                return
            late = monotonic() - max(joined, self._validity.received_until)
            if data is None or late > 2 * bound:
                log.warning("channel_silent", seconds=round(late, 3))
                return
            message = decode(data)
            if message is None:
                # Another release has encoded it differently: something has changed, and it is not known what.
                return
            if self._lost_before(message):
                # Before its own events are delivered: those that were lost are older.
                await self._make_up_for_lost_messages(message.batch)
            self._receive(message)
            if message.sender == self._invalidator.sender:
                backoff.reset()

    def _receive(self, message: Message) -> None:
        if message.unconfirmed:
            # Its sender could not remove the old values: they must not come back from L2 into L1.
            self._shared.distrust("a removal of another instance was not confirmed")
        elif message.generation not in ("", self._shared.generation):
            # One of both has not seen a new epoch yet: what was removed there may still be under the keys that are read here.
            self._shared.distrust("a removal of another instance was under another epoch")
        if message.everything:
            self._invalidator.evict_all()
        if message.tags or message.events:
            self._pool.expect_writable()
        if message.tags and message.sender != self._invalidator.sender:
            self._invalidator.evict(message.tags)
        if message.acknowledged:
            self._invalidator.acknowledged.note(message.generation, message.acknowledged)
        if message.events:
            self._evict_unacknowledged(message.events)
        for event in message.events:
            INVALIDATION_DELAY.observe(max(0.0, (datetime.now(UTC) - event.changed_at).total_seconds()))
            self._broadcast.send(event)
        if message.beat is not None:
            if message.sender == self._invalidator.sender:
                self._received_until(message.beat.sent)
            else:
                self._consistency.receive(message.sender, message.beat)

    def _evict_unacknowledged(self, events: Sequence[Event]) -> None:
        """An event that its writer has acknowledged was evicted with its writer's message, unless that was lost."""
        generation, acknowledged = self._shared.generation, self._invalidator.acknowledged
        lost = [event for event in events if not acknowledged.covers(event.id, generation)]
        if lost:
            self._invalidator.evict(tags.of_all(lost))
        acknowledged.forget(event.id for event in events)

    async def _begin_deliveries(self) -> None:
        """Batches are numbered on from what is delivered now. Without PostgreSQL the next look finds it."""
        joined = monotonic()
        try:
            self._consistency.deliveries.begin(joined, await fetch_delivered(self._pool))
        except AppError:
            self._consistency.deliveries.begin(joined)

    def _lost_before(self, message: Message) -> bool:
        """Whether a batch has not come that this message names, or that was found delivered."""
        deliveries = self._consistency.deliveries
        follows = not message.batch or deliveries.receive(message.batch, message.previous_batch)
        return not follows or deliveries.is_missing(monotonic())

    async def _make_up_for_lost_messages(self, batch: int) -> None:
        """Between the nodes of a cluster messages are lost while the connection stays. `batch`: the latest that came."""
        log.info("messages_lost")
        self._memory.clear()
        await self._begin_deliveries()
        await self._catch_up()
        self._consistency.deliveries.note(batch)
        self._memory.clear()

    def _received_until(self, sent: float) -> None:
        deliveries = self._consistency.deliveries
        if not deliveries.complete:
            return
        self._validity.prove_channel(sent)
        emptied = self._consistency.emptied
        if emptied is not None and emptied.at <= sent and deliveries.covers(emptied.delivered):
            self._delivered_until, self._consistency.emptied = emptied.snapshot, None

    def _note_other_database(self) -> None:
        self._other_database = True

    async def _start_deliveries(self) -> None:
        if self._delivered_until is not None and not self._other_database:
            return
        self._delivered_until, self._other_database = None, False
        snapshot = await fetch_snapshot(self._pool)
        # After the snapshot: who subscribes from here on is delivered everything that it does not contain.
        self._broadcast.start_over(_TOO_MANY_CHANGES)
        self._delivered_until = snapshot

    async def _catch_up(self) -> None:
        """Delivers to subscribers from history what they have missed, by transactions, since clocks differ."""
        if not self._broadcast.has_subscribers or self._delivered_until is None:
            return
        limit = self._settings.max_catch_up_changes
        changes, snapshot = await fetch_changes_since(self._pool, self._delivered_until, limit + 1)
        if len(changes) > limit:
            self._broadcast.close_all(_TOO_MANY_CHANGES)
        else:
            # A subscriber must neither join a fetch from before the change nor find the old value in a cache: the
            # relay may not have delivered these events yet.
            await self._invalidator.evict_undelivered(tags.of_all(changes))
            for event in changes:
                self._broadcast.send(event)
        self._delivered_until = snapshot
