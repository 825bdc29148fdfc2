"""Whole responses in L1, under what they were read from."""

from hashlib import blake2b
from typing import NamedTuple, Protocol

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
    """What is cached: app/http/cached_response.py."""

    body: bytes


# Bytes of a body beyond which it stands for itself as a digest.
MAX_BODY_IN_KEY = 1024
# What an answer takes beside its body and its key: the headers that it is given again with.
HEADERS = 1000
# Answers that rest on more tags than this are kept when they are asked for a second time: entering
# and leaving the tag index costs more than most lists, which are rarely requested twice, are worth.
FEW_TAGS = 16
# So many questions are remembered as asked once.
ONCE = 10_000


class Responses:
    """`on` is a setting; the memory below may be off for reasons of its own."""

    def __init__(self, memory: Memory, *, on: bool) -> None:
        self._memory = memory
        self._on = on
        self._once = SeenOnce(ONCE)

    def now(self) -> int:
        return self._memory.now()

    def get(self, asked: ResponseKey) -> Entry | None:
        return self._memory.get(asked) if self._on else None

    def keep(self, asked: ResponseKey, kept: Response, read_set: ReadSet, since: int) -> None:
        """Only what is public, and rests on tags that can be invalidated."""
        if not self._on or read_set.uncacheable is not None or not read_set.tags:
            return
        if len(read_set.tags) > FEW_TAGS and not self._asked_before(asked):
            return
        size = len(kept.body) + len(asked.body) + len(asked.head) + HEADERS
        self._memory.keep(
            asked,
            kept,
            size=size,
            tags=tuple(read_set.tags),
            until=read_set.until,
            since=since,
            answer=True,
        )

    def _asked_before(self, asked: ResponseKey) -> bool:
        if not self._once.seen_before(asked):
            return False
        self._once.forget(asked)
        return True
