"""Hands each change to this process's subscribers, once and in order per entry."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Self
from uuid import UUID

import msgspec

from app.bounded_mapping import BoundedMapping
from app.domain.event import ENTRY_TOPICS, EntryChange, Event, Topic
from app.errors import AppError, Code, Unavailable
from app.observability.metrics import SUBSCRIBERS_DROPPED, SUBSCRIPTIONS


class Ended(Unavailable):
    """The server is stopping; clients may subscribe on another instance."""


class Change(NamedTuple):
    event: Event
    entry: EntryChange


class Filter(msgspec.Struct, frozen=True):
    """`dno_id` None: every operator."""

    topics: frozenset[Topic] = ENTRY_TOPICS
    dno_id: UUID | None = None

    def channels(self) -> Iterator["Channel"]:
        return ((topic, self.dno_id) for topic in self.topics)

    def covers(self, event: Event) -> bool:
        return event.topic in self.topics and self.dno_id in (None, event.dno_id)


Channel = tuple[Topic, UUID | None]


class Subscriber:
    """An async iterator of changes; it raises the reason for which it was closed.

    It receives changes from its creation until its block is left. `listener`: called for new changes, which it takes by `take`; the
    task that iterates is not woken then.
    """

    def __init__(self, wanted: Filter, max_queue: int, broadcast: "Broadcast") -> None:
        self.wanted = wanted
        self.waiting: deque[Change] = deque()
        self.behind: int | None = None  # the number of the first change that is left in the broadcast's log
        self.reads = 0
        self.listener: Callable[[], None] | None = None
        self._max_queue = max_queue
        self._broadcast = broadcast
        self._changed = asyncio.Event()
        self._closed: AppError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._broadcast.leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while not self.waiting:
            if self._closed is not None:
                raise self._closed
            await self.until_woken()
        return self.take()

    async def until_woken(self) -> None:
        """Until there is a change, unless a listener takes it, or the end."""
        self._changed.clear()
        await self._changed.wait()

    def wake(self) -> None:
        self._changed.set()

    @property
    def idle(self) -> bool:
        """Whether all has been taken, and more may come."""
        return not self.waiting and self.behind is None and self._closed is None

    def take(self) -> Change:
        """The first one that waits."""
        change = self.waiting.popleft()
        self.reads += 1
        if self.behind is not None and len(self.waiting) <= self._max_queue // 2:
            self._broadcast.refill(self)
        return change

    def offer(self, changes: Sequence[Change], numbers: Sequence[int]) -> None:
        """Queues as many as fit; the others stay in the log and are fetched as these are read."""
        if self._closed is not None or self.behind is not None:
            return
        free = self._max_queue - len(self.waiting)
        if len(changes) > free:
            self.behind = numbers[free]
            changes = changes[:free]
        self.waiting.extend(changes)
        if self.listener is None:
            self._changed.set()
        else:
            self.listener()

    def drop(self) -> None:
        """Closes a subscriber that does not read. Its queue is freed, since an incomplete sequence is of no use."""
        if self._closed is None:
            SUBSCRIBERS_DROPPED.inc()
            self.waiting.clear()
            self.close(
                AppError(
                    "Changes came faster than they were read; subscribe again, then read.",
                    Code.SLOW_SUBSCRIBER,
                )
            )

    def close(self, reason: AppError) -> None:
        """What is waiting is still delivered; then the reason."""
        self._closed = self._closed or reason
        self.behind = None
        self._changed.set()


class Broadcast:
    """`max_queue` is what one subscriber may leave unread. One that reads may fall behind by more, as a statement
    over thousands of entries comes all at once: what does not fit into its queue waits in one shared log of
    `max_log` changes. It is closed when it reads nothing for `timeout` seconds, or when the log is full.
    `remembered`: so many entries' last delivered versions are known, so that an event that comes twice
    (the relay delivers at least once) or late (a frozen Redis resumes) is delivered once and
    never after its successor.
    """

    def __init__(
        self, max_queue: int, *, max_log: int = 50_000, timeout: float = 0.0, remembered: int = 20_000
    ) -> None:
        self._max_queue = max_queue
        self._max_log = max_log
        self._timeout = timeout
        self._subscribers: dict[Channel, set[Subscriber]] = {}
        self._remembered = remembered
        self._delivered: BoundedMapping[UUID, _DeliveredVersion] = BoundedMapping(remembered)
        self._ended: Ended | None = None
        self._end = asyncio.Event()
        self._behind: set[Subscriber] = set()
        self._log: list[Change] = []  # empty unless a subscriber is behind
        self._next = 0  # the number of the next change; the last one of the log comes before it

    def subscribe(self, wanted: Filter) -> Subscriber:
        """Nothing is missed from here on."""
        if self._ended is not None:
            raise self._ended
        subscriber = Subscriber(wanted, self._max_queue, self)
        for channel in wanted.channels():
            self._subscribers.setdefault(channel, set()).add(subscriber)
        SUBSCRIPTIONS.inc()
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        SUBSCRIPTIONS.dec()
        self._remove_behind(subscriber)
        for channel in subscriber.wanted.channels():
            remaining = self._subscribers[channel]
            remaining.discard(subscriber)
            if not remaining:
                del self._subscribers[channel]

    @property
    def has_subscribers(self) -> bool:
        return bool(self._subscribers)

    @property
    def max_unread(self) -> int:
        """How far the slowest subscriber is behind."""
        return max(map(self._unread, set[Subscriber]().union(*self._subscribers.values())), default=0)

    def _unread(self, subscriber: Subscriber) -> int:
        left = 0 if subscriber.behind is None else self._next - subscriber.behind
        return len(subscriber.waiting) + left

    def send(self, event: Event) -> None:
        changes = [Change(event, entry) for entry in event.entries if self._is_new(event, entry)]
        if not changes:
            return
        numbers = range(self._next, self._next + len(changes))
        self._next += len(changes)
        for dno_id in {event.dno_id, None}:
            for subscriber in self._subscribers.get((event.topic, dno_id), ()):
                subscriber.offer(changes, numbers)
                if subscriber.behind is not None and subscriber not in self._behind:
                    self._watch(subscriber)
        if self._behind:
            self._log += changes
            self._bound_log()

    # Subscribers that are behind

    def refill(self, subscriber: Subscriber) -> None:
        """Fetches from the log what fits into the queue."""
        number = subscriber.behind
        assert number is not None
        subscriber.behind = None
        started = self._next - len(self._log)
        wanted = (
            index
            for index in range(number - started, len(self._log))
            if subscriber.wanted.covers(self._log[index].event)
        )
        left = list(islice(wanted, self._max_queue - len(subscriber.waiting) + 1))
        subscriber.offer([self._log[index] for index in left], [index + started for index in left])
        if subscriber.behind is None:
            self._remove_behind(subscriber)

    def _watch(self, subscriber: Subscriber) -> None:
        self._behind.add(subscriber)
        asyncio.get_running_loop().call_later(self._timeout, self._check, subscriber, subscriber.reads)

    def _check(self, subscriber: Subscriber, reads: int) -> None:
        if subscriber not in self._behind:
            return
        if subscriber.reads == reads:
            self._remove_behind(subscriber)
            subscriber.drop()
        else:
            self._watch(subscriber)

    def _remove_behind(self, subscriber: Subscriber) -> None:
        self._behind.discard(subscriber)
        if not self._behind:
            self._log.clear()

    def _bound_log(self) -> None:
        """What all have fetched goes; if that is not enough, those that are behind most go, too."""
        if len(self._log) <= self._max_log:
            return
        started = self._next - len(self._log)
        needed = min(subscriber.behind or 0 for subscriber in self._behind)
        if needed - started < len(self._log) // 2:
            needed = self._next - self._max_log // 2
            for subscriber in [one for one in self._behind if (one.behind or 0) < needed]:
                self._remove_behind(subscriber)
                subscriber.drop()
        del self._log[: max(0, needed - started)]

    # The end

    def close_all(self, reason: str) -> None:
        """Ends all current subscriptions; clients may subscribe again."""
        self._close(Unavailable(reason))

    def start_over(self, reason: str) -> None:
        """Also forgets which versions were delivered: entries may be at earlier ones."""
        self.close_all(reason)
        self._delivered = BoundedMapping(self._remembered)

    def end(self, reason: str) -> None:
        """Ends all subscriptions and rejects new ones."""
        self._ended = Ended(reason)
        self._end.set()
        self._close(self._ended)

    async def until_end(self) -> None:
        """Waits for `end`, and raises its reason."""
        await self._end.wait()
        assert self._ended is not None
        raise self._ended

    def _close(self, reason: AppError) -> None:
        for subscribers in self._subscribers.values():
            for subscriber in subscribers:
                subscriber.close(reason)
        self._behind.clear()
        self._log.clear()

    def _is_new(self, event: Event, entry: EntryChange) -> bool:
        delivered = self._delivered.get(entry.id)
        location = (event.dno_id, event.year)
        if delivered is None or entry.version > delivered.version:
            self._delivered[entry.id] = _DeliveredVersion(entry.version, {location})
        elif entry.version == delivered.version and location not in delivered.locations:
            delivered.locations.add(location)
            self._delivered.touch(entry.id)
        else:
            return False
        return True


class _DeliveredVersion(NamedTuple):
    """An entry that was moved by an SQL statement has one version in two locations; both are delivered."""

    version: int
    locations: set[tuple[UUID | None, int | None]]
