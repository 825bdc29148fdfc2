"""Operators by name, tolerant of misspellings, or by code, exactly."""

import asyncio
from collections.abc import Generator, Iterable, Sequence
from heapq import nlargest
from typing import Final, Self
from uuid import UUID

import msgspec
from rapidfuzz import fuzz, process

from app.domain.dno import Alias, DirectoryEntry
from app.domain.folding import fold
from app.interpreter.codes import code_index, code_of
from app.interpreter.spelling import normalise
from app.stepwise import run_at_once, run_stepwise

MAX_QUERY_LENGTH = 200
# Below this, a match is by chance.
MIN_SCORE = 0.6
# What begins like the question is meant rather than what resembles it; a later word counts a little less.
BEGINS, WORD_BEGINS = 0.96, 0.92
# A place is where users look for an operator, not what it is called.
NAME, OFFICIAL_NAME, CITY = 1.0, 0.98, 0.9
_PER_STEP: Final = 500  # texts that are compared: some milliseconds at most
_FOLDED_PER_STEP: Final = 100  # operators


class Match(msgspec.Struct, frozen=True):
    dno_id: UUID
    score: float


class Names:
    """All names that lead to an operator, folded once: its own, the registered one, its place, its aliases."""

    def __init__(self, entries: Sequence[DirectoryEntry], aliases: Iterable[Alias] = ()) -> None:
        run_at_once(self.gather(entries, aliases))

    @classmethod
    async def made(cls, entries: Sequence[DirectoryEntry], aliases: Sequence[Alias]) -> Self:
        """In short steps, between which other tasks run."""
        names = cls(())
        await run_stepwise(names.gather(entries, aliases))
        return names

    def gather(
        self, entries: Sequence[DirectoryEntry], aliases: Iterable[Alias]
    ) -> Generator[None, None, None]:
        self._entries: dict[UUID, DirectoryEntry] = {}
        self._codes: dict[str, list[UUID]] = {}
        self._leads: dict[str, dict[UUID, float]] = {}
        for start in range(0, len(entries), _FOLDED_PER_STEP):
            some = entries[start : start + _FOLDED_PER_STEP]
            self._entries.update((entry.id, entry) for entry in some)
            for code, numbers in code_index(some).items():
                self._codes.setdefault(code, []).extend(some[number].id for number in numbers)
            for entry in some:
                self._add(entry.name, entry.id, NAME)
                self._add(entry.slug.replace("-", " "), entry.id, NAME)
                self._add(entry.official_name, entry.id, OFFICIAL_NAME)
                self._add(entry.city, entry.id, CITY)
            yield
        for alias in aliases:
            if alias.dno_id in self._entries:
                self._add(alias.alias, alias.dno_id, NAME)
        self._texts = list(self._leads)

    def search(self, query: str, first: int) -> list[Match]:
        """The best `first` operators; among equals the shorter name comes first. A code finds its operator or none."""
        return run_at_once(self.search_stepwise(query, first))

    def search_stepwise(self, query: str, first: int) -> Generator[None, None, list[Match]]:
        """The same in short steps."""
        if (code := code_of(normalise(query[:MAX_QUERY_LENGTH]))) is not None:
            return [Match(dno_id, 1.0) for dno_id in self._codes.get(code, ())[:first]]
        wanted = fold(query[:MAX_QUERY_LENGTH])[:MAX_QUERY_LENGTH].strip()
        if not wanted:
            return []
        best: dict[UUID, float] = {}
        for number, (text, score) in enumerate((yield from self._alike(wanted, first))):
            for dno_id, weight in self._leads[text].items():
                weighed = 1.0 if text == wanted and weight == NAME else score * weight
                best[dno_id] = max(best.get(dno_id, 0.0), weighed)
            if not number % _PER_STEP:
                yield
        # Few are ordered by name: those that score as high as the last one that is returned.
        least = min(nlargest(first, best.values()), default=0.0)
        likely = [found for found in best.items() if found[1] >= least]
        ranked = sorted(likely, key=lambda found: (-found[1], self._order(found[0])))
        return [Match(dno_id, round(score, 4)) for dno_id, score in ranked[:first]]

    def _alike(self, wanted: str, first: int) -> Generator[None, None, list[tuple[str, float]]]:
        cutoff, limit = MIN_SCORE * 100, 5 * first
        similar: list[tuple[str, float]] = []
        begins: list[tuple[str, float]] = []
        for start in range(0, len(self._texts), _PER_STEP):
            texts = self._texts[start : start + _PER_STEP]
            found = process.extract(wanted, texts, scorer=fuzz.WRatio, limit=limit, score_cutoff=cutoff)
            similar += [(text, score / 100) for text, score, _ in found]
            if len(wanted) > 1:
                begins += [(text, BEGINS) for text in texts if text.startswith(wanted)]
                inside = f" {wanted}"
                begins += [
                    (text, WORD_BEGINS) for text in texts if inside in text and not text.startswith(wanted)
                ]
            yield
        similar.sort(key=lambda each: -each[1])  # stable: equals stay in the order of the texts
        return similar[:limit] + begins

    def _add(self, text: str | None, dno_id: UUID, weight: float) -> None:
        if text:
            leads = self._leads.setdefault(fold(text), {})
            leads[dno_id] = max(leads.get(dno_id, 0.0), weight)

    def _order(self, dno_id: UUID) -> tuple[int, str]:
        entry = self._entries[dno_id]
        return len(entry.name), entry.slug


class LatestNames:
    """The names of the latest operators and aliases, folded once for as long as they stay."""

    def __init__(self) -> None:
        self._source: tuple[Sequence[DirectoryEntry], Sequence[Alias]] = ((), ())
        self._names = Names(())
        self._lock = asyncio.Lock()

    async def of(self, entries: Sequence[DirectoryEntry], aliases: Sequence[Alias]) -> Names:
        known_entries, known_aliases = self._source
        if known_entries is entries and known_aliases is aliases:
            return self._names
        async with self._lock:
            known_entries, known_aliases = self._source
            if known_entries != entries or known_aliases != aliases:
                self._names = await Names.made(entries, aliases)
            self._source = (entries, aliases)
            return self._names
