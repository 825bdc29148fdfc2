"""Whole responses in L1, under what they were read from."""

import asyncio
from asyncio import Future, TimerHandle
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, TypeAlias

from app.cache.clock import monotonic
from app.cache.memory import Entry, Memory
from app.cache.read_set import ReadSet
from app.seen_once import SeenOnce


class ResponseKey(NamedTuple):
    """All of a request that its answer depends on: nothing of the body has been read yet.

    `head`: one text for all of the head that matters, made by `head_of`. `body`: made by `body_of`.
    """

    head: str
    body: bytes | str


def body_of(body: bytes) -> bytes | str:
    """The body itself, or a digest of a long one: a key is never much larger than an answer.

    The digest is text, so that no body is equal to it.
    """
    return body if len(body) <= MAX_BODY_IN_KEY else blake2b(body, digest_size=32).hexdigest()


def head_of(*parts: object) -> str:
    """Different parts never make the same text."""
    return repr(parts)


class Response(Protocol):
    """What is cached: app/http/cached_response.py. `grown`: called when it takes more bytes."""

    grown: Callable[[Any, int], None] | None

    @property
    def size(self) -> int:
        """Bytes of the body and of headers of its own."""


# Bytes of a body beyond which it stands for itself as a digest.
MAX_BODY_IN_KEY = 1024
# What an answer takes beside its body and its key: the headers that it is given again with.
HEADERS = 1000
# Responses with more tags than this are stored on their second request: maintaining the tag index
# costs more than a cache hit saves for lists, which are rarely requested twice.
FEW_TAGS = 16
# How often a request waits for an equal one before it is executed itself: the first may be overtaken by the change that
# evicted the response.
MAX_WAITS = 3
# Seconds for which requests wait for the same one: what takes longer may be held up by something that does not hold up the next.
MAX_WAIT = 1.0
# Number of requests recorded as seen once, and as answered with a public response.
ONCE = 10_000


class Made:
    """A response that was just made, for the requests that wait for it. `since`: L1's time before anything was read for it."""

    __slots__ = ("since", "tags", "until", "value")

    def __init__(self, value: Any, tags: Collection[str], until: float, since: int) -> None:
        self.value = value
        self.tags = tags
        self.until = until
        self.since = since


# Called with the response, or None if there is none that may be served. Must not raise.
GoOn: TypeAlias = "Callable[[Made | Entry | None], None]"


class InFlight:
    """While an operation is executed and its response made: the equal requests that wait for it, for MAX_WAIT seconds at most."""

    __slots__ = ("_key", "_responses", "_timer", "made", "waiting")

    def __init__(self, responses: "Responses", key: ResponseKey) -> None:
        self._responses = responses
        self._key = key
        self._timer: TimerHandle | None = None
        self.waiting: list[GoOn] = []
        self.made: Made | None = None

    def add(self, go_on: GoOn) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MAX_WAIT, self.end)
        self.waiting.append(go_on)

    def end(self) -> None:
        """Those that wait go on at once, with the response if there is one: their clients' next requests arrive together, and share statements."""
        if self._timer is not None:
            self._timer.cancel()
        self._responses.forget(self._key, self)
        waiting, self.waiting = self.waiting, []
        if waiting:
            made = self._responses.latest(self._key, self.made)
            for go_on in waiting:
                go_on(made)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self.end()


class Responses:
    """`on` is a setting; the memory below may be off for reasons of its own."""

    def __init__(self, memory: Memory, *, on: bool) -> None:
        self._memory = memory
        self._on = on
        self._once = SeenOnce(ONCE)
        self._public_once = SeenOnce(ONCE)
        self._in_flight: dict[ResponseKey, InFlight] = {}
        self.found = 0  # how many were found until now

    def now(self) -> int:
        return self._memory.now()

    def get(self, key: ResponseKey | tuple[str, bytes | str]) -> Entry | None:
        entry = self._memory.get(key) if self._on else None
        if entry is not None:
            self.found += 1
        return entry

    def is_wanted(self, key: ResponseKey, read_set: ReadSet) -> bool:
        """Whether to `store` the response: it is public, rests on tags that can be invalidated, and is worth it. To be asked once for each."""
        if read_set.uncacheable is not None or not read_set.has_tags():
            return False
        if self._awaited(key) is not None:
            return True
        if not self._on:
            self._public_once.seen_before(key)
            return False
        return not read_set.has_more_tags_than(FEW_TAGS) or self._requested_before(key)

    def keep(self, key: ResponseKey, response: Response, read_set: ReadSet, since: int) -> None:
        """Stores it if it is wanted."""
        if self.is_wanted(key, read_set):
            self.store(key, response, read_set, since)

    def store(self, key: ResponseKey, response: Response, read_set: ReadSet, since: int) -> None:
        """For those that wait for it and, unless the setting is off, for later requests."""
        tags = tuple(read_set.tags)
        if (in_flight := self._awaited(key)) is not None:
            in_flight.made = Made(response, tags, read_set.until, since)
        if not self._on:
            return
        response.grown = partial(self._memory.grow, key)
        size = response.size + len(key.body) + len(key.head) + HEADERS
        stored = self._memory.keep(
            key, response, size=size, tags=tags, until=read_set.until, since=since, answer=True
        )
        if stored:
            self._public_once.seen_before(key)

    def begin(self, key: ResponseKey) -> InFlight | None:
        """An operation is executed, until `end`; equal requests may wait for it. None if they may not: no such response was public before."""
        if key in self._in_flight or not self._memory.enabled or not self._public_once.contains(key):
            return None
        in_flight = self._in_flight[key] = InFlight(self, key)
        return in_flight

    def executing(self, key: ResponseKey) -> AbstractContextManager[None]:
        """The same as a block."""
        return self.begin(key) or _NONE_WAITS

    def in_flight(self, key: ResponseKey) -> InFlight | None:
        """An equal request that is being executed, and may be waited for."""
        return self._in_flight.get(key)

    def _awaited(self, key: ResponseKey) -> InFlight | None:
        """The same if others wait for it."""
        in_flight = self._in_flight.get(key)
        return in_flight if in_flight is not None and in_flight.waiting else None

    def forget(self, key: ResponseKey, in_flight: InFlight) -> None:
        if self._in_flight.get(key) is in_flight:
            del self._in_flight[key]

    def latest(self, key: ResponseKey, made: Made | Entry | None) -> Made | Entry | None:
        """The response in memory, or this one if memory might hold it: if no change has overtaken it."""
        entry = self.get(key)
        if entry is not None or not isinstance(made, Made) or made.until <= monotonic():
            return entry
        return made if self._memory.is_current(made.tags, made.since) else None

    async def made_by_equal(self, key: ResponseKey) -> Entry | Made | None:
        """Waits while an equal request is executed, then returns its response. None at once if there is none.

        A response that was overtaken by a change is not returned, as memory would not return it either.
        """
        for _ in range(MAX_WAITS):
            in_flight = self._in_flight.get(key)
            if in_flight is None:
                return None
            future: Future[Made | Entry | None] = asyncio.get_running_loop().create_future()
            in_flight.add(partial(_wake, future))
            # Asked again: this task goes on in the next iteration of the event loop.
            if (made := self.latest(key, await future)) is not None:
                return made
        return None

    def _requested_before(self, key: ResponseKey) -> bool:
        if not self._once.seen_before(key):
            return False
        self._once.forget(key)
        return True


_NONE_WAITS: AbstractContextManager[None] = nullcontext()


def _wake(future: Future[Made | Entry | None], made: Made | Entry | None) -> None:
    if not future.done():  # else its client has gone
        future.set_result(made)
