"""Invalidation after a commit: in L1, in L2, and on all other instances."""

from collections.abc import Collection
from secrets import token_hex

from app.cache import message
from app.cache.acknowledged_events import AcknowledgedEvents
from app.cache.memory import Memory
from app.cache.message import Message
from app.cache.read_through import ReadThrough
from app.cache.redis import SharedCache
from app.errors import Unavailable
from app.observability.metrics import CACHE_INVALIDATIONS


class Invalidator:
    """`sender` is this instance's name on the channel: it has already applied the messages that it published itself."""

    def __init__(self, memory: Memory, read_through: ReadThrough, shared: SharedCache) -> None:
        self.sender = token_hex(8)
        self.acknowledged = AcknowledgedEvents()
        self._memory = memory
        self._read_through = read_through
        self._shared = shared
        self._counted = CACHE_INVALIDATIONS.labels("own")
        self._received = CACHE_INVALIDATIONS.labels("others")

    async def invalidate(self, tags: Collection[str], acknowledges: Collection[int] = ()) -> bool:
        """When it returns, no reader on this instance is served the old value, also if Redis failed.

        `acknowledges`: the events that ask for this. False: Redis did not confirm, L2 is not trusted here
        any more, nor on the instances that the message has reached, and the relay must do it again.
        """
        if not tags:
            return True
        self._counted.inc(len(tags))
        self._forget(tags)
        generation = self._shared.generation
        done = Message(list(tags), [], self.sender, acknowledged=list(acknowledges), generation=generation)
        not_done = Message(list(tags), [], self.sender, unconfirmed=True)
        confirmed = await self._shared.remove_and_publish(tags, message.encode(done))
        # Again: a reader may have read the old value from L2 before it was removed there.
        self._forget(tags)
        if confirmed:
            self.acknowledged.note(generation, acknowledges)
        else:
            await self._shared.publish(message.encode(not_done))
        return confirmed

    async def invalidate_matching(self, pattern: str) -> int:
        """By hand: what matches goes from L2, and all of L1 everywhere. Refuses with Unavailable."""
        found = await self._shared.find(pattern)
        done = message.encode(
            Message([], [], self.sender, everything=True, generation=self._shared.generation)
        )
        not_done = message.encode(Message([], [], self.sender, everything=True, unconfirmed=True))
        self._memory.clear()
        confirmed = await self._shared.remove_and_publish(found, done)
        self._memory.clear()
        if not confirmed:
            await self._shared.publish(not_done)
            raise Unavailable("Redis does not answer at the moment; please try again soon.")
        return len(found)

    def evict_all(self) -> None:
        """More has changed than can be named."""
        self._memory.clear()

    def keep_nothing(self, reason: str = "PostgreSQL takes no writes, and its rows may be old") -> None:
        """What is being read at this moment may be old: neither L1 nor L2 takes it."""
        self._memory.clear()
        self._shared.distrust(reason)

    def evict(self, tags: Collection[str]) -> None:
        """What others changed: they have removed it from L2 already."""
        self._received.inc(len(tags))
        self._forget(tags)

    async def evict_undelivered(self, tags: Collection[str]) -> None:
        """Evicts what was committed and found in history, of which no message may have come yet.

        The old value may still be in L2, from where a read would bring it back. Where Redis does not confirm, L2 is
        not used any more.
        """
        self.evict(tags)
        await self._shared.remove(tags)
        self._forget(tags)

    def _forget(self, tags: Collection[str]) -> None:
        self._memory.invalidate(tags)
        self._read_through.detach(tags)
