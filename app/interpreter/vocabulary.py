"""The operators as words: which of them a run of words can mean, and how a word was probably meant."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from time import sleep
from uuid import UUID

import msgspec
from rapidfuzz import process
from rapidfuzz.distance import OSA

from app.domain.dno import Alias, DirectoryEntry
from app.interpreter import grammar
from app.interpreter.codes import code_index
from app.interpreter.names import (
    GLUE,
    KINDS,
    LEGAL,
    SAME,
    Fit,
    Places,
    additions_of,
    content,
    distinguishes_place,
    forms_of,
    seats_of,
)
from app.interpreter.spelling import written

Readings = Mapping[int, Fit]  # operators by their place in `Vocabulary.operators`

MAX_FORM_WORDS = 8  # words
MAX_REORDERED_WORDS = 5  # of a name whose words may stand in any order
MIN_CORRECTED_LENGTH = 4  # letters; a shorter word has too many neighbours
TWO_SLIPS = 9  # letters from which two misspellings are corrected
SUPPLIES = 100  # connection points from which an operator supplies the place where it sits
SAME_SIZE = 4  # the ratio of connection points up to which two operators are of one size
# In a thread: the event loop then gets the interpreter at once, and not after the 5 ms that Python lets a thread run.
PER_PAUSE, PAUSE = 16, 0.0002  # operators, some 2 ms; seconds
FEW_POINTS = 20  # a seat belongs to the one operator that has so many times the others' connection points


class Operator(msgspec.Struct, frozen=True):
    id: UUID
    words: frozenset[str]
    written: frozenset[str]  # every word with its umlauts written out
    legal: frozenset[str]
    region: str
    postal_code: str
    size: int
    additions: frozenset[str]  # what distinguishes its place from others of the same name


class Vocabulary(msgspec.Struct, frozen=True):
    operators: tuple[Operator, ...]
    forms: Mapping[str, Readings]  # lexemes joined without anything between them
    reordered: Mapping[str, Readings]  # the same in alphabetical order, with a space between them
    lexemes: Mapping[str, str]  # spelling of a word in a name -> what it is compared by
    seats: frozenset[str]
    named: Mapping[str, frozenset[int]]  # lexeme -> operators with it in their name
    codes: Mapping[str, Sequence[int]]  # code -> operators
    spellings: Mapping[tuple[str, int], Sequence[str]]  # by initial (or "") and length

    @classmethod
    def of(cls, entries: Iterable[DirectoryEntry], aliases: Iterable[Alias]) -> "Vocabulary":
        return _build(tuple(entries), aliases)

    def knows(self, word: str) -> bool:
        return word in self.lexemes or word in self.forms or word in grammar.KNOWN

    def lexeme(self, word: str) -> str:
        return self.lexemes.get(word, word)

    def meant(self, word: str) -> tuple[tuple[str, ...], int]:
        """The nearest words, most likely first, and by how many slips they differ; none when nothing is near."""
        for slips in (1, 2) if len(word) >= TWO_SLIPS else (1,):
            if len(word) >= MIN_CORRECTED_LENGTH and (near := list(self._within(slips, word))):
                return tuple(sorted(near, key=lambda other: (other[0] != word[0], other))), slips
        return (), 0

    def swapped(self, word: str) -> tuple[str, ...]:
        """Two letters in each other's place: the one slip that a short word survives, as "gird" for "grid"."""
        near = self._within(1, word) if len(word) >= MIN_CORRECTED_LENGTH else ()
        return tuple(other for other in near if sorted(other) == sorted(word))

    def _within(self, slips: int, word: str) -> Iterator[str]:
        """Who slips twice begins rightly: most words need not be looked at."""
        initial = word[0] if slips > 1 else ""
        for length in range(len(word) - slips, len(word) + slips + 1):
            near = process.extract(
                word,
                self.spellings.get((initial, length), ()),
                scorer=OSA.distance,
                score_cutoff=slips,
                limit=4,
            )
            yield from (other for other, _, _ in near)


def in_any_order(lexemes: Iterable[str]) -> str:
    """The same for "Stadtwerke Bad Säckingen" and "Säckingen Bad Stadtwerke"."""
    return " ".join(sorted(lexemes))


class _Forms:
    """What is gathered while a vocabulary is made."""

    def __init__(self) -> None:
        self.found: defaultdict[str, dict[int, Fit]] = defaultdict(dict)
        self.reordered: defaultdict[str, dict[int, Fit]] = defaultdict(dict)
        self.named: defaultdict[str, set[int]] = defaultdict(set)
        self.short: set[str] = set()  # may be written as one word, and then wrongly

    def add(self, number: int, lexemes: Sequence[str], fit: Fit) -> None:
        joined = "".join(lexemes)
        if not joined or joined.isdecimal():
            return
        readings = self.found[joined]
        readings[number] = min(fit, readings.get(number, fit))
        if len(lexemes) <= 2:
            self.short.add(joined)
        if 2 <= len(lexemes) <= MAX_REORDERED_WORDS and all(map(str.isalpha, lexemes)):
            readings = self.reordered[in_any_order(lexemes)]
            readings[number] = min(max(fit, Fit.SHORT), readings.get(number, fit))

    def name(self, number: int, lexemes: Sequence[str], fit: Fit) -> None:
        """Adds it, and remembers whose words these are."""
        self.add(number, lexemes, fit)
        for word in lexemes:
            self.named[word].add(number)


