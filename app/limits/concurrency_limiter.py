"""Limits how many operations run concurrently; further ones wait in a bounded queue or are rejected."""

import asyncio
from abc import ABC, abstractmethod
from asyncio import Future, TimerHandle
from collections import deque
from math import inf
from time import monotonic
from typing import Final

from app.errors import Overloaded
from app.limits.service_time import ServiceTime
from app.observability import metrics
from app.observability.counting import LocalGauge

_running = LocalGauge(metrics.OPERATIONS_RUNNING)
_waiting = LocalGauge(metrics.OPERATIONS_WAITING)

# Seconds after the latest rejection during which the limiter counts as overloaded.
OVERLOADED_FOR = 1.0
# Seconds for which operations are started in one iteration of the event loop. Those that find everything in memory compute without a
# wait, so that their number bounds nothing: of a thousand requests that were read together, cached responses would be sent
# after the last list.
ITERATION: Final = 0.004
# But so many in any case: a few operations never wait for each other, however little of a processor the process is given.
AT_LEAST: Final = 16
# Iterations in which operations were started: an operation that has waited for fewer of them when its time is up was not delayed by others.
STALLED: Final = 3


class Turn(ABC):
    """The turn of one operation: `async with turn`; or, for less, `if not turn.try_start(): await turn.wait()`, and `turn.done()`."""

    __slots__ = ()

    @abstractmethod
    def try_start(self) -> bool:
        """Starts an operation if one may start now; returns whether it did."""

    @abstractmethod
    async def wait(self) -> None:
        """Starts an operation when one may start. Raises Overloaded."""

    @abstractmethod
    def done(self) -> None:
        """Ends an operation."""

    async def __aenter__(self) -> None:
        if not self.try_start():
            await self.wait()

    async def __aexit__(self, *_: object) -> None:
        self.done()


class _Waiting:
    """An operation that waits. `until`: the end of its time, on the loop's clock; `mark`: when it began, for `_was_delayed_since`."""

    __slots__ = ("admitted", "mark", "until")

    def __init__(self, admitted: Future[None], until: float, mark: float) -> None:
        self.admitted = admitted
        self.until = until
        self.mark = mark


class _Queue(deque[_Waiting]):
    """Operations that wait, in the order of their ends: all may wait equally long, so that one timer is enough.

    `expected`: requests that were let pass in this iteration of the event loop, whose tasks begin in the next one.
    """

    __slots__ = ("expected", "timer")

    def __init__(self) -> None:
        super().__init__()
        self.expected = 0
        self.timer: TimerHandle | None = None

    def expect_one(self) -> None:
        if not self.expected:
            asyncio.get_running_loop().call_soon(self._expect_none)  # before the first of their tasks
        self.expected += 1

    def _expect_none(self) -> None:
        self.expected = 0


