"""How many operations run at once; a short queue stands before them, and then the door is closed."""

import asyncio

from app.errors import Overloaded
from app.observability import metrics
from app.observability.counting import Level

_running = Level(metrics.OPERATIONS_RUNNING)
_waiting = Level(metrics.OPERATIONS_WAITING)


class Slots:
    """`async with slots:` is one operation. Waiting longer than `patience` helps nobody: by then the caller has given up."""

    def __init__(self, most: int, queue: int, patience: float) -> None:
        self._free = asyncio.Semaphore(most)
        self._queue = queue
        self._patience = patience
        self.waiting = 0

    async def __aenter__(self) -> None:
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        _running.value += 1

    async def __aexit__(self, *_: object) -> None:
        _running.value -= 1
        self._free.release()

    async def _wait(self) -> None:
        if self.waiting >= self._queue:
            raise _full()
        self.waiting += 1
        _waiting.value += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._free.acquire()
        except TimeoutError:
            raise _full() from None
        finally:
            self.waiting -= 1
            _waiting.value -= 1


def _full() -> Overloaded:
    return Overloaded("The server is full at the moment; please try again in a second.", retry_after=1)
