"""A full garbage collection when memory has grown and the server is idle."""

import asyncio
import ctypes
import gc
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import structlog

from app.observability.metrics import GARBAGE_SECONDS
from app.settings import Settings

log = structlog.get_logger("garbage")

EVERY: Final = 1.0
# A busy server collects after so many checks.
LOOKS: Final = 10


class Garbage:
    """Reference counting frees the server's objects, so full collections, which stop all tasks, are set to be rare.

    This one is for reference cycles of libraries: they take at most `max_memory_growth` bytes.
    """

    def __init__(self, settings: Settings, quiet: Callable[[], bool]) -> None:
        self._max_growth = settings.max_memory_growth
        self._quiet = quiet
        self._since = 0
        self._looks = 0

    async def run(self) -> None:
        if not self._max_growth or resident() is None:
            return
        self._since = resident() or 0
        while True:
            await asyncio.sleep(EVERY)
            self.look()

    def look(self) -> bool:
        """Whether it collected."""
        now = resident() or 0
        if now - self._since < self._max_growth:
            self._looks = 0
            return False
        self._looks += 1
        if not self._quiet() and self._looks < LOOKS:
            return False
        began = perf_counter()
        found = gc.collect()
        _trim_heap()
        seconds = perf_counter() - began
        GARBAGE_SECONDS.observe(seconds)
        self._looks, self._since = 0, resident() or 0
        log.info("garbage_collected", objects=found, seconds=round(seconds, 3), before=now, after=self._since)
        return True


def resident() -> int | None:
    """Resident bytes of this process; None where the system does not report it."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _trim_heap() -> None:
    """Returns freed memory to the system, which glibc does not do by itself."""
    trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
