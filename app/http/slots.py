"""How many operations run at once; a short queue stands before them, and then the door is closed."""

import asyncio
from asyncio import Future
from collections import deque
from math import inf
from time import monotonic

from app.errors import Overloaded
from app.http.pace import Pace
from app.observability import metrics
from app.observability.counting import Level

_running = Level(metrics.OPERATIONS_RUNNING)
_waiting = Level(metrics.OPERATIONS_WAITING)

# The door counts as crowded until it has refused nobody for so many seconds.
CALM_AFTER = 1.0


class Slots:
    """`async with slots:` is one operation; first come, first served.

    As long as there is enough for all, `most` run at once, for that serves most of them, and behind them wait as
    many as can be done within `patience`. Once that queue was full some must be refused, and much at once
    and a long queue would only make those late who are answered. So until nobody has to be refused any more, as
    many run as are done within `soon`, half as many wait, and who comes is answered soon or refused at once.
    """

    def __init__(self, most: int, queue: int, patience: float, soon: float) -> None:
        self._most = most
        self._queue = queue
        self._patience = patience
        self._soon = soon
        self.pace = Pace()
        self._running = 0
        self.crowded_until = -inf
        self._waiting: deque[Future[None]] = deque()

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def crowded(self) -> bool:
        """Somebody has been refused of late."""
        return monotonic() < self.crowded_until

    def knock(self) -> None:
        """Refuses at the door: to be asked before anything is done that would be in vain."""
        most, queue = self._bounds()
        if self._running >= most and len(self._waiting) >= queue:
            self.crowded_until = monotonic() + CALM_AFTER
            self._shed()
            raise _full()

    async def __aenter__(self) -> None:
        if self._running < self._bounds()[0]:
            self._running += 1
        else:
            await self._wait()
        _running.value += 1

    async def __aexit__(self, *_: object) -> None:
        _running.value -= 1
        self._running -= 1
        self.pace.done()
        self._hand_on()

    def _bounds(self) -> tuple[int, int]:
        """How many may run, and how many may wait."""
        if not self.crowded:
            return self._most, min(self._queue, self.pace.within(self._patience))
        most = min(self._most, self.pace.within(self._soon))
        return most, min(self._queue, most // 2)

    def _hand_on(self) -> None:
        most, _ = self._bounds()
        while self._waiting and self._running < most:
            first = self._waiting.popleft()
            if not first.done():
                self._running += 1
                first.set_result(None)

    def _shed(self) -> None:
        """Of a queue that was long until now, those who have waited longest would be answered latest."""
        _, queue = self._bounds()
        while len(self._waiting) > queue:
            first = self._waiting.popleft()
            if not first.done():
                first.set_exception(_full())

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
            elif turn.done() and not turn.cancelled() and not turn.exception():
                self._running -= 1  # it was our turn in the very moment in which we left
                self._hand_on()
            raise _full() if isinstance(error, TimeoutError) else error from None
        finally:
            _waiting.value -= 1
            # What it was refused with holds this frame, and would be held by it.
            del turn


def _full() -> Overloaded:
    return Overloaded("The server is full at the moment; please try again in a second.", retry_after=1)
