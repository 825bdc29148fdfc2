"""Publishes heartbeats: missing ones show that the channel is interrupted, and their delay is measured."""

import asyncio

import msgspec

from app.cache.clock import monotonic
from app.cache.message import Beat, Message, encode
from app.cache.redis import SharedCache
from app.jobs.l2_consistency import L2Consistency


class Heartbeat:
    """Receiving its own heartbeat again proves to an instance what it has received (app/cache/validity.py)."""

    def __init__(self, shared: SharedCache, consistency: L2Consistency, *, sender: str, every: float) -> None:
        self._shared = shared
        self._consistency = consistency
        self._sender = sender
        self._every = every

    async def run(self) -> None:
        before = monotonic()
        while True:
            now = monotonic()
            self._consistency.tick(on_time=now - before < 2 * self._every)
            before = now
            await self.publish()
            await asyncio.sleep(self._every)

    async def publish(self) -> None:
        await self._publish(self._consistency.beat())

    async def close(self) -> None:
        """Announces that no more heartbeats follow."""
        await self._publish(msgspec.structs.replace(self._consistency.beat(), leaving=True))

    async def _publish(self, beat: Beat) -> None:
        await self._shared.publish(encode(Message(tags=[], events=[], sender=self._sender, beat=beat)))
