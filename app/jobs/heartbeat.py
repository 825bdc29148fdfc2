"""Says on the channel that it is alive, so that silence means something."""

import asyncio

from app.cache.message import Message, encode
from app.cache.redis import SharedCache


class Heartbeat:
    def __init__(self, shared: SharedCache, *, sender: str, every: float) -> None:
        self._shared = shared
        self._every = every
        self._beat = encode(Message(tags=[], events=[], sender=sender))

    async def run(self) -> None:
        while True:
            await self._shared.publish(self._beat)
            await asyncio.sleep(self._every)
