"""One fetch per key at a time in this process, shared by all who miss the key meanwhile."""

from asyncio import AbstractEventLoop, CancelledError, Future, Timeout
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any

from app.cache.region import Region


class Wait:
    """One reader, waiting for several flights. A reader that gives up takes nobody's flight down."""

    __slots__ = ("_flights", "_future", "_missing")

    def __init__(self, flights: Sequence["InFlightRead"], loop: AbstractEventLoop) -> None:
        self._flights = flights
        self._future: Future[None] = loop.create_future()
        self._missing = 0
        for flight in flights:
            if not flight.landed:
                flight.waits.append(self)
                self._missing += 1
        if not self._missing:
            self._future.set_result(None)

    async def over(self) -> None:
        try:
            await self._future
        except CancelledError:
            for flight in self._flights:
                flight.leave(self)
            raise

    def one_less(self) -> None:
        self._missing -= 1
        if not self._missing and not self._future.done():
            self._future.set_result(None)


class InFlightRead:
    """The way of one record from below to all who wait for it."""

    __slots__ = (
        "_error",
        "_traceback",
        "departed",
        "fetch",
        "fetched",
        "key",
        "landed",
        "region",
        "round_trips",
        "since",
        "tag",
        "token",
        "until",
        "value",
        "waits",
    )

    def __init__(self, region: Region[Any, Any], key: Any, tag: str, since: int) -> None:
        self.region = region
        self.key = key
        self.tag = tag
        self.since = since  # the moment before anything was read
        self.token: str | None = None  # of the lease in L2
        self.value: Any = None
        self.until = 0.0
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None
        self.departed = False  # something has been asked of Redis or PostgreSQL
        self.fetched = False  # no cache knew it
        self.landed = False
        self.round_trips = 0  # to Redis
        self.fetch: Fetch | None = None  # the statement that it shares with others
        self.waits: list[Wait] = []

    def land(self, value: Any, until: float) -> None:
        self.value = value
        self.until = until
        self._tell()

    def leave(self, wait: Wait) -> None:
        if not self.landed:
            self.waits.remove(wait)
            if self.fetch is not None and not self.waits:
                self.fetch.end_unless_wanted()

    def fail(self, error: BaseException) -> None:
        if not self.landed:
            self._error = error
            self._traceback = error.__traceback__
            self._tell()

    def result(self) -> Any:
        if self._error is not None:
            # Each reader starts from where it happened; else the trace would grow with every one of them.
            raise self._error.with_traceback(self._traceback)
        return self.value

    def _tell(self) -> None:
        self.landed = True
        for wait in self.waits:
            wait.one_less()
        self.waits.clear()


class InFlightReads:
    """Those that may still be joined, by tag.

    A flight that departed before a write must not serve a reader who comes after it: the
    invalidation detaches it.
    """

    def __init__(self) -> None:
        self._open: dict[str, InFlightRead] = {}

    def __len__(self) -> int:
        return len(self._open)

    def get(self, tag: str) -> InFlightRead | None:
        return self._open.get(tag)

    def add(self, flight: InFlightRead) -> None:
        self._open[flight.tag] = flight

    def detach(self, tags: Iterable[str]) -> None:
        for tag in tags:
            self._open.pop(tag, None)

    def close(self, flight: InFlightRead) -> None:
        if self._open.get(flight.tag) is flight:
            del self._open[flight.tag]


class Fetch:
    """One statement, under way for as long as anybody waits for anything that it brings."""

    __slots__ = ("_bound", "_flights", "_open")

    def __init__(self, flights: Sequence[InFlightRead], open_flights: InFlightReads, bound: Timeout) -> None:
        self._flights = flights
        self._open = open_flights
        self._bound: Timeout | None = bound

    def over(self) -> None:
        """Lets go of the flights, which hold this fetch in turn."""
        self._flights, self._bound = (), None

    def end_unless_wanted(self) -> None:
        if self._bound is None or any(flight.waits for flight in self._flights):
            return
        for flight in self._flights:
            self._open.close(flight)  # whoever asks from now on must not join what is ending
        self._bound.reschedule(0)
