"""One time-out for many: what all may take as long as each other needs one timer, not one each."""

import asyncio
from asyncio import AbstractEventLoop, CancelledError, Task, TimerHandle
from types import TracebackType
from typing import Any, Self


class Deadlines:
    """`with deadlines.begin():` cancels what runs in it after so many seconds, and raises TimeoutError.

    As `asyncio.timeout`, but without a timer of its own for each; 0 seconds are none at all.
    """

    def __init__(self, seconds: float, loop: AbstractEventLoop) -> None:
        self.seconds = seconds
        self.loop = loop
        self._running: dict[Deadline, None] = {}  # the first to end stands first: all take as long
        self._timer: TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._running)

    def begin(self) -> "Deadline":
        task = asyncio.current_task(self.loop)
        assert task is not None
        return Deadline(self, task)

    def add(self, deadline: "Deadline") -> None:
        self._running[deadline] = None
        if self._timer is None:
            self._wind_up(deadline.until)

    def remove(self, deadline: "Deadline") -> None:
        self._running.pop(deadline, None)

    def _wind_up(self, until: float) -> None:
        self._timer = self.loop.call_at(until, self._look)

    def _look(self) -> None:
        """Ends those whose time is over; sleeps until the next one's is, if there is a next."""
        self._timer = None
        now = self.loop.time()
        while self._running:
            first = next(iter(self._running))
            if first.until > now:
                self._wind_up(first.until)
                return
            self.remove(first)
            first.end()


class Deadline:
    __slots__ = ("_cancelling", "_deadlines", "_over", "_task", "until")

    def __init__(self, deadlines: Deadlines, task: Task[Any]) -> None:
        self.until = deadlines.loop.time() + deadlines.seconds
        self._deadlines = deadlines
        self._task = task
        self._cancelling = task.cancelling()
        self._over = False

    def end(self) -> None:
        self._over = True
        self._task.cancel()

    def __enter__(self) -> Self:
        if self._deadlines.seconds:
            self._deadlines.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.remove(self)
        # Also cancelled from outside: then that cancellation is raised.
        if self._over and self._task.uncancel() <= self._cancelling and kind is CancelledError:
            raise TimeoutError from error
