"""All operators in each sort order, and pages of these lists."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property, lru_cache
from math import inf
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from app.domain.dno import DirectoryEntry
from app.domain.folding import fold
from app.domain.held_figures import HeldBits, HeldFigures
from app.domain.operator_code import code_index
from app.errors import BadInput


class DnoOrder(StrEnum):
    NAME = "NAME"
    SLUG = "SLUG"
    CITY = "CITY"
    REGION = "REGION"
    CONNECTION_POINTS = "CONNECTION_POINTS"
    UPDATED_AT = "UPDATED_AT"


_LAST: Final = "\U0010ffff"  # behind every text
_OF_TEXTS: Final = (DnoOrder.NAME, DnoOrder.SLUG, DnoOrder.CITY, DnoOrder.REGION)

# The sort key of each order; ties are broken by the slug, which is unique.
_SORT_KEYS: dict[DnoOrder, Callable[[DirectoryEntry], Any]] = {
    DnoOrder.NAME: lambda entry: fold(entry.name),
    DnoOrder.SLUG: lambda entry: entry.slug,
    DnoOrder.CITY: lambda entry: fold(entry.city or "") or _LAST,
    DnoOrder.REGION: lambda entry: fold(entry.region or "") or _LAST,
    DnoOrder.CONNECTION_POINTS: lambda entry: (
        inf if entry.connection_points is None else -entry.connection_points
    ),
    DnoOrder.UPDATED_AT: lambda entry: -entry.updated_at.timestamp(),
}


class Position(NamedTuple):
    """The position of an operator in a sort order; valid also after the operator is deleted."""

    key: Any
    slug: str


class Page(msgspec.Struct, frozen=True):
    """`total` counts the matches of the filter on all pages, `before` those on the pages before this one."""

    entries: tuple[DirectoryEntry, ...]
    order: DnoOrder
    before: int
    total: int
    selection: Any = None  # what a filter let through, for counts of its other values

    @property
    def has_previous(self) -> bool:
        return self.before > 0

    @property
    def has_next(self) -> bool:
        return self.before + len(self.entries) < self.total

    @property
    def start_cursor(self) -> str | None:
        return write_cursor(self.entries[0], self.order) if self.entries else None

    @property
    def end_cursor(self) -> str | None:
        return write_cursor(self.entries[-1], self.order) if self.entries else None


class Ordering:
    """The operators in one order."""

    def __init__(self, entries: Sequence[DirectoryEntry], order: DnoOrder) -> None:
        positioned = sorted(((_position(entry, order), entry) for entry in entries), key=lambda pair: pair[0])
        self.positions = [position for position, _ in positioned]
        self.entries = [entry for _, entry in positioned]
        self._order = order

    def page(
        self,
        first: int,
        after: Position | None,
        keep: Callable[[DirectoryEntry], bool] | None = None,
        offset: int = 0,
    ) -> Page:
        """The `first` operators behind `after` and `offset` further ones."""
        start = 0 if after is None else bisect_right(self.positions, after)
        if keep is None:
            before, rest = start, self.entries[start:]
        else:
            before = sum(map(keep, self.entries[:start]))
            rest = list(filter(keep, self.entries[start:]))
        total = before + len(rest)
        return Page(tuple(rest[offset : offset + first]), self._order, min(before + offset, total), total)


class Directory:
    """The record of all operators, with orders and indexes that are derived from it once."""

    def __init__(self, entries: Sequence[DirectoryEntry]) -> None:
        self.entries = entries
        self._orderings: dict[DnoOrder, Ordering] = {}
        self._held: dict[int | None, tuple[Sequence[HeldFigures], tuple[HeldBits, ...]]] = {}

    def in_order(self, order: DnoOrder) -> Ordering:
        ordering = self._orderings.get(order)
        if ordering is None:
            ordering = self._orderings[order] = Ordering(self.entries, order)
        return ordering

    def bits_of(self, dno_ids: Iterable[UUID]) -> int:
        """These operators as bits, each at its position among the entries; others are left out."""
        positions, found = self.positions, bytearray((len(self.entries) + 7) // 8)
        for dno_id in dno_ids:
            if (position := positions.get(dno_id)) is not None:
                found[position >> 3] |= 1 << (position & 7)
        return int.from_bytes(found, "little")

    def held(self, year: int | None, held: Sequence[HeldFigures]) -> Sequence[HeldBits]:
        """The record of a year as bits, converted once."""
        if not held:
            return ()  # of a year without figures, which may be any number
        known = self._held.get(year)
        if known is None or known[0] is not held:
            bits = tuple(HeldBits(each, self.bits_of(each.dno_ids)) for each in held)
            known = self._held[year] = (held, bits)
        return known[1]

    @cached_property
    def positions(self) -> dict[UUID, int]:
        return {entry.id: position for position, entry in enumerate(self.entries)}

    @cached_property
    def regions(self) -> frozenset[str]:
        """As they are stored."""
        return frozenset(entry.region for entry in self.entries if entry.region)

    @cached_property
    def words(self) -> dict[UUID, str]:
        """The words by which an operator is searched, folded, each preceded by a space."""
        return {entry.id: _words(entry) for entry in self.entries}

    def words_with_prefixes(self, prefixes: Sequence[str]) -> Callable[[DirectoryEntry], bool]:
        """A filter: whether each of these folded texts is the prefix of a word of the operator."""
        wanted, words = [f" {prefix}" for prefix in prefixes], self.words

        def matches(entry: DirectoryEntry) -> bool:
            text = words[entry.id]
            return all(prefix in text for prefix in wanted)

        return matches

    @cached_property
    def by_id(self) -> dict[UUID, DirectoryEntry]:
        return {entry.id: entry for entry in self.entries}

    @cached_property
    def by_postal_code(self) -> dict[str, tuple[DirectoryEntry, ...]]:
        """By the postal code of the seat."""
        found: dict[str, tuple[DirectoryEntry, ...]] = {}
        for entry in self.entries:
            if entry.postal_code:
                found[entry.postal_code] = (*found.get(entry.postal_code, ()), entry)
        return found

    @cached_property
    def ids_by_code(self) -> Mapping[str, tuple[UUID, ...]]:
        return code_index(self.entries)

    @cached_property
    def id_by_slug(self) -> dict[str, UUID]:
        return {entry.slug: entry.id for entry in self.entries}


class Directories:
    """The directory of the latest record, derived again only if the record's content has changed."""

    def __init__(self) -> None:
        self._latest = Directory(())

    def of(self, entries: Sequence[DirectoryEntry]) -> Directory:
        # Compared by content: after an eviction from L1 an equal record is read again.
        if self._latest.entries is not entries:
            if self._latest.entries == entries:
                self._latest.entries = entries
            else:
                self._latest = Directory(entries)
        return self._latest