def _build(entries: tuple[DirectoryEntry, ...], aliases: Iterable[Alias]) -> Vocabulary:
    places = Places.of({entry.city or "" for entry in entries})
    forms = _Forms()
    operators = tuple(_each_named(entries, places, forms))
    for seat, numbers in _seats(entries).items():
        place = [places.lexeme(word) for word in seat]
        for number, fit in numbers.items():
            its_own = fit is Fit.SEAT and operators[number].words.issuperset(place)
            if fit is Fit.SEAT or len(seat) == 1:
                forms.add(number, place, Fit.PLACE if its_own else fit)
        for number in _as_likely(place, numbers, operators, places):
            forms.add(number, place, Fit.PLACE)
        _settle(forms.found.get("".join(place), {}), seat, entries)
    by_id = {operator.id: number for number, operator in enumerate(operators)}
    for alias in aliases:
        if (number := by_id.get(alias.dno_id, -1)) >= 0:
            forms.name(number, [places.lexeme(word) for word in content(alias.alias)], Fit.SHORT)
    lexemes = KINDS | places.adjectives | {word: word for word in (*places.seats, *forms.named)} | SAME
    return Vocabulary(
        operators=operators,
        forms=dict(forms.found),
        reordered=dict(forms.reordered),
        lexemes=lexemes,
        seats=places.seats,
        named={word: frozenset(numbers) for word, numbers in forms.named.items()},
        codes=code_index(entries),
        spellings=_by_length({*forms.short, *lexemes, *grammar.CORRECTABLE}),
    )


def _each_named(entries: Sequence[DirectoryEntry], places: Places, forms: _Forms) -> Iterator[Operator]:
    for number, entry in enumerate(entries):
        if not number % PER_PAUSE:
            sleep(PAUSE)
        yield _named(number, entry, places, forms)


def _named(number: int, entry: DirectoryEntry, places: Places, forms: _Forms) -> Operator:
    """The operator, once everything that it is called has been added to the forms."""
    spelt = content(entry.name)
    lexemes = [places.lexeme(word) for word in spelt]
    forms.add(number, spelt, Fit.WHOLE)
    forms.name(number, lexemes, Fit.WHOLE)
    for form in forms_of(entry.name, entry.city, places):
        forms.add(number, form.lexemes, form.fit)
    return Operator(
        id=entry.id,
        words=frozenset(lexemes),
        written=frozenset(written(f"{entry.name} {entry.city or ''}").split()),
        legal=LEGAL.intersection(content(entry.official_name or "")),
        region="".join(content(entry.region or "")),
        postal_code=entry.postal_code or "",
        size=entry.connection_points or 0,
        additions=frozenset(additions_of(entry.name, entry.city, places)),
    )


def _settle(readings: dict[int, Fit], seat: tuple[str, ...], entries: Sequence[DirectoryEntry]) -> None:
    """Where a name belongs to a place of the same name elsewhere, who sits here fits as well: Frankfurt (Oder)."""
    here = {n for n, fit in readings.items() if fit is Fit.PLACE}
    if len(here) == len(readings):
        return
    sure = {n for n in here if _owns(entries[n], seat)}
    areas = {(entries[n].postal_code or "")[:2] for n in here}
    if sure != here:
        for number, fit in readings.items():
            if fit is Fit.SEAT and (entries[number].postal_code or "")[:2] not in areas:
                readings[number] = Fit.PLACE


def _as_likely(
    place: Sequence[str], numbers: Mapping[int, Fit], operators: Sequence[Operator], places: Places
) -> list[int]:
    """Who sits in a place beside the operator that is named after it, is of its size, and is named after no other place."""
    supplying = [operators[n] for n, fit in numbers.items() if fit is Fit.SEAT]
    own = [operator for operator in supplying if operator.words.issuperset(place)]
    largest = max((operator.size for operator in own), default=0)
    return [
        n
        for n, fit in numbers.items()
        if fit is Fit.SEAT
        and largest / SAME_SIZE <= operators[n].size <= largest * SAME_SIZE
        and largest
        and not (operators[n].words & places.seats)
    ]


def _owns(entry: DirectoryEntry, seat: tuple[str, ...]) -> bool:
    return seat in seats_of(entry.city) and distinguishes_place(entry.name) is None


def _seats(entries: Sequence[DirectoryEntry]) -> dict[tuple[str, ...], dict[int, Fit]]:
    """Who sits where. A seat alone means the operators that supply it, not an airport or a works there."""
    sitting: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, entry in enumerate(entries):
        for seat in seats_of(entry.city):
            sitting[seat].append(number)
    return {seat: _by_weight(numbers, entries) for seat, numbers in sitting.items()}


def _by_weight(numbers: list[int], entries: Sequence[DirectoryEntry]) -> dict[int, Fit]:
    open_to_all = [n for n in numbers if not (entries[n].closed_network or entries[n].transmission)]
    largest = max((_size(entries[n]) for n in open_to_all), default=0)
    supplying = {n for n in open_to_all if _size(entries[n]) * FEW_POINTS >= largest > 0}
    return {n: Fit.SEAT if n in supplying else Fit.NEAR for n in numbers}


def _size(entry: DirectoryEntry) -> int:
    """Connection points, 0 for one without customers; where they are unknown, all are alike."""
    if entry.connection_points is None:
        return SUPPLIES
    return entry.connection_points if entry.connection_points >= SUPPLIES else 0


def _by_length(words: Iterable[str]) -> dict[tuple[str, int], tuple[str, ...]]:
    """All words of a length under "", and under their initial."""
    found: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for word in sorted(words):
        if len(word) >= MIN_CORRECTED_LENGTH and word.isalpha() and word not in GLUE:
            found["", len(word)].append(word)
            found[word[0], len(word)].append(word)
    return {key: tuple(same) for key, same in found.items()}
