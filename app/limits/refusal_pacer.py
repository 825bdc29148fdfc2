"""Bounds how many refusals a process sends in a second, so that refusing leaves it time to answer.

A refusal costs less than an answer, but clients that send again at once get as many of them as the process can send. A client
waits for its refusal before it uses the connection again: holding back refusals therefore bounds the requests that are read, too.
"""

from asyncio import AbstractEventLoop, Future, TimerHandle
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

# Refusals a second that are sent without delay. At 20 to 150 µs of CPU each they take 2 to 15 % of a processor.
RATE: Final = 1000
# So many may be sent at once after a pause.
BURST: Final = 50
# Seconds for which a refusal is held back at most, whatever the rate is then.
LONGEST: Final = 2.0
TICK: Final = 0.01


class RefusalPacer:
    """First in, first out. There are no more refusals than connections, since each has one request at a time."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._held: deque[tuple[float, Callable[[], None]]] = deque()
        self._allowance: float = BURST
        self._counted_at = loop.time()
        self._timer: TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._held)

    def may_send(self) -> bool:
        """Whether a refusal may be sent now; it counts then."""
        if self._held:
            return False
        self._add_allowance()
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def hold(self, send: Callable[[], None]) -> None:
        """Calls `send` when its turn has come. It must not raise, nor assume that the client is still connected."""
        self._held.append((self._loop.time(), send))
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._release)

    async def turn(self) -> None:
        """Returns when a refusal may be sent, after LONGEST seconds at the latest."""
        if self.may_send():
            return
        future: Future[None] = self._loop.create_future()
        self.hold(partial(_wake, future))
        await future

    def _release(self) -> None:
        self._timer = None
        self._add_allowance()
        overdue = self._loop.time() - LONGEST
        held = self._held
        while held and (self._allowance >= 1 or held[0][0] <= overdue):
            self._allowance = max(0.0, self._allowance - 1)
            held.popleft()[1]()
        if held:
            self._timer = self._loop.call_later(TICK, self._release)

    def _add_allowance(self) -> None:
        now = self._loop.time()
        self._allowance = min(BURST, self._allowance + (now - self._counted_at) * RATE)
        self._counted_at = now


def _wake(future: Future[None]) -> None:
    if not future.done():  # else its client has gone
        future.set_result(None)
