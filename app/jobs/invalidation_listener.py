"""Hears what any instance changed: evicts first, then tells subscribers, so that they read the new state."""

from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from app.broadcast import Broadcast
from app.cache.invalidator import Invalidator
from app.cache.memory import Memory
from app.cache.message import Message, decode
from app.cache.redis import SharedCache, Subscription
from app.cache.servers import FAILURES
from app.db.changes import fetch_changes_since
from app.db.pool import Pool
from app.errors import Refusal
from app.jobs.pauses import Pauses
from app.observability.metrics import INVALIDATION_DELAY
from app.settings import Settings

log = structlog.get_logger(__name__)

# A change carries the time of its statement, and is told after its commit: for catching up it is looked for from so
# long before the gap. What a transaction wrote earlier than that and committed within the gap is
# told by the relay only, like all else, and so may be missed there.
MARGIN: Final = timedelta(minutes=1)


class InvalidationListener:
    """Whatever goes wrong (the connection lost, no heartbeat heard, another Redis agreed on) ends in
    leaving the channel, and everything is set right by joining it: L1 is off in between and begins
    empty, L2 is not trusted until it has been looked after, subscribers are told what they missed.
    """

    def __init__(
        self,
        pool: Pool,
        shared: SharedCache,
        memory: Memory,
        invalidator: Invalidator,
        broadcast: Broadcast,
        settings: Settings,
    ) -> None:
        self._pool = pool
        self._shared = shared
        self._memory = memory
        self._invalidator = invalidator
        self._broadcast = broadcast
        self._settings = settings
        self._rejoin = False
        self._heard = datetime.now(UTC)

    async def run(self) -> None:
        pauses = Pauses(shortest=0.02, longest=0.5)
        while True:
            self._rejoin = False
            try:
                async with self._shared.subscribe() as channel:
                    await self._join()
                    pauses.reset()
                    await self._listen(channel)
            except (*FAILURES, Refusal) as trouble:
                log.debug("channel_lost", trouble=repr(trouble))
            finally:
                self._memory.switch_off()
            if not self._rejoin:
                # Whoever does not hear Redis may have missed that it was away, and what was written meanwhile.
                self._shared.distrust("the channel was lost")
            await pauses.take()

    def rejoin(self) -> None:
        """L1 is off at once; the next message or silence leads to joining anew."""
        self._rejoin = True
        self._memory.switch_off()

    async def _join(self) -> None:
        """What is said from here on waits in the connection, so nothing is missed meanwhile."""
        await self._catch_up()
        if not self._rejoin:
            self._memory.clear()
            self._memory.switch_on()

    async def _listen(self, channel: Subscription) -> None:
        silence = self._settings.heartbeat * self._settings.heartbeat_missed
        while not self._rejoin:
            data = await channel.next(silence)
            if data is None:
                log.warning("channel_silent", seconds=silence)
                return
            message = decode(data)
            if message is None:
                # Another release says it in words of its own: something has changed, and nobody knows what.
                return
            self._hear(message)
            self._heard = datetime.now(UTC)

    def _hear(self, message: Message) -> None:
        if message.unconfirmed:
            # Its sender could not remove the old values: they must not come back from L2 into L1.
            self._shared.distrust("a removal of another instance was not confirmed")
        if message.everything:
            self._invalidator.evict_all()
        if message.tags and message.sender != self._invalidator.sender:
            self._invalidator.evict(message.tags)
        if message.settled:
            self._invalidator.settled.note(message.generation, message.settled)
        for event in message.events:
            INVALIDATION_DELAY.observe(max(0.0, (datetime.now(UTC) - event.changed_at).total_seconds()))
            self._broadcast.send(event)

    async def _catch_up(self) -> None:
        """Tells subscribers out of history what was published while nobody here listened."""
        if not self._broadcast.has_subscribers:
            return
        limit = self._settings.subscription_catch_up
        changes = await fetch_changes_since(self._pool, self._heard - MARGIN, limit + 1)
        if len(changes) > limit:
            self._broadcast.close_all("Too much has changed unheard; please subscribe again, then read.")
            return
        for event in changes:
            self._broadcast.send(event)
