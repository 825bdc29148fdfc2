"""Operators by name, spelling forgiven."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from rapidfuzz import fuzz, process

from app.domain.directory import fold
from app.domain.dno import DirectoryEntry

MOST_LETTERS = 200
# Below this, a match says more about the letters of the alphabet than about the operator.
LEAST_SCORE = 0.6


class Match(msgspec.Struct, frozen=True):
    dno_id: UUID
    score: float


def search(query: str, entries: Sequence[DirectoryEntry], first: int) -> list[Match]:
    """The best `first` operators; among equals the better known name (the shorter) comes first."""
    wanted = fold(query[:MOST_LETTERS]).strip()
    if not wanted:
        return []
    best: dict[UUID, float] = {}
    for names, weight in (
        ([fold(entry.name) for entry in entries], 1.0),
        ([fold(entry.official_name or "") for entry in entries], 0.98),
        ([fold(entry.city or "") for entry in entries], 0.9),
        ([entry.slug.replace("-", " ") for entry in entries], 1.0),
    ):
        for _, score, index in process.extract(
            wanted, names, scorer=fuzz.WRatio, limit=5 * first, score_cutoff=LEAST_SCORE * 100
        ):
            entry_id, weighed = entries[index].id, score / 100 * weight
            best[entry_id] = max(best.get(entry_id, 0), weighed if names[index] != wanted else 1.0)
    lengths = {entry.id: (len(entry.name), entry.slug) for entry in entries if entry.id in best}
    ranked = sorted(best.items(), key=lambda item: (-item[1], lengths[item[0]]))
    return [Match(entry_id, round(score, 4)) for entry_id, score in ranked[:first]]
