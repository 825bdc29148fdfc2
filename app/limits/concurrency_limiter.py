"""Limits how many operations run at once; a short queue waits, and further ones are rejected."""

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

# The limiter counts as overloaded until so many seconds after the latest rejection.
OVERLOADED_FOR = 1.0


class ConcurrencyLimiter:
    """`async with limiter:` is one operation; first in, first out.

    As long as there is enough for all, `most` run at once, for that serves most of them, and behind them wait as
    many as can be done within `max_queue_time`. Once that queue was full some must be refused, and much at once
    and a long queue would only make those late who are answered. So until none has to be rejected any more, as
    many run as are done within `target_service_time`, half as many wait, and who comes is answered soon or refused at once.

    `async with limiter.preferred:` is one of a caller with credentials. They have a queue of their own, equally long,
    and the next turn: however many anonymous operations come, they displace none of these.
    """

    def __init__(self, most: int, queue: int, max_queue_time: float, target_service_time: float) -> None:
        self._most = most
        self._queue = queue
        self._max_queue_time = max_queue_time
        self._target_service_time = target_service_time
        self.service_time = ServiceTime()
        self._running = 0
        self.overloaded_until = -inf
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
    def overloaded(self) -> bool:
        """An operation has been rejected lately."""
        return monotonic() < self.overloaded_until

    def reject_if_full(self) -> None:
        """Raises Overloaded if the queue is full: to be called before work is done for the request."""
        self._reject_if_full(self._waiting)

    def _reject_if_full(self, line: deque[Future[None]]) -> None:
        if self._running < self._most and not self.overloaded:
            return
        most, queue = self._bounds()
        if self._running >= most and len(line) >= queue:
            self.overloaded_until = monotonic() + OVERLOADED_FOR
            self._shed()
            raise _overloaded()

    async def __aenter__(self) -> None:
        if not self._take():
            await self._wait(self._waiting)
        _running.value += 1

    def _take(self) -> bool:
        """Whether one was free."""
        free = self._running < self._most and (not self.overloaded or self._running < self._bounds()[0])
        if free:
            self._running += 1
        return free

    async def __aexit__(self, *_: object) -> None:
        _running.value -= 1
        self._running -= 1
        self.service_time.done()
        self._admit_waiting()

    def _bounds(self) -> tuple[int, int]:
        """How many may run, and how many may wait."""
        if not self.overloaded:
            return self._most, min(self._queue, self.service_time.within(self._max_queue_time))
        most = min(self._most, self.service_time.within(self._target_service_time))
        return most, min(self._queue, most // 2)

    def _admit_waiting(self) -> None:
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
                    first.set_exception(_overloaded())

    async def _wait(self, line: deque[Future[None]]) -> None:
        self._reject_if_full(line)
        turn: Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        _waiting.value += 1
        try:
            async with asyncio.timeout(self._max_queue_time):
                await turn
        except BaseException as error:
            if turn in line:
                line.remove(turn)
            elif turn.done() and not turn.cancelled() and not turn.exception():
                self._running -= 1  # it was our turn in the very moment in which we left
                self._admit_waiting()
            raise _overloaded() if isinstance(error, TimeoutError) else error from None
        finally:
            _waiting.value -= 1
            # What it was refused with holds this frame, and would be held by it.
            del turn


class PreferredQueue:
    """The same limit, for operations of callers with credentials."""

    __slots__ = ("_limiter",)

    def __init__(self, limiter: ConcurrencyLimiter) -> None:
        self._limiter = limiter

    def reject_if_full(self) -> None:
        self._limiter._reject_if_full(self._limiter._preferred)

    async def __aenter__(self) -> None:
        if not self._limiter._take():
            await self._limiter._wait(self._limiter._preferred)
        _running.value += 1

    async def __aexit__(self, *error: object) -> None:
        await self._limiter.__aexit__(*error)


def _overloaded() -> Overloaded:
    return Overloaded("The server is full at the moment; please try again in a second.", retry_after=1)
