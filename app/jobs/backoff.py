"""Pauses between attempts: longer each time, with jitter, so that instances do not retry at the same time."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager


class Backoff:
    def __init__(self, *, shortest: float, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._next = shortest

    async def wait(self, unless: asyncio.Event | None = None) -> None:
        """Ends early, though not before the shortest pause is over, if the event is set."""
        pause, self._next = self._next, min(self._longest, self._next * 2)
        pause *= random.uniform(0.5, 1)  # noqa: S311 - nothing secret about a pause
        if unless is None or pause <= self._shortest:
            await asyncio.sleep(pause)
            return
        await asyncio.sleep(self._shortest)
        try:
            async with asyncio.timeout(pause - self._shortest):
                await unless.wait()
        except TimeoutError:
            pass

    def reset(self) -> None:
        self._next = self._shortest

    @contextmanager
    def reset_after(self, seconds: float) -> Iterator[None]:
        """Resets the back-off if the block ran for at least that long."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        finally:
            if loop.time() - began >= seconds:
                self.reset()
