"""Hands each change to this process's subscribers, once and in order per entry."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self
from uuid import UUID

import msgspec

from app.domain.event import EntryChange, Event, Topic
from app.errors import Refusal, Unavailable
from app.observability.metrics import SUBSCRIBERS_DROPPED, SUBSCRIPTIONS


class SlowSubscriber(Refusal):
    """Whoever cannot keep up must subscribe anew and read again: something has been left out."""

    code = "SLOW_SUBSCRIBER"


class Ended(Unavailable):
    """The server is stopping; another one goes on."""


class Change(NamedTuple):
    event: Event
    entry: EntryChange


class Filter(msgspec.Struct, frozen=True):
    """`dno_id` None: every operator."""

    topics: frozenset[Topic] = frozenset({Topic.TARIFFS, Topic.HLZF})
    dno_id: UUID | None = None

    def channels(self) -> Iterator["Channel"]:
        return ((topic, self.dno_id) for topic in self.topics)


Channel = tuple[Topic, UUID | None]


class Subscriber:
    """An async iterator of changes; it raises the reason for which it was closed.

    It listens from the moment it is made until its block is left.
    """

    def __init__(self, max_queue: int, leave: "Callable[[Subscriber], None]") -> None:
        self._max_queue = max_queue
        self._leave = leave
        self.waiting: deque[Change] = deque()
        self._news = asyncio.Event()
        self._closed: Refusal | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        while not self.waiting:
            if self._closed is not None:
                raise self._closed
            self._news.clear()
            await self._news.wait()
        return self.waiting.popleft()

    def offer(self, change: Change) -> None:
        if self._closed is not None:
            return
        if len(self.waiting) >= self._max_queue:
            # Half a story is worse than none, and a queue nobody reads is memory nobody gets back.
            SUBSCRIBERS_DROPPED.inc()
            self.waiting.clear()
            self.close(SlowSubscriber("Changes came faster than they were read; subscribe again, then read."))
            return
        self.waiting.append(change)
        self._news.set()

    def close(self, reason: Refusal) -> None:
        """What is waiting is still told; then the reason."""
        self._closed = self._closed or reason
        self._news.set()


class Broadcast:
    """`max_queue` bounds what one subscriber may leave unread, `remembered` the entries whose last
    told version is known: an event that comes twice (the relay promises at least once) or late
    (a frozen Redis wakes up) is told once and never after its successor.
    """

    def __init__(self, max_queue: int, remembered: int = 20_000) -> None:
        self._max_queue = max_queue
        self._remembered = remembered
        self._subscribers: dict[Channel, set[Subscriber]] = {}
        self._told: OrderedDict[UUID, _Told] = OrderedDict()
        self._ended: Refusal | None = None

    def subscribe(self, wanted: Filter) -> Subscriber:
        """Nothing is missed from here on."""
        if self._ended is not None:
            raise self._ended
        channels = tuple(wanted.channels())
        subscriber = Subscriber(self._max_queue, lambda left: self._leave(channels, left))
        for channel in channels:
            self._subscribers.setdefault(channel, set()).add(subscriber)
        SUBSCRIPTIONS.inc()
        return subscriber

    @property
    def has_subscribers(self) -> bool:
        return bool(self._subscribers)

    @property
    def most_unread(self) -> int:
        """How far the slowest subscriber is behind."""
        everybody = (subscriber for channel in self._subscribers.values() for subscriber in channel)
        return max((len(subscriber.waiting) for subscriber in everybody), default=0)

    def send(self, event: Event) -> None:
        news = [Change(event, entry) for entry in event.entries if self._is_news(event, entry)]
        for dno_id in {event.dno_id, None}:
            for subscriber in self._subscribers.get((event.topic, dno_id), ()):
                for change in news:
                    subscriber.offer(change)

    def close_all(self, reason: str) -> None:
        """Everybody who listens now is told to come again."""
        self._close(Unavailable(reason))

    def end(self, reason: str) -> None:
        """Nobody listens any more, and nobody begins to."""
        self._ended = Ended(reason)
        self._close(self._ended)

    def _close(self, reason: Refusal) -> None:
        for subscribers in self._subscribers.values():
            for subscriber in subscribers:
                subscriber.close(reason)

    def _is_news(self, event: Event, entry: EntryChange) -> bool:
        told = self._told.get(entry.id)
        place = (event.dno_id, event.year)
        if told is None or entry.version > told.version:
            self._told[entry.id] = _Told(entry.version, {place})
        elif entry.version == told.version and place not in told.places:
            told.places.add(place)
        else:
            return False
        self._told.move_to_end(entry.id)
        if len(self._told) > self._remembered:
            self._told.popitem(last=False)
        return True

    def _leave(self, channels: tuple[Channel, ...], subscriber: Subscriber) -> None:
        SUBSCRIPTIONS.dec()
        for channel in channels:
            remaining = self._subscribers[channel]
            remaining.discard(subscriber)
            if not remaining:
                del self._subscribers[channel]


class _Told(NamedTuple):
    """An entry that was moved by hand is one version in two places: news in both."""

    version: int
    places: set[tuple[UUID | None, int | None]]
