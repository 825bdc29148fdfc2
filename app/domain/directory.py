"""All operators: their orders, indexes and selections."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import is_
from typing import Any, Final, TypeVar
from uuid import UUID

from app.domain import directory_parts as parts
from app.domain.bits import bits_of
from app.domain.directory_pages import DnoOrder, Ordering
from app.domain.directory_parts import ByBit, Masks, Part, Steps
from app.domain.directory_record import DirectoryRecord, unpack
from app.domain.dno import DirectoryEntry
from app.domain.held_bits import held_in
from app.domain.held_figures import ANY_YEAR, HeldBits, HeldInDirectory, HeldOfYear, united
from app.stepwise import run_at_once, run_stepwise

T = TypeVar("T")


class Directory:
    """The record of all operators, with orders and indexes that are derived from it once."""

    def __init__(self, entries: Sequence[DirectoryEntry]) -> None:
        self.entries = entries
        self._parts: dict[Part | DnoOrder, Any] = {}
        self._held: dict[int | None, tuple[object, Any]] = {}
        self._lock = asyncio.Lock()
        # The entries of operators that it has not, of these records of held figures.
        self.entries_of_deleted: tuple[Records, Any] | None = None

    async def prepare(self, *wanted: "Part | DnoOrder") -> None:
        """Derives these parts in short steps. What has not been prepared is derived at once when it is used."""
        if all(part in self._parts for part in wanted):
            return
        async with self._lock:
            for part in (Part.BITS, *wanted):  # others are derived from the first
                if part not in self._parts:
                    self._parts[part] = await run_stepwise(self._derive(part))

    def _part(self, part: "Part | DnoOrder") -> Any:
        found = self._parts.get(part)
        if found is None:
            found = self._parts[part] = run_at_once(self._derive(part))
        return found

    def _derive(self, part: "Part | DnoOrder") -> Steps:
        if isinstance(part, DnoOrder):
            return parts.ordering(self.entries, self.by_bit, part)
        return _DERIVED[part](self)

    def in_order(self, order: DnoOrder) -> Ordering:
        ordering: Ordering = self._part(order)
        return ordering

    @property
    def by_bit(self) -> ByBit:
        found: ByBit = self._part(Part.BITS)
        return found

    @property
    def masks(self) -> Masks:
        found: Masks = self._part(Part.MASKS)
        return found

    def bits_of(self, dno_ids: Iterable[UUID]) -> int:
        """These operators as bits; others are left out."""
        positions = self.by_bit.positions
        flags = bytearray(len(self.entries))
        for dno_id in dno_ids:
            if (position := positions.get(dno_id)) is not None:
                flags[position] = 1
        return bits_of(flags)

    def held(self, year: int, held: HeldOfYear | None) -> HeldInDirectory:
        """The record of a year as bits, converted once."""
        if held is None:
            return HeldInDirectory()  # of a year without figures, which may be any number
        return self._remembered(year, held, lambda: held_in(self.by_bit, held))

    def held_of_any(self, years: Mapping[int, HeldOfYear | None]) -> tuple[HeldBits, ...]:
        """The same of all these years together."""
        records = Records(years.values())
        of_years = [self.held(year, held).figures for year, held in years.items()]
        return self._remembered(ANY_YEAR, records, lambda: united(of_years))

    def _remembered(self, year: int | None, held: object, convert: Callable[[], T]) -> T:
        known = self._held.get(year)
        if known is None or (known[0] is not held and known[0] != held):
            known = self._held[year] = (held, convert())
        found: T = known[1]
        return found

    @property
    def all_operators(self) -> int:
        """All operators as bits."""
        return (1 << len(self.entries)) - 1

    @property
    def regions(self) -> Collection[str]:
        """As they are stored."""
        return [region for region in self.masks.regions if region]

    @property
    def words(self) -> list[str]:
        """The words by which an operator is searched, folded, each preceded by a space; by bit."""
        found: list[str] = self._part(Part.WORDS)
        return found

    def with_prefixes(self, prefixes: Iterable[str]) -> int:
        """The operators of which each of these folded texts is the prefix of a word."""
        found = -1
        for prefix in prefixes:
            start = f" {prefix}"
            found &= bits_of([start in text for text in self.words])
        return found & self.all_operators

    @property
    def by_id(self) -> dict[UUID, DirectoryEntry]:
        found: dict[UUID, DirectoryEntry] = self._part(Part.BY_ID)
        return found

    @property
    def by_postal_code(self) -> dict[str, tuple[DirectoryEntry, ...]]:
        """By the postal code of the seat."""
        found: dict[str, tuple[DirectoryEntry, ...]] = self._part(Part.BY_POSTAL_CODE)
        return found

    @property
    def ids_by_code(self) -> Mapping[str, tuple[UUID, ...]]:
        found: Mapping[str, tuple[UUID, ...]] = self._part(Part.BY_CODE)
        return found

    @property
    def id_by_slug(self) -> dict[str, UUID]:
        found: dict[str, UUID] = self._part(Part.BY_SLUG)
        return found


class Directories:
    """The directory of the latest record, derived again only if the record's content has changed."""

    def __init__(self) -> None:
        self._record = DirectoryRecord()
        self._latest = Directory(())
        self._lock = asyncio.Lock()

    async def of(self, record: DirectoryRecord | None) -> Directory:
        """Without a record: of no operators."""
        record = record or DirectoryRecord()
        if self._record is record:
            return self._latest
        async with self._lock:
            # Compared by content: after an eviction from L1 an equal record is read again.
            if self._record != record:
                self._latest = Directory(await run_stepwise(unpack(record)))
            self._record = record
            return self._latest


class Records:
    """The records of several years; equal if they are the same objects."""

    def __init__(self, records: Iterable[object]) -> None:
        self._records = tuple(records)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Records)
            and len(self._records) == len(other._records)
            and all(map(is_, self._records, other._records))
        )

    __hash__ = None  # type: ignore[assignment]


_DERIVED: Final[Mapping[Part, Callable[[Directory], Steps]]] = {
    Part.BITS: lambda directory: parts.by_bit(directory.entries),
    Part.MASKS: lambda directory: parts.masks(directory.by_bit),
    Part.WORDS: lambda directory: parts.words(directory.by_bit),
    Part.BY_ID: lambda directory: parts.by_id(directory.entries),
    Part.BY_POSTAL_CODE: lambda directory: parts.by_postal_code(directory.entries),
    Part.BY_SLUG: lambda directory: parts.by_slug(directory.entries),
    Part.BY_CODE: lambda directory: parts.by_code(directory.entries),
}
