"""The operators as words: which of them a run of words can mean, and how a word was probably meant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from uuid import UUID

import msgspec
from rapidfuzz import process
from rapidfuzz.distance import OSA

from app.domain.dno import Alias, DirectoryEntry
from app.interpreter import grammar
from app.interpreter.names import (
    GLUE,
    KINDS,
    LEGAL,
    Fit,
    Places,
    content,
    forms,
    is_seat,
    lexeme,
)
from app.interpreter.spelling import Token

Readings = Mapping[int, Fit]  # operators by their place in `Vocabulary.operators`

LONGEST_FORM = 7  # words
SHORTEST_CORRECTED = 4  # letters; a shorter word has too many neighbours
TWO_SLIPS = 9  # letters from which two slips of the pen are forgiven
SUPPLIES = 100  # connection points from which an operator supplies the place where it sits
FEW_POINTS = 20  # a seat belongs to the one operator that has so many times the others' connection points


class Operator(msgspec.Struct, frozen=True):
    id: UUID
    words: frozenset[str]
    legal: frozenset[str]
    region: str
    postal_code: str
    size: int


class Vocabulary(msgspec.Struct, frozen=True):
    operators: tuple[Operator, ...]
    forms: Mapping[str, Readings]  # lexemes joined without anything between them
    lexemes: Mapping[str, str]  # spelling of a word in a name -> what it is compared by
    named: Mapping[str, frozenset[int]]  # lexeme -> operators with it in their name
    spellings: Mapping[int, Sequence[str]]  # what may be written wrongly, by length

    @classmethod
    def of(cls, entries: Iterable[DirectoryEntry], aliases: Iterable[Alias]) -> "Vocabulary":
        return _build(tuple(entries), aliases)

    def knows(self, word: str) -> bool:
        return word in self.lexemes or word in self.forms or word in grammar.WORDS

    def lexeme(self, word: str) -> str:
        return self.lexemes.get(word, word)

    def meant(self, word: str) -> tuple[str, ...]:
        """The nearest words, most likely first; none when nothing is near."""
        if len(word) < SHORTEST_CORRECTED:
            return ()
        slips = 2 if len(word) >= TWO_SLIPS else 1
        near = chain.from_iterable(
            process.extract(
                word,
                self.spellings.get(length, ()),
                scorer=OSA.distance,
                score_cutoff=slips,
                limit=4,
            )
            for length in range(len(word) - slips, len(word) + slips + 1)
        )
        ranked = sorted((distance, other[0] != word[0], other) for other, distance, _ in near)
        return tuple(other for distance, _, other in ranked if distance == ranked[0][0])


def _build(entries: tuple[DirectoryEntry, ...], aliases: Iterable[Alias]) -> Vocabulary:
    places = Places.of({entry.city or "" for entry in entries})
    adjectives = places.adjectives
    found: defaultdict[str, dict[int, Fit]] = defaultdict(dict)
    named: defaultdict[str, set[int]] = defaultdict(set)
    operators = [_operator(entry, adjectives) for entry in entries]
    short: set[str] = set()

    def add(number: int, lexemes: Sequence[str], fit: Fit) -> None:
        joined = "".join(lexemes)
        if not joined or joined.isdecimal():
            return
        readings = found[joined]
        readings[number] = min(fit, readings.get(number, fit))
        if len(lexemes) <= 2:
            short.add(joined)

    for number, entry in enumerate(entries):
        for form in forms(entry.name, entry.city, places):
            add(number, form.lexemes, form.fit)
        for word in operators[number].words:
            named[word].add(number)
    for seat, numbers in _seats(entries).items():
        for number, fit in numbers.items():
            add(number, [lexeme(word, adjectives) for word in seat], fit)
    by_id = {operator.id: number for number, operator in enumerate(operators)}
    for alias in aliases:
        if (number := by_id.get(alias.dno_id, -1)) >= 0:
            words = [lexeme(word, adjectives) for word in content(alias.alias)]
            add(number, words, Fit.WHOLE)
            for word in words:
                named[word].add(number)
    lexemes = KINDS | adjectives | {word: word for word in (*places.seats, *named)}
    return Vocabulary(
        operators=tuple(operators),
        forms=dict(found),
        lexemes=lexemes,
        named={word: frozenset(numbers) for word, numbers in named.items()},
        spellings=_by_length({*short, *lexemes, *grammar.WORDS}),
    )


def _operator(entry: DirectoryEntry, adjectives: dict[str, str]) -> Operator:
    return Operator(
        id=entry.id,
        words=frozenset(lexeme(word, adjectives) for word in content(entry.name)),
        legal=LEGAL.intersection(content(entry.official_name or "")),
        region="".join(content(entry.region or "")),
        postal_code=entry.postal_code or "",
        size=entry.connection_points or 0,
    )


def _seats(entries: Sequence[DirectoryEntry]) -> dict[tuple[str, ...], dict[int, Fit]]:
    """Who sits where. A seat alone means the operators that supply it, not an airport or a works there."""
    sitting: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, entry in enumerate(entries):
        for seat in is_seat(entry.city):
            sitting[seat].append(number)
    return {seat: _by_weight(numbers, entries) for seat, numbers in sitting.items()}


def _by_weight(numbers: list[int], entries: Sequence[DirectoryEntry]) -> dict[int, Fit]:
    open_to_all = [n for n in numbers if not (entries[n].closed_network or entries[n].transmission)]
    largest = max((_size(entries[n]) for n in open_to_all), default=0)
    supplying = {n for n in open_to_all if _size(entries[n]) * FEW_POINTS >= largest > 0}
    return {n: Fit.SEAT if n in supplying else Fit.NEAR for n in numbers}


def _size(entry: DirectoryEntry) -> int:
    """Connection points, 0 for one that supplies nobody; where they are unknown, all are alike."""
    if entry.connection_points is None:
        return SUPPLIES
    return entry.connection_points if entry.connection_points >= SUPPLIES else 0


def _by_length(words: Iterable[str]) -> dict[int, tuple[str, ...]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for word in sorted(words):
        if len(word) >= SHORTEST_CORRECTED and word.isalpha() and word not in GLUE:
            found[len(word)].append(word)
    return {length: tuple(same) for length, same in found.items()}


__all__ = ["Operator", "Readings", "Token", "Vocabulary"]
