"""The vocabulary of the latest operators and aliases, worked out once for as long as they stay."""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from app.domain.dno import Alias, DirectoryEntry
from app.interpreter.vocabulary import Vocabulary


class Vocabularies:
    """Made in a thread: it takes longer than a request should wait for a stranger's."""

    def __init__(self) -> None:
        self._source: tuple[Sequence[DirectoryEntry], Sequence[Alias]] | None = None
        self._latest: asyncio.Task[tuple[Vocabulary, str]] | None = None

    async def of(self, entries: Sequence[DirectoryEntry], aliases: Sequence[Alias]) -> tuple[Vocabulary, str]:
        """The vocabulary, and a fingerprint that differs whenever it does."""
        if self._latest is None or not self._same(entries, aliases):
            self._source = (entries, aliases)
            self._latest = asyncio.create_task(asyncio.to_thread(_make, entries, aliases))
        return await asyncio.shield(self._latest)

    def _same(self, entries: Sequence[DirectoryEntry], aliases: Sequence[Alias]) -> bool:
        if self._source is None or self._latest is None or (self._latest.done() and self._latest.exception()):
            return False
        known_entries, known_aliases = self._source
        if known_entries is not entries or known_aliases is not aliases:
            if known_entries != entries or known_aliases != aliases:
                return False
            self._source = (entries, aliases)
        return True


def _make(entries: Sequence[DirectoryEntry], aliases: Sequence[Alias]) -> tuple[Vocabulary, str]:
    source = msgspec.msgpack.encode((tuple(entries), tuple(aliases)))
    return Vocabulary.of(entries, aliases), blake2b(source, digest_size=12).hexdigest()
