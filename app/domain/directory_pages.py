"""Pages of the list of operators in each sort order, and their cursors."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from itertools import compress, islice
from math import inf
from typing import Any, Final, NamedTuple

import msgspec

from app.domain.bits import flags_of
from app.domain.dno import DirectoryEntry
from app.domain.folding import fold
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
SORT_KEYS: dict[DnoOrder, Callable[[DirectoryEntry], Any]] = {
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
    """The operators in one order. `positions`: sort key, slug and number in the record of each; `bits`: its place among
    the bits of the directory.
    """

    def __init__(
        self,
        positions: list[tuple[Any, str, int]],
        entries: list[DirectoryEntry],
        bits: list[int],
        order: DnoOrder,
    ) -> None:
        self.positions = positions
        self.entries = entries
        self._bits = bits
        self._order = order

    def page(self, first: int, after: Position | None, operators: int | None = None, offset: int = 0) -> Page:
        """The `first` operators behind `after` and `offset` further ones. `operators`: only these, as bits."""
        # Behind every number in the record.
        start = 0 if after is None else bisect_right(self.positions, (*after, inf))
        if operators is None:
            before, total = start, len(self.entries)
            found = tuple(self.entries[start + offset : start + offset + first])
        else:
            flags = flags_of(operators, len(self.entries))
            passing = bytes(map(flags.__getitem__, self._bits))
            before, total = passing.count(1, 0, start), passing.count(1)
            rest = compress(islice(self.entries, start, None), passing[start:])
            found = tuple(islice(rest, offset, offset + first))
        return Page(found, self._order, min(before + offset, total), total)


def write_cursor(entry: DirectoryEntry, order: DnoOrder) -> str:
    packed = msgspec.msgpack.encode((order, *position_of(entry, order)))
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


def position_of(entry: DirectoryEntry, order: DnoOrder) -> Position:
    return Position(SORT_KEYS[order](entry), entry.slug)
