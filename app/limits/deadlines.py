"""Deadlines of equal length, which share one timer of the event loop."""

import asyncio
from asyncio import AbstractEventLoop, CancelledError, Task, TimerHandle
from types import TracebackType
from typing import Any, Self


class Deadlines:
    """`with deadlines.begin():` cancels its block after so many seconds, and raises TimeoutError.

    Like `asyncio.timeout`, but without a timer for each block; 0 seconds mean no deadline.
    """

    def __init__(self, seconds: float, loop: AbstractEventLoop) -> None:
        self.seconds = seconds
        self.loop = loop
        self._running: dict[Deadline, None] = {}  # in the order of their ends, since all are equally long
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
            self._set_timer(deadline.until)

    def remove(self, deadline: "Deadline") -> None:
        self._running.pop(deadline, None)

    def _set_timer(self, until: float) -> None:
        self._timer = self.loop.call_at(until, self._expire)

    def _expire(self) -> None:
        """Ends expired deadlines, and sets the timer for the next one."""
        self._timer = None
        now = self.loop.time()
        while self._running:
            first = next(iter(self._running))
            if first.until > now:
                self._set_timer(first.until)
                return
            self.remove(first)
            first.end()


class Deadline:
    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "until")

    def __init__(self, deadlines: Deadlines, task: Task[Any]) -> None:
        self.until = deadlines.loop.time() + deadlines.seconds
        self._deadlines = deadlines
        self._task = task
        self._cancelling = task.cancelling()
        self._expired = False

    def end(self) -> None:
        self._expired = True
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
        if self._expired and self._task.uncancel() <= self._cancelling and kind is CancelledError:
            raise TimeoutError from error
