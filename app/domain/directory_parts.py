"""What is derived from the record of all operators, in short steps: orders, indexes, words and bits."""

from collections.abc import Generator, Mapping, Sequence
from enum import Enum, auto
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from app.domain.bits import bits_of
from app.domain.directory_pages import SORT_KEYS, DnoOrder, Ordering
from app.domain.dno import DirectoryEntry
from app.domain.folding import fold
from app.domain.operator_code import code_index
from app.stepwise import sort_stepwise

Steps: TypeAlias = Generator[None, None, Any]
_PER_STEP: Final = 500  # operators: at most 2 ms


class Part(Enum):
    """What is derived from the record of all operators, beside its orders."""

    BITS = auto()
    MASKS = auto()
    WORDS = auto()
    BY_ID = auto()
    BY_POSTAL_CODE = auto()
    BY_SLUG = auto()
    BY_CODE = auto()


class ByBit(NamedTuple):
    """The operators in the order of their ids, in which the bits of a number stand for them."""

    entries: list[DirectoryEntry]
    ids: bytes  # without anything between them, as records of held figures have them
    positions: dict[UUID, int]
    bit_of: list[int]  # by number in the record


class Masks(NamedTuple):
    """The operators with a property, as bits."""

    transmission: int
    closed_network: int
    regions: dict[str, int]  # as they are stored


def ordering(
    entries: Sequence[DirectoryEntry], by_bit: ByBit, order: DnoOrder
) -> Generator[None, None, Ordering]:
    keyed = []
    key_of = SORT_KEYS[order]
    for number, entry in enumerate(entries):
        keyed.append((key_of(entry), entry.slug, number))
        if not number % _PER_STEP:
            yield
    keyed = yield from sort_stepwise(keyed)
    yield
    found = [entries[number] for _, _, number in keyed]
    yield
    bit_of = by_bit.bit_of
    return Ordering(keyed, found, [bit_of[number] for _, _, number in keyed], order)


def by_bit(entries: Sequence[DirectoryEntry]) -> Generator[None, None, ByBit]:
    keyed = []
    for number, entry in enumerate(entries):
        keyed.append((entry.id.bytes, number))
        if not number % _PER_STEP:
            yield
    keyed = yield from sort_stepwise(keyed)
    found, positions, bit_of = [], {}, [0] * len(entries)
    for position, (_, number) in enumerate(keyed):
        found.append(entries[number])
        positions[entries[number].id] = position
        bit_of[number] = position
        if not position % _PER_STEP:
            yield
    return ByBit(found, b"".join(dno_id for dno_id, _ in keyed), positions, bit_of)


def masks(by_bit: ByBit) -> Generator[None, None, Masks]:
    entries = by_bit.entries
    yield
    transmission = bits_of([entry.transmission for entry in entries])
    yield
    closed = bits_of([entry.closed_network for entry in entries])
    yield
    flags: dict[str, bytearray] = {}
    for position, entry in enumerate(entries):
        if entry.region is not None:
            if entry.region not in flags:
                flags[entry.region] = bytearray(len(entries))
            flags[entry.region][position] = 1
        if not position % _PER_STEP:
            yield
    return Masks(transmission, closed, {region: bits_of(each) for region, each in flags.items()})


def words(by_bit: ByBit) -> Generator[None, None, list[str]]:
    found = []
    for position, entry in enumerate(by_bit.entries):
        found.append(_words_of(entry))
        if not position % _PER_STEP:
            yield
    return found


def by_postal_code(
    entries: Sequence[DirectoryEntry],
) -> Generator[None, None, dict[str, tuple[DirectoryEntry, ...]]]:
    found: dict[str, tuple[DirectoryEntry, ...]] = {}
    for number, entry in enumerate(entries):
        if entry.postal_code:
            found[entry.postal_code] = (*found.get(entry.postal_code, ()), entry)
        if not number % _PER_STEP:
            yield
    return found


def by_id(entries: Sequence[DirectoryEntry]) -> Generator[None, None, dict[UUID, DirectoryEntry]]:
    found = {}
    for number, entry in enumerate(entries):
        found[entry.id] = entry
        if not number % _PER_STEP:
            yield
    return found


def by_slug(entries: Sequence[DirectoryEntry]) -> Generator[None, None, dict[str, UUID]]:
    yield
    return {entry.slug: entry.id for entry in entries}


def by_code(entries: Sequence[DirectoryEntry]) -> Generator[None, None, Mapping[str, tuple[UUID, ...]]]:
    found: dict[str, tuple[UUID, ...]] = {}
    for start in range(0, len(entries), _PER_STEP):
        for code, ids in code_index(entries[start : start + _PER_STEP]).items():
            found[code] = (*found.get(code, ()), *ids)
        yield
    return found


def _words_of(entry: DirectoryEntry) -> str:
    texts = (entry.name, entry.official_name, entry.city, entry.slug.replace("-", " "))
    words = fold(" ".join(text for text in texts if text)).split()
    return "".join(f" {word}" for word in dict.fromkeys(words))
