"""Limits how many expensive operations run beside others, which then keep their response times.

Operations share one thread. One that computes for milliseconds delays each other that is ready by as much, and if forty
of them run, all others wait for forty. While there are only expensive ones, nothing is gained by a limit of their own.
"""

from math import inf
from time import monotonic, thread_time
from typing import Final

from app.limits.concurrency_limiter import ConcurrencyLimiter, Turn
from app.observability import metrics
from app.observability.counting import LocalGauge

_running = LocalGauge(metrics.EXPENSIVE_OPERATIONS_RUNNING)

# Seconds of CPU time that an operation is expected to take from which on it is expensive: that of ten points without caches.
EXPENSIVE: Final = 0.002
# And up to which it is one of the others, which expensive ones must not delay. Those between are neither: they may be the same operation
# with a shorter list, and lists that are read alone must not be limited because some of them are short.
CHEAP: Final = EXPENSIVE / 4
# Beside others, so many run as are executed in this part of `target_service_time`, but at least MIN_RUNNING.
SHARE: Final = 1 / 4
MIN_RUNNING: Final = 2
# Seconds after another operation for which the limit holds.
BESIDE_OTHERS_FOR: Final = 1.0
# The part of its time in the queue for which this thread must have computed, so that an operation is refused: the places of those before it may
# be held by reads that take long, or the process may not be given a processor.
BUSY: Final = 1 / 2


class MeasuredWork:
    """The CPU time that an operation is expected to take: as its latest executions, in proportion to the estimated cost."""

    __slots__ = ("_per_unit",)

    def __init__(self, seconds_per_unit: float) -> None:
        """`seconds_per_unit`: the expectation before the first execution."""
        self._per_unit = seconds_per_unit

    def expected(self, cost: int) -> float:
        return cost * self._per_unit

    def add(self, cost: int, seconds: float) -> None:
        """An exponential moving average: caches make executions differ."""
        self._per_unit = (3 * self._per_unit + seconds / max(cost, 1)) / 4


class ExpensiveOperations(ConcurrencyLimiter):
    """A limit in addition to that of all operations. Its queues hold what is executed within `max_queue_time`."""

    _gauge = _running
    _other_at = -inf
    _cached = 0

    def note_other(self) -> None:
        """A cheap operation has been admitted, or a cached response was found."""
        self._other_at = monotonic()

    def note_cached(self, found: int) -> None:
        """`found`: how many responses have been found in the cache until now. They need no place, but the thread as well."""
        if found != self._cached:
            self._cached = found
            self.note_other()

    @property
    def beside_others(self) -> bool:
        return monotonic() - self._other_at < BESIDE_OTHERS_FOR

    def _may_start(self) -> bool:
        return self._running < self._bounds()[0]

    def _note_start(self) -> None:
        """Iterations are bounded by the limit of all operations."""

    def _may_admit(self) -> bool:
        return True

    def _measure(self) -> None:
        """Its service time is that of each operation: the thread computes for others, too."""

    def _mark(self) -> float:
        return thread_time()

    def _was_delayed_since(self, mark: float) -> bool:
        """What waits for PostgreSQL, Redis or a processor takes no time from others: then one more may start."""
        return thread_time() - mark >= BUSY * self._max_queue_time

    def _bounds(self) -> tuple[int, int]:
        if not self.beside_others:
            return self._max_running, self._max_queued
        time = self.service_time
        max_running = min(self._max_running, time.within(SHARE * self._target_service_time, MIN_RUNNING))
        waiting = max_running // 2 if self.overloaded else time.within(self._max_queue_time)
        return max_running, min(self._max_queued, waiting)


class ExpensiveTurn(Turn):
    """First the turn among expensive operations, then that among all."""

    __slots__ = ("_all", "_expensive")

    def __init__(self, expensive: Turn, all_operations: Turn) -> None:
        self._expensive = expensive
        self._all = all_operations

    def try_start(self) -> bool:
        if not self._expensive.try_start():
            return False
        if self._all.try_start():
            return True
        self._expensive.done()
        return False

    async def wait(self) -> None:
        if not self._expensive.try_start():
            await self._expensive.wait()
        try:
            if not self._all.try_start():
                await self._all.wait()
        except BaseException:
            self._expensive.done()
            raise

    def done(self) -> None:
        self._all.done()
        self._expensive.done()
