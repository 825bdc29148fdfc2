"""Finds out that Redis refuses writes before a correction does, or has become another process."""

import asyncio

from app.cache.redis import SharedCache


class RedisProbe:
    """Readers of what is cached need no writes, and a replica publishes heartbeats: neither of them would notice.

    While L2 is not trusted, the review that restores trust does the same.
    """

    def __init__(self, shared: SharedCache, *, every: float) -> None:
        self._shared = shared
        self._every = every

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            if self._shared.trusted:
                await self._shared.identify()
