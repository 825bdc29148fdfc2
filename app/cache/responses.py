"""Whole responses in L1, under what they were read from."""

from typing import Any, NamedTuple

from app.cache.memory import Memory
from app.cache.read_set import ReadSet


class Asked(NamedTuple):
    """All of a request that its answer depends on, as it came: nothing of it has been read yet."""

    role: str
    method: str
    accept: bytes
    query_string: bytes
    body: bytes


class Kept(NamedTuple):
    """An answer that may be given again; `lifetime` is what its read set allows from now on, at most."""

    body: bytes
    media_type: str
    etag: str
    operation: str


# What a response costs beside its body and its question.
_OVERHEAD = 500


class Responses:
    """`on` is a setting; the memory below may be off for reasons of its own."""

    def __init__(self, memory: Memory, *, on: bool) -> None:
        self._memory = memory
        self._on = on

    def get(self, asked: Asked) -> Any:
        """The entry with its tags and its end, or None."""
        return self._memory.get(asked) if self._on else None

    def now(self) -> int:
        return self._memory.now()

    def keep(self, asked: Asked, kept: Kept, read_set: ReadSet, since: int) -> None:
        """Only what is public, and rests on something that can be heard of when it changes."""
        if not self._on or read_set.uncacheable is not None or not read_set.tags:
            return
        size = len(kept.body) + len(asked.body) + len(asked.query_string) + _OVERHEAD
        self._memory.keep(
            asked, kept, size=size, tags=tuple(read_set.tags), until=read_set.until, since=since
        )
