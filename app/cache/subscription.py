"""A subscription to one Redis channel, on a connection of its own."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from redis.exceptions import ConnectionError as RedisConnectionError

from app.cache.failures import only_failures

_LATE_READ: Final = 0.05


class Subscription:
    """One channel on a connection of its own. Whoever misses a beat has missed what was said."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    async def join(self, channel: str) -> None:
        with only_failures():
            await self._pubsub.subscribe(channel)
            while await self._pubsub.get_message(timeout=None) is None:
                pass

    async def next(self, seconds: float) -> bytes | None:
        """The next message; None after so many seconds of silence. Raises one of FAILURES when lost."""
        # Twice: a loop that was too busy to listen finds waiting what it has not heard.
        for patience in (seconds, _LATE_READ):
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    return await self._listen()
        return None

    async def _listen(self) -> bytes:
        while True:
            with only_failures():
                said = await self._pubsub.get_message(timeout=None)
            if said is None:
                continue
            if said["type"] != "message":
                # redis-py has joined again by itself: between the two anything may have been said.
                raise RedisConnectionError("The subscription was interrupted.")
            data: bytes = said["data"]
            return data
