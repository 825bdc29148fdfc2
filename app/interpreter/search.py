"""Operators by name, tolerant of misspellings, or by code, exactly."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec
from rapidfuzz import fuzz, process

from app.domain.dno import Alias, DirectoryEntry
from app.domain.folding import fold
from app.interpreter.codes import code_index, code_of
from app.interpreter.spelling import normalise

MAX_QUERY_LENGTH = 200
# Below this, a match is by chance.
MIN_SCORE = 0.6
# What begins like the question is meant rather than what resembles it; a later word counts a little less.
BEGINS, WORD_BEGINS = 0.96, 0.92
# A place is where users look for an operator, not what it is called.
NAME, OFFICIAL_NAME, CITY = 1.0, 0.98, 0.9


class Match(msgspec.Struct, frozen=True):
    dno_id: UUID
    score: float


class Names:
    """All names that lead to an operator, folded once: its own, the registered one, its place, its aliases."""

    def __init__(self, entries: Sequence[DirectoryEntry], aliases: Iterable[Alias] = ()) -> None:
        self._entries = {entry.id: entry for entry in entries}
        self._codes = {
            code: [entries[number].id for number in numbers] for code, numbers in code_index(entries).items()
        }
        self._leads: dict[str, dict[UUID, float]] = {}
        for entry in entries:
            self._add(entry.name, entry.id, NAME)
            self._add(entry.slug.replace("-", " "), entry.id, NAME)
            self._add(entry.official_name, entry.id, OFFICIAL_NAME)
            self._add(entry.city, entry.id, CITY)
        for alias in aliases:
            if alias.dno_id in self._entries:
                self._add(alias.alias, alias.dno_id, NAME)
        self._texts = list(self._leads)

    def search(self, query: str, first: int) -> list[Match]:
        """The best `first` operators; among equals the shorter name comes first. A code finds its operator or none."""
        if (code := code_of(normalise(query[:MAX_QUERY_LENGTH]))) is not None:
            return [Match(dno_id, 1.0) for dno_id in self._codes.get(code, ())[:first]]
        wanted = fold(query[:MAX_QUERY_LENGTH])[:MAX_QUERY_LENGTH].strip()
        if not wanted:
            return []
        best: dict[UUID, float] = {}
        for text, score in self._alike(wanted, first):
            for dno_id, weight in self._leads[text].items():
                weighed = 1.0 if text == wanted and weight == NAME else score * weight
                best[dno_id] = max(best.get(dno_id, 0.0), weighed)
        ranked = sorted(best.items(), key=lambda found: (-found[1], self._order(found[0])))
        return [Match(dno_id, round(score, 4)) for dno_id, score in ranked[:first]]

    def _alike(self, wanted: str, first: int) -> Iterable[tuple[str, float]]:
        cutoff = MIN_SCORE * 100
        for text, score, _ in process.extract(
            wanted, self._texts, scorer=fuzz.WRatio, limit=5 * first, score_cutoff=cutoff
        ):
            yield text, score / 100
        if len(wanted) > 1:
            for text in self._texts:
                if text.startswith(wanted):
                    yield text, BEGINS
                elif f" {wanted}" in text:
                    yield text, WORD_BEGINS

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

    def of(self, entries: Sequence[DirectoryEntry], aliases: Sequence[Alias]) -> Names:
        known_entries, known_aliases = self._source
        if known_entries is not entries or known_aliases is not aliases:
            if known_entries != entries or known_aliases != aliases:
                self._names = Names(entries, aliases)
            self._source = (entries, aliases)
        return self._names
