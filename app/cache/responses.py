"""Whole responses in L1, under what they were read from."""

import asyncio
from asyncio import Future
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol

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
# Seconds for which it waits in all: what takes longer may be held up by something that does not hold up the next.
MAX_WAIT = 1.0
# Number of requests recorded as seen once, and as stored once.
ONCE = 10_000


class Responses:
    """`on` is a setting; the memory below may be off for reasons of its own."""

    def __init__(self, memory: Memory, *, on: bool) -> None:
        self._memory = memory
        self._on = on
        self._once = SeenOnce(ONCE)
        self._stored_once = SeenOnce(ONCE)
        self._in_flight: dict[ResponseKey, list[Future[None]]] = {}
        self.found = 0  # how many were found until now

    def now(self) -> int:
        return self._memory.now()

    def get(self, key: ResponseKey | tuple[str, bytes | str]) -> Entry | None:
        entry = self._memory.get(key) if self._on else None
        if entry is not None:
            self.found += 1
        return entry

    def may_keep(self, read_set: ReadSet) -> bool:
        """Only what is public, and rests on tags that can be invalidated."""
        return self._on and read_set.uncacheable is None and bool(read_set.tags)

    def keep(self, key: ResponseKey, response: Response, read_set: ReadSet, since: int) -> None:
        if not self.may_keep(read_set):
            return
        if len(read_set.tags) > FEW_TAGS and not self._requested_before(key):
            return
        response.grown = partial(self._memory.grow, key)
        size = response.size + len(key.body) + len(key.head) + HEADERS
        stored = self._memory.keep(
            key,
            response,
            size=size,
            tags=tuple(read_set.tags),
            until=read_set.until,
            since=since,
            answer=True,
        )
        if stored:
            self._stored_once.seen_before(key)

    def is_in_flight(self, key: ResponseKey) -> bool:
        """Whether an equal request is being executed, and may be waited for."""
        return key in self._in_flight

    async def made_by_equal(self, key: ResponseKey) -> bool:
        """Waits while an equal request is executed, and then whether its response is in memory. False at once if there is none.

        A response that was overtaken by a change is not in memory: those that wait are served only what memory would serve them anyway.
        """
        if key not in self._in_flight:
            return False
        try:
            async with asyncio.timeout(MAX_WAIT):
                for _ in range(MAX_WAITS):
                    waiting = self._in_flight.get(key)
                    if waiting is None:
                        return False
                    future = asyncio.get_running_loop().create_future()
                    waiting.append(future)
                    await future
                    if self.get(key) is not None:
                        return True
        except TimeoutError:
            pass
        return False

    @contextmanager
    def in_flight(self, key: ResponseKey) -> Iterator[None]:
        """While an operation is executed and its response stored. Equal requests may wait for it if such a response was stored before."""
        if key in self._in_flight or not self._memory.enabled or not self._stored_once.contains(key):
            yield
            return
        waiting = self._in_flight[key] = []
        try:
            yield
        finally:
            del self._in_flight[key]
            for future in waiting:
                if not future.done():  # else its client has gone
                    future.set_result(None)

    def _requested_before(self, key: ResponseKey) -> bool:
        if not self._once.seen_before(key):
            return False
        self._once.forget(key)
        return True