def _words(entry: DirectoryEntry) -> str:
    texts = (entry.name, entry.official_name, entry.city, entry.slug.replace("-", " "))
    words = fold(" ".join(text for text in texts if text)).split()
    return "".join(f" {word}" for word in dict.fromkeys(words))


def write_cursor(entry: DirectoryEntry, order: DnoOrder) -> str:
    packed = msgspec.msgpack.encode((order, *_position(entry, order)))
    return urlsafe_b64encode(packed).decode().rstrip("=")


@lru_cache(maxsize=4096)
def read_cursor(cursor: str, order: DnoOrder) -> Position:
    """Raises BadInput for a damaged cursor, and for one of another order."""
    try:
        if len(cursor) > 1000:
            raise ValueError("too long")
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if urlsafe_b64encode(packed).decode().rstrip("=") != cursor:
            raise ValueError("not as it was written")
        given, key, slug = msgspec.msgpack.decode(packed, type=tuple[DnoOrder, str | float | int, str])
    except (ValueError, msgspec.MsgspecError):
        raise BadInput("`after` is not a cursor of this list.", argument="after") from None
    if given is not order:
        raise BadInput(f"`after` is a cursor of a list ordered by {given}, not by {order}.", argument="after")
    if isinstance(key, str) is not (order in _OF_TEXTS) or key != key:
        raise BadInput("`after` is not a cursor of this list.", argument="after")
    return Position(key, slug)


def _position(entry: DirectoryEntry, order: DnoOrder) -> Position:
    return Position(_SORT_KEYS[order](entry), entry.slug)
