"""Signs of life and checks of rights of all open connections, with one timer."""

import asyncio
from asyncio import TimerHandle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

# A period is divided into so many ticks; each connection is due at one of them.
SLOTS: Final = 32


class PeriodicChecks:
    """Calls back for each connection once in `period` seconds, for the first time after almost one or at most one."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._slots: list[dict[Callable[[], None], None]] = [{} for _ in range(SLOTS)]
        self._current = 0
        self._count = 0
        self._timer: TimerHandle | None = None

    @contextmanager
    def calling(self, check: Callable[[], None]) -> Iterator[None]:
        """`check` must not raise."""
        slot = self._slots[self._current]
        slot[check] = None
        self._count += 1
        if self._timer is None:
            self._schedule()
        try:
            yield
        finally:
            del slot[check]
            self._count -= 1
            if not self._count and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._period / SLOTS, self._tick)

    def _tick(self) -> None:
        self._schedule()
        self._current = (self._current + 1) % SLOTS
        slot = self._slots[self._current]
        for check in list(slot):
            if check in slot:  # else it has left since
                check()
