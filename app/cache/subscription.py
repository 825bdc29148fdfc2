"""A subscription to one Redis channel, on a connection of its own."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from redis.exceptions import ConnectionError as RedisConnectionError

from app.cache.failures import only_failures

_LATE_READ: Final = 0.05


class Subscription:
    """One channel on a connection of its own. Without a heartbeat in time, messages may have been lost."""

    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub
        self._waiting: asyncio.Timeout | None = None

    async def join(self, channel: str) -> None:
        with only_failures():
            await self._pubsub.subscribe(channel)
            while await self._pubsub.get_message(timeout=None) is None:
                pass

    async def next(self, seconds: float) -> bytes | None:
        """The next message; None after so many seconds of silence. Raises one of FAILURES when lost."""
        # Twice: after a busy event loop, messages that have arrived meanwhile are still in the socket buffer.
        for timeout in (seconds, _LATE_READ):
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout) as self._waiting:
                    return await self._receive()
        return None

    def interrupt(self) -> None:
        """Ends the wait for a message: `next` returns None soon. For a subscription that is not used any more."""
        if self._waiting is not None:
            with suppress(RuntimeError):  # nothing waits at the moment
                self._waiting.reschedule(0)

    async def _receive(self) -> bytes:
        while True:
            with only_failures():
                received = await self._pubsub.get_message(timeout=None)
            if received is None:
                continue
            if received["type"] != "message":
                # redis-py has resubscribed by itself: messages in between may be lost.
                raise RedisConnectionError("The subscription was interrupted.")
            data: bytes = received["data"]
            return data
