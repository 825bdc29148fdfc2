"""The vocabulary of the latest operators and aliases, worked out once for as long as they stay."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from itertools import count
from typing import Final, TypeAlias

import msgspec

from app.domain.dno import Alias, DirectoryEntry
from app.interpreter.vocabulary import Vocabulary

_PER_PART: Final = 500  # operators
Source: TypeAlias = tuple[Sequence[DirectoryEntry], Sequence[Alias]]


class Vocabularies:
    """Made in a thread: it takes longer than a request should wait for the vocabulary of another.

    One is made at a time. While an import changes one operator after the other, a question waits for
    the one that is being made and at most one more, and what lies between is never made.
    """

    def __init__(self) -> None:
        self._source: Source = ((), ())
        self._made: tuple[Vocabulary, str] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._moments = count(1)
        self._read_at = 0

    async def of(self, read: Callable[[], Awaitable[Source]]) -> tuple[Vocabulary, str]:
        """The vocabulary, and a fingerprint that differs whenever it does; both of what is true now."""
        asked_at = next(self._moments)
        made = self._made_of(await read())
        if made is not None:
            return made
        async with self._one_at_a_time:
            latest = self._made
            return latest if latest and self._read_at > asked_at else await self._renew(read)

    async def _renew(self, read: Callable[[], Awaitable[Source]]) -> tuple[Vocabulary, str]:
        read_at = next(self._moments)
        source = await read()
        made = self._made_of(source)
        if made is None:
            made = await asyncio.to_thread(_make, *source)
        self._source, self._made, self._read_at = source, made, read_at
        return made

    def _made_of(self, source: Source) -> tuple[Vocabulary, str] | None:
        if any(new is not known for new, known in zip(source, self._source, strict=True)):
            if source != self._source:
                return None
            self._source = source  # the same to the letter: the next look compares no letters
        return self._made


def _make(entries: Sequence[DirectoryEntry], aliases: Sequence[Alias]) -> tuple[Vocabulary, str]:
    source = blake2b(digest_size=12)
    for start in range(
        0, len(entries), _PER_PART
    ):  # encoding holds up the event loop, though it is another thread
        source.update(msgspec.msgpack.encode(entries[start : start + _PER_PART]))
    source.update(msgspec.msgpack.encode(tuple(aliases)))
    return Vocabulary.of(entries, aliases), source.hexdigest()
