"""Bounded concurrency with a bounded queue that is fair among origins."""

import asyncio
from asyncio import Future
from collections import OrderedDict, deque
from typing import NamedTuple

from app.errors import Overloaded


class Origin(NamedTuple):
    """Callers that share a place in the queue. `proven`: they have presented a valid proof, such as a device cookie."""

    name: str
    proven: bool = False


class FairQueue:
    """Origins take turns, whatever the number that one of them sends.

    When the queue is full, a newcomer takes the place of the latest of the origin that has most waiting,
    provided that it has more than the newcomer's own: so one origin cannot fill it for the others. The
    first of a proven origin takes a place from any that is not, so that many origins cannot either.
    """

    def __init__(self, at_once: int, max_waiting: int) -> None:
        self._free = at_once
        self._max_waiting = max_waiting
        self._waiting = 0
        self._lines: OrderedDict[Origin, deque[Future[None]]] = OrderedDict()

    async def enter(self, origin: Origin) -> None:
        """Returns when it is this one's turn; `leave` ends it. Refuses with Overloaded."""
        if self._free:
            self._free -= 1
            return
        if self._waiting >= self._max_waiting:
            self._evict_from_longest(origin)
        turn: Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(origin, deque()).append(turn)
        self._waiting += 1
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()  # the turn came in the very moment in which this one gave up
            elif turn in self._lines.get(origin, ()):
                self._remove(origin, turn)
            raise

    def leave(self) -> None:
        while self._lines:
            origin, line = next(iter(self._lines.items()))
            turn = line[0]
            self._remove(origin, turn)
            if origin in self._lines:
                self._lines.move_to_end(origin)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _evict_from_longest(self, origin: Origin) -> None:
        longest = self._longest_line(origin)
        if longest is None:
            raise _full()
        turn = self._lines[longest][-1]
        self._remove(longest, turn)
        if not turn.done():
            turn.set_exception(_full())

    def _longest_line(self, origin: Origin) -> Origin | None:
        """The one that gives up a place for a newcomer of this origin, if there is one."""
        own = len(self._lines.get(origin, ()))
        unproven = [name for name in self._lines if not name.proven]
        candidates = unproven or (list(self._lines) if origin.proven else [])
        longest = max(candidates, key=lambda name: len(self._lines[name]), default=None)
        if longest is None or (origin.proven and not longest.proven and not own):
            return longest
        return longest if len(self._lines[longest]) > own + 1 else None

    def _remove(self, origin: Origin, turn: Future[None]) -> None:
        line = self._lines[origin]
        line.remove(turn)
        self._waiting -= 1
        if not line:
            del self._lines[origin]


def _full() -> Overloaded:
    return Overloaded("Too many people are signing in; please try again soon.", retry_after=1)