class ConcurrencyLimiter(Turn):
    """`async with limiter:` is one operation. The queue is first in, first out.

    Without overload `max_running` operations run concurrently, which gives the highest throughput, and as many wait
    as can be executed within `max_queue_time`. A rejection begins a state of overload, in which high concurrency and
    a long queue would only increase the latency of accepted operations. So until OVERLOADED_FOR seconds after
    the latest rejection, as many run as can be executed within `target_service_time`, and half as many wait.

    In each iteration of the event loop operations are started for ITERATION seconds, and at least AT_LEAST; the others wait for the next one.

    `async with limiter.preferred:` is an operation of a caller with credentials. These have a queue of their own with
    the same bound, which is served first: anonymous operations never displace them.
    """

    _gauge = _running

    def __init__(
        self, max_running: int, max_queued: int, max_queue_time: float, target_service_time: float
    ) -> None:
        self._max_running = max_running
        self._max_queued = max_queued
        self._max_queue_time = max_queue_time
        self._target_service_time = target_service_time
        self.service_time = ServiceTime()
        self._running = 0
        self.overloaded_until = -inf
        # Of this iteration of the event loop, if an operation was started in it: until when, and how many were.
        self._starts_until: float | None = None
        self._started = 0
        self._iterations = 0  # in which operations were started
        self._waiting = _Queue()
        self._preferred = _Queue()
        self.preferred = PreferredQueue(self)

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        return len(self._waiting) + len(self._preferred)

    @property
    def overloaded(self) -> bool:
        """Whether an operation was rejected within the last OVERLOADED_FOR seconds."""
        return monotonic() < self.overloaded_until

    def reject_if_full(self) -> None:
        """Raises Overloaded if the queue is full; called before work is done for a request."""
        self._reject_if_full(self._waiting)

    def expect_one(self) -> None:
        """Raises Overloaded if the queue is full with what is expected; called before a task is created for a request."""
        self._expect_one(self._waiting)

    def _expect_one(self, queue: _Queue) -> None:
        self._reject_if_full(queue)
        queue.expect_one()

    def _reject_if_full(self, queue: _Queue) -> None:
        if not queue.expected and self._may_start():
            return
        if len(queue) + queue.expected >= self._max_waiting():
            self.overloaded_until = monotonic() + OVERLOADED_FOR
            self._shed()
            raise _overloaded()

    def try_start(self) -> bool:
        return not self._waiting and self._try_start()

    def _try_start(self) -> bool:
        """After those of the preferred queue."""
        free = not self._preferred and self._may_start()
        if free:
            self._note_start()
            self._running += 1
            self._gauge.value += 1
        return free

    def _may_start(self) -> bool:
        return (
            self._running < self._max_running
            and (self._started < AT_LEAST or self._starts_until is None or monotonic() < self._starts_until)
            and (not self.overloaded or self._running < self._bounds()[0])
        )

    def _note_start(self) -> None:
        self._started += 1
        if self._starts_until is None:
            self._starts_until = monotonic() + ITERATION
            asyncio.get_running_loop().call_soon(self._end_iteration)

    def _end_iteration(self) -> None:
        self._starts_until = None
        self._started = 0
        self._iterations += 1
        self._admit_waiting()

    async def wait(self) -> None:
        await self._wait(self._waiting)
        self._gauge.value += 1

    def done(self) -> None:
        self._gauge.value -= 1
        self._running -= 1
        self._measure()
        self._admit_waiting()

    def _measure(self) -> None:
        """An operation has ended."""
        self.service_time.done()

    def _bounds(self) -> tuple[int, int]:
        """How many may run, and how many may wait in each queue."""
        if not self.overloaded:
            return self._max_running, min(self._max_queued, self.service_time.within(self._max_queue_time))
        max_running = min(self._max_running, self.service_time.within(self._target_service_time))
        return max_running, min(self._max_queued, max_running // 2)

    def _admit_waiting(self) -> None:
        if not self._preferred and not self._waiting:
            return
        max_running, _ = self._bounds()
        while (
            (queue := self._preferred or self._waiting) and self._running < max_running and self._may_admit()
        ):
            first = queue.popleft().admitted
            if not first.done():
                self._admit(first)

    def _admit(self, waiting: Future[None]) -> None:
        self._note_start()
        self._running += 1
        waiting.set_result(None)

    def _may_admit(self) -> bool:
        """Whether one more of those that wait may be started in this iteration of the event loop."""
        return self._started < self.service_time.within(ITERATION, at_least=AT_LEAST)

    def _max_waiting(self) -> int:
        """How many may wait in each queue: those that have to, and in place of those that might run."""
        max_running, max_queued = self._bounds()
        return max_queued + max(0, max_running - self._running)

    def _shed(self) -> None:
        """Rejects the longest waiting operations beyond the new bound: they would have the highest latency."""
        max_waiting = self._max_waiting()
        for queue in (self._waiting, self._preferred):
            while len(queue) > max_waiting:
                first = queue.popleft().admitted
                if not first.done():
                    first.set_exception(_overloaded())

    async def _wait(self, queue: _Queue) -> None:
        self._reject_if_full(queue)
        loop = asyncio.get_running_loop()
        admitted: Future[None] = loop.create_future()
        until = loop.time() + self._max_queue_time
        waiting = _Waiting(admitted, until, self._mark())
        queue.append(waiting)
        if queue.timer is None:
            queue.timer = loop.call_at(until, self._end_waits, queue)
        _waiting.value += 1
        try:
            await admitted
        except BaseException as error:
            if waiting in queue:
                queue.remove(waiting)
            elif admitted.done() and not admitted.cancelled() and not admitted.exception():
                self._running -= 1  # admitted in the same moment in which the wait ended
                self._admit_waiting()
            raise error from None
        finally:
            _waiting.value -= 1
            # The error refers to this frame; the frame must not refer to the error.
            del admitted, waiting

    def _end_waits(self, queue: _Queue) -> None:
        """Of those whose time is up: rejects them, but starts those that were not delayed by others."""
        queue.timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while queue and queue[0].until <= now:
            first = queue.popleft()
            if first.admitted.done():
                continue
            if self._was_delayed_since(first.mark):
                first.admitted.set_exception(_overloaded())
            else:
                self._admit(first.admitted)
        if queue:
            queue.timer = loop.call_at(queue[0].until, self._end_waits, queue)

    def _mark(self) -> float:
        """When a wait begins, in what the next method compares."""
        return self._iterations

    def _was_delayed_since(self, mark: float) -> bool:
        """Whether an operation has waited for others. Else it waited for the event loop only, which did not run meanwhile: the process was not given a processor."""
        return self._running >= self._bounds()[0] or self._iterations - mark >= STALLED


class PreferredQueue(Turn):
    """The same limiter, for operations of callers with credentials."""

    __slots__ = ("_limiter",)

    def __init__(self, limiter: ConcurrencyLimiter) -> None:
        self._limiter = limiter

    def reject_if_full(self) -> None:
        self._limiter._reject_if_full(self._limiter._preferred)

    def expect_one(self) -> None:
        self._limiter._expect_one(self._limiter._preferred)

    def try_start(self) -> bool:
        return self._limiter._try_start()

    async def wait(self) -> None:
        await self._limiter._wait(self._limiter._preferred)
        self._limiter._gauge.value += 1

    def done(self) -> None:
        self._limiter.done()


def _overloaded() -> Overloaded:
    return Overloaded("The server is full at the moment; please try again in a second.", retry_after=1)
