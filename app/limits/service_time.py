"""Estimates how many operations can be executed in a time, from the CPU time of recent ones."""

from time import monotonic, thread_time

# The lower bound of the estimate: an operation that waits for PostgreSQL must not block all others.
MIN_OPERATIONS = 4
# The estimate before the first measurement.
UNLIMITED = 10**6
# Seconds of one measurement.
WINDOW = 0.2


class ServiceTime:
    """The CPU time of this thread per operation, and so how many can be executed within some seconds.

    Waiting for PostgreSQL takes no CPU time, so many operations may wait concurrently and share statements.
    Computation is sequential: higher concurrency completes none earlier and delays all. The duration of
    operations would be a worse measure, since it grows with their number.
    """

    __slots__ = ("_cpu_at_start", "_operations", "_seconds", "_started_at")

    def __init__(self) -> None:
        self._operations = 0
        self._seconds = 0.0
        self._started_at = self._cpu_at_start = 0.0

    def within(self, seconds: float, at_least: int = MIN_OPERATIONS) -> int:
        return max(at_least, round(seconds / self._seconds)) if self._seconds else UNLIMITED

    def done(self) -> None:
        """Counts one operation. CPU time of rejections and of other work in this thread is attributed to operations."""
        self._operations += 1
        now = monotonic()
        if now - self._started_at < WINDOW:
            return
        cpu = thread_time()
        if now - self._started_at < 2 * WINDOW:  # else the thread was mostly idle
            self.add_sample((cpu - self._cpu_at_start) / self._operations)
        self._started_at, self._cpu_at_start, self._operations = now, cpu, 0

    def add_sample(self, seconds: float) -> None:
        """An exponential moving average: single measurements vary much."""
        self._seconds = (self._seconds + seconds) / 2 if self._seconds else seconds
