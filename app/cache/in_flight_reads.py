"""Request coalescing: one read per key at a time in this process, shared by all readers that miss the key meanwhile."""

from asyncio import AbstractEventLoop, CancelledError, Future, Timeout
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

import msgspec

from app.cache.region import Region


class Wait:
    """One caller that waits for several reads. Cancelling it does not cancel reads that other callers wait for."""

    __slots__ = ("_future", "_reads", "_unresolved")

    def __init__(self, reads: Sequence["InFlightRead"], loop: AbstractEventLoop) -> None:
        self._reads = reads
        self._future: Future[None] = loop.create_future()
        self._unresolved = 0
        for read in reads:
            if not read.resolved:
                read.waiters.append(self)
                self._unresolved += 1
        if not self._unresolved:
            self._future.set_result(None)

    async def finished(self) -> None:
        try:
            await self._future
        except CancelledError:
            for read in self._reads:
                read.leave(self)
            raise

    def read_resolved(self) -> None:
        self._unresolved -= 1
        if not self._unresolved and not self._future.done():
            self._future.set_result(None)


class InFlightRead(msgspec.Struct, eq=False):
    """One record being read from Redis or PostgreSQL, and the callers that wait for it."""

    region: Region[Any, Any]
    key: Any
    tag: str
    since: int  # L1's logical time before anything was read
    token: str | None = None  # of the lease in L2
    value: Any = None
    until: float = 0.0
    error: BaseException | None = None
    traceback: TracebackType | None = None
    dispatched: bool = False  # a request to Redis or PostgreSQL was sent
    fetched: bool = False  # found in no cache
    resolved: bool = False
    round_trips: int = 0  # to Redis
    fetch: "Fetch | None" = None  # the statement that it shares with others
    waiters: list[Wait] = []

    def resolve(self, value: Any, until: float) -> None:
        self.value = value
        self.until = until
        self._notify_waiters()

    def leave(self, wait: Wait) -> None:
        if not self.resolved:
            self.waiters.remove(wait)
            if self.fetch is not None and not self.waiters:
                self.fetch.cancel_if_abandoned()

    def fail(self, error: BaseException) -> None:
        if not self.resolved:
            self.error = error
            self.traceback = error.__traceback__
            self._notify_waiters()

    def result(self) -> Any:
        if self.error is not None:
            # Without the reset, each further caller would append its frames to the traceback.
            raise self.error.with_traceback(self.traceback)
        return self.value

    def _notify_waiters(self) -> None:
        self.resolved = True
        for wait in self.waiters:
            wait.read_resolved()
        self.waiters.clear()


class InFlightReads:
    """Reads that may still be joined, by tag.

    A read that was dispatched before a write must not be joined by a caller that arrives after the write: the
    invalidation detaches it.
    """

    def __init__(self) -> None:
        self._open: dict[str, InFlightRead] = {}

    def __len__(self) -> int:
        return len(self._open)

    def get(self, tag: str) -> InFlightRead | None:
        return self._open.get(tag)

    def add(self, read: InFlightRead) -> None:
        self._open[read.tag] = read

    def detach(self, tags: Iterable[str]) -> None:
        for tag in tags:
            self._open.pop(tag, None)

    def close(self, read: InFlightRead) -> None:
        if self._open.get(read.tag) is read:
            del self._open[read.tag]


class Fetch:
    """One SQL statement for several reads; it is cancelled once no caller waits for any of them."""

    __slots__ = ("_bound", "_open", "_reads")

    def __init__(self, reads: Sequence[InFlightRead], open_reads: InFlightReads, bound: Timeout) -> None:
        self._reads = reads
        self._open = open_reads
        self._bound: Timeout | None = bound

    def finished(self) -> None:
        """Drops the references to the reads, which refer to this fetch: no reference cycle is left."""
        self._reads, self._bound = (), None

    def cancel_if_abandoned(self) -> None:
        if self._bound is None or any(read.waiters for read in self._reads):
            return
        for read in self._reads:
            self._open.close(read)  # later callers must not join a read that is being cancelled
        self._bound.reschedule(0)
