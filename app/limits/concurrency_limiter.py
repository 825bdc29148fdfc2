"""How many operations run at once; a short queue stands before them, and then the door is closed."""

import asyncio
from asyncio import Future
from collections import deque
from math import inf
from time import monotonic

from app.errors import Overloaded
from app.limits.service_time import ServiceTime
from app.observability import metrics
from app.observability.counting import LocalGauge

_running = LocalGauge(metrics.OPERATIONS_RUNNING)
_waiting = LocalGauge(metrics.OPERATIONS_WAITING)

# The door counts as crowded until it has refused nobody for so many seconds.
CALM_AFTER = 1.0


class ConcurrencyLimiter:
    """`async with slots:` is one operation; first come, first served.

    As long as there is enough for all, `most` run at once, for that serves most of them, and behind them wait as
    many as can be done within `patience`. Once that queue was full some must be refused, and much at once
    and a long queue would only make those late who are answered. So until nobody has to be refused any more, as
    many run as are done within `soon`, half as many wait, and who comes is answered soon or refused at once.

    `async with slots.preferred:` is one of a caller with credentials. They have a queue of their own, equally long,
    and the next turn: however many anonymous operations come, they displace none of these.
    """

    def __init__(self, most: int, queue: int, patience: float, soon: float) -> None:
        self._most = most
        self._queue = queue
        self._patience = patience
        self._soon = soon
        self.pace = ServiceTime()
        self._running = 0
        self.crowded_until = -inf
        self._waiting: deque[Future[None]] = deque()
        self._preferred: deque[Future[None]] = deque()
        self.preferred = PreferredQueue(self)

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._preferred)

    @property
    def crowded(self) -> bool:
        """Somebody has been refused of late."""
        return monotonic() < self.crowded_until

    def reject_if_full(self) -> None:
        """Refuses at the door: to be asked before anything is done that would be in vain."""
        self._reject_if_full(self._waiting)

    def _reject_if_full(self, line: deque[Future[None]]) -> None:
        if self._running < self._most and not self.crowded:
            return
        most, queue = self._bounds()
        if self._running >= most and len(line) >= queue:
            self.crowded_until = monotonic() + CALM_AFTER
            self._shed()
            raise _full()

    async def __aenter__(self) -> None:
        if not self._take():
            await self._wait(self._waiting)
        _running.value += 1

    def _take(self) -> bool:
        """Whether one was free."""
        free = self._running < self._most and (not self.crowded or self._running < self._bounds()[0])
        if free:
            self._running += 1
        return free

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
        if not self._preferred and not self._waiting:
            return
        most, _ = self._bounds()
        while (line := self._preferred or self._waiting) and self._running < most:
            first = line.popleft()
            if not first.done():
                self._running += 1
                first.set_result(None)

    def _shed(self) -> None:
        """Of a queue that was long until now, those who have waited longest would be answered latest."""
        _, queue = self._bounds()
        for line in (self._waiting, self._preferred):
            while len(line) > queue:
                first = line.popleft()
                if not first.done():
                    first.set_exception(_full())

    async def _wait(self, line: deque[Future[None]]) -> None:
        self._reject_if_full(line)
        turn: Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        _waiting.value += 1
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn in line:
                line.remove(turn)
            elif turn.done() and not turn.cancelled() and not turn.exception():
                self._running -= 1  # it was our turn in the very moment in which we left
                self._hand_on()
            raise _full() if isinstance(error, TimeoutError) else error from None
        finally:
            _waiting.value -= 1
            # What it was refused with holds this frame, and would be held by it.
            del turn


class PreferredQueue:
    """The same slots, for operations of callers with credentials."""

    __slots__ = ("_slots",)

    def __init__(self, slots: ConcurrencyLimiter) -> None:
        self._slots = slots

    def reject_if_full(self) -> None:
        self._slots._reject_if_full(self._slots._preferred)

    async def __aenter__(self) -> None:
        if not self._slots._take():
            await self._slots._wait(self._slots._preferred)
        _running.value += 1

    async def __aexit__(self, *error: object) -> None:
        await self._slots.__aexit__(*error)


def _full() -> Overloaded:
    return Overloaded("The server is full at the moment; please try again in a second.", retry_after=1)
