"""Which operators have a network at a postal code: the evidence, and its reading as shares."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from app.domain.dno import DirectoryEntry
from app.domain.entry import VoltageLevel
from app.domain.folding import fold

POSTAL_CODE: Final = re.compile(r"[0-9]{5}", re.ASCII)

_WORD: Final = re.compile(r"\w+\.?")
_UMLAUT: Final = re.compile("([aou])e")
# Words that join the addition to a name, and that are left out as often: an der Aisch, a.d. Aisch, /Aisch, (Aisch).
_JOINING_WORDS: Final = "a d i o u v b ad id ob an am auf bei beim das dem den der die im in und unter vom von vor vorm zu zum zur"
_JOINING: Final = frozenset(_JOINING_WORDS.split())


class PlaceBasis(StrEnum):
    """The evidence that an operator has a network at a postal code."""

    REGISTERED_UNITS = "REGISTERED_UNITS"
    PUBLISHED = "PUBLISHED"
    SEAT = "SEAT"


class Place(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row of evidence. `municipality` and `voltage_level` None: not stated; `locations` None: not counted."""

    dno_id: UUID
    basis: PlaceBasis
    municipality: str | None
    voltage_level: VoltageLevel | None
    locations: int | None
    source_url: str | None = None
    source_title: str | None = None


class DnoAtPlace(msgspec.Struct, frozen=True):
    """An operator at a postal code. `share`: of all counted locations there; 0 where `locations` is 0: none are counted."""

    dno_id: UUID
    share: float
    locations: int
    basis: PlaceBasis
    source_url: str | None = None
    source_title: str | None = None


def read_postal_code(text: str) -> str:
    """Raises ValueError with the rule."""
    if not POSTAL_CODE.fullmatch(text):
        raise ValueError("must be 5 digits, such as 80331")
    return text


def operators_at(
    places: Iterable[Place], city: str | None = None, voltage_level: VoltageLevel | None = None
) -> list[DnoAtPlace]:
    """The operators that a postal code's evidence names, the largest share first.

    `city` keeps the municipalities that have this name, also abbreviated, or else those that begin like it; a period behind the
    name of one abbreviates nothing. A row without municipality is of the whole postal code. `voltage_level` keeps rows of this level, and published rows that state no level.
    """
    kept = [place for place in places if voltage_level is None or _is_at(place, voltage_level)]
    if city is not None:
        kept = _in_city(kept, city)
    by_dno: dict[UUID, list[Place]] = {}
    for place in kept:
        by_dno.setdefault(place.dno_id, []).append(place)
    counts = {dno_id: _locations(rows) for dno_id, rows in by_dno.items()}
    total = sum(counts.values())
    found = [
        _at_place(rows, counts[dno_id], counts[dno_id] / total if total else 0.0)
        for dno_id, rows in by_dno.items()
    ]
    return sorted(found, key=lambda at: (-at.share, at.basis is not PlaceBasis.PUBLISHED, at.dno_id))


def seats_of(entries: Iterable[DirectoryEntry], city: str | None = None) -> list[DnoAtPlace]:
    """Operators by their seat, in the order of the entries; `city` as in `operators_at`."""
    seats = [Place(entry.id, PlaceBasis.SEAT, entry.city, None, None) for entry in entries]
    if city is not None:
        seats = _in_city(seats, city)
    return [DnoAtPlace(seat.dno_id, 0.0, 0, PlaceBasis.SEAT) for seat in seats]


def _is_at(place: Place, level: VoltageLevel) -> bool:
    if place.voltage_level is None:
        return place.basis is PlaceBasis.PUBLISHED
    return place.voltage_level is level


def _in_city(places: Sequence[Place], city: str) -> list[Place]:
    """Names of one municipality differ in additions: Halle and Halle (Saale), Frankfurt a.M. and Frankfurt am Main."""
    wanted = _words(city)
    names = {place.municipality: _words(place.municipality) for place in places if place.municipality}
    if (in_full := [word.rstrip(".") for word in wanted]) in names.values():
        wanted = in_full  # "Hof." is Hof, and not Hofheim
    same = {
        name for name, words in names.items() if len(words) == len(wanted) and _begin_alike(words, wanted)
    }
    similar = same or {name for name, words in names.items() if wanted and _begin_alike(words, wanted)}
    return [place for place in places if place.municipality is None or place.municipality in similar]


def _words(name: str) -> list[str]:
    """Folded, with ae, oe and ue like ä, ö and ü, without words that join others. An abbreviation ends with a period."""
    found = _WORD.findall(_UMLAUT.sub(r"\1", fold(name)))
    words = [f"{word}." if word == "st" or (i and len(word) == 1) else word for i, word in enumerate(found)]
    if words and len(words[0]) <= len("B."):
        words[0] = words[0].rstrip(".")  # the first letter alone names no municipality
    return [
        word
        for i, word in enumerate(words)
        if i == 0 or word.rstrip(".") not in _JOINING or (i == len(words) - 1 and _is_an_initial(word))
    ]


def _is_an_initial(word: str) -> bool:
    """Of the addition, as in Neustadt a.d.D., and no joining word."""
    return len(word) == len("D.") and word.endswith(".")


def _begin_alike(words: Sequence[str], wanted: Sequence[str]) -> bool:
    return all(_alike(word, other) for word, other in zip(words, wanted, strict=False))


def _alike(word: str, other: str) -> bool:
    return word == other or _abbreviates(word, other) or _abbreviates(other, word)


def _abbreviates(short: str, word: str) -> bool:
    """Whether `short` is an abbreviation of the word, as M. of Main and OPf. of Oberpfalz: it has some of its letters, in order."""
    if not short.endswith(".") or short[0] != word[0]:
        return False
    left = iter(word)
    return all(letter in left for letter in short[:-1])


def _locations(rows: Sequence[Place]) -> int:
    """Registered units, or else the number that is published: they count the same locations."""
    registered = sum(row.locations or 0 for row in rows if row.basis is PlaceBasis.REGISTERED_UNITS)
    return registered or sum(row.locations or 0 for row in rows)


def _at_place(rows: Sequence[Place], locations: int, share: float) -> DnoAtPlace:
    """What the operator publishes is the better evidence."""
    best = next((row for row in rows if row.basis is PlaceBasis.PUBLISHED), rows[0])
    return DnoAtPlace(best.dno_id, share, locations, best.basis, best.source_url, best.source_title)
