"""Requests that begin while one entry is being written: only some in each iteration of the event loop.

A write waits for PostgreSQL and Redis several times, and goes on in the iteration after each reply. So its latency is a multiple
of what an iteration takes, which is the time for all requests that were received together.
"""

from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable
from typing import Final

# Requests that begin in one iteration while an entry is being written.
WITH_WRITES: Final = 4


class WritePriority:
    """`with priority:` is one write. Requests are first in, first out; each connection has one at a time, and those whose
    client may be gone take no turn.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self.writes = 0
        self._begun = 0  # in this iteration, while there are writes
        self._waiting: deque[Callable[[], bool]] = deque()

    def __enter__(self) -> None:
        self.writes += 1

    def __exit__(self, *_: object) -> None:
        self.writes -= 1

    def __len__(self) -> int:
        return len(self._waiting)

    def may_begin(self) -> bool:
        """Whether a request may begin in this iteration; it counts then."""
        if self._waiting:
            return False
        if not self.writes:
            return True
        if self._begun >= WITH_WRITES:
            return False
        self._count_one()
        return True

    def wait(self, begin: Callable[[], bool]) -> None:
        """Calls `begin` in a later iteration; it returns whether that was a turn, and must not raise."""
        self._waiting.append(begin)

    def _count_one(self) -> None:
        if not self._begun:
            self._loop.call_soon(self._next_iteration)
        self._begun += 1

    def _next_iteration(self) -> None:
        """Called in each iteration after one in which a request has begun; some may wait only then."""
        self._begun = 0
        while self._waiting and (self._begun < WITH_WRITES or not self.writes):
            if self._waiting.popleft()():
                self._count_one()
