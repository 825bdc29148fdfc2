"""Once a second a process writes down how it is."""

import asyncio
from collections.abc import Callable, Sequence

from app.observability import counting, metrics


class ProcessMetrics:
    """Measures the event loop's lag, calls `samples` to set gauges, and flushes the counts.

    Each process does this for itself: with several workers, the scraped process reports for all
    of them, from the files that each has written.
    """

    def __init__(self, samples: Sequence[Callable[[], None]] = (), *, every: float = 1.0) -> None:
        self._samples = samples
        self._every = every

    async def run(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                due = clock() + self._every
                await asyncio.sleep(self._every)
                metrics.EVENT_LOOP_LAG.set(max(0.0, clock() - due))
                self.write()
        finally:
            self.write()

    def write(self) -> None:
        for sample in self._samples:
            sample()
        counting.flush()
