"""For how long each process waited for a CPU: on a busy machine that is no delay of the servers' making."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic

from tests.consistency.operations import Log, Wait

EVERY = 0.05  # seconds
SHORTEST = 0.001  # what is less is not recorded


class Waits:
    """Reads what Linux counts for each process (its main thread); elsewhere nothing is excused."""

    def __init__(self, log: Log, processes: Callable[[], Mapping[str, int]]) -> None:
        self._log = log
        self._processes = processes
        self._before: dict[int, float] = {}

    async def measure_for_ever(self) -> None:
        last = monotonic()
        while True:
            await asyncio.sleep(EVERY)
            now = monotonic()
            for name, pid in self._processes().items():
                waited = _waited(pid)
                self._add(name, last, now, waited - self._before.get(pid, waited))
                self._before[pid] = waited
            last = now

    def _add(self, name: str, since: float, until: float, seconds: float) -> None:
        if seconds >= SHORTEST:
            self._log.add(
                Wait(instance=name, started=since, ended=until, seconds=min(seconds, until - since))
            )


def _waited(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0
