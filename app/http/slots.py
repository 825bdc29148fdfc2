"""How many operations run at once; a short queue stands before them, and then the door is closed."""

import asyncio
from asyncio import Future
from collections import deque

from app.errors import Overloaded
from app.observability import metrics
from app.observability.counting import Level

_running = Level(metrics.OPERATIONS_RUNNING)
_waiting = Level(metrics.OPERATIONS_WAITING)


class Slots:
    """`async with slots:` is one operation.

    The newest goes first. As long as there is enough for all, nobody notices; when there is not, some
    must be refused, and those who came last can still be answered soon. In order of arrival all would
    wait for as long as one can, and whoever is answered at last may have given up.
    """

    def __init__(self, most: int, queue: int, patience: float) -> None:
        self._free = most
        self._queue = queue
        self._patience = patience
        self._waiting: deque[Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def knock(self) -> None:
        """Refuses at the door: to be asked before anything is done that would be in vain."""
        if not self._free and len(self._waiting) >= self._queue:
            raise _full()

    async def __aenter__(self) -> None:
        if self._free:
            self._free -= 1
        else:
            await self._wait()
        _running.value += 1

    async def __aexit__(self, *_: object) -> None:
        _running.value -= 1
        self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting:
            newest = self._waiting.pop()
            if not newest.done():
                newest.set_result(None)
                return
        self._free += 1

    async def _wait(self) -> None:
        self.knock()
        turn: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        _waiting.value += 1
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif turn.done() and not turn.cancelled():
                self._hand_on()  # it was our turn in the very moment in which we left
            raise _full() if isinstance(error, TimeoutError) else error from None
        finally:
            _waiting.value -= 1


def _full() -> Overloaded:
    return Overloaded("The server is full at the moment; please try again in a second.", retry_after=1)
