"""A mapping that evicts its oldest entries beyond a number of entries and, where set, beyond totals such as bytes."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, ValuesView
from typing import Generic, TypeVar, overload

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


class BoundedMapping(Generic[K, V]):
    """Setting a key makes it the newest. Reading does not; `touch` does, for an LRU.

    `limits`: the largest total of a measure over all entries, such as bytes, and how much of it one entry takes.
    A measure must give the same for the same entry at any time.

    Not cachetools.LRUCache: it has one measure only, and each read moves its entry.
    """

    __slots__ = ("_entries", "_limits", "_max_entries", "totals")

    def __init__(self, max_entries: int, *limits: tuple[int, Callable[[K, V], int]]) -> None:
        self.totals = [0 for _ in limits]
        self._max_entries = max_entries
        self._limits = limits
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        """Oldest first."""
        return iter(self._entries)

    def values(self) -> ValuesView[V]:
        return self._entries.values()

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: K, default: D | None = None) -> V | D | None:
        return self._entries.get(key, default)

    def __setitem__(self, key: K, value: V) -> None:
        self.discard(key)
        self._entries[key] = value
        self._add(key, value, 1)
        while len(self._entries) > self._max_entries or self._exceeds_limit():
            self._add(*self._entries.popitem(last=False), -1)

    def touch(self, key: K) -> None:
        """Makes an entry that exists the newest."""
        self._entries.move_to_end(key)

    def discard(self, key: K) -> None:
        if key in self._entries:
            self._add(key, self._entries.pop(key), -1)

    def clear(self) -> None:
        self._entries.clear()
        self.totals = [0 for _ in self._limits]

    def _add(self, key: K, value: V, sign: int) -> None:
        for index, (_, measure) in enumerate(self._limits):
            self.totals[index] += sign * measure(key, value)

    def _exceeds_limit(self) -> bool:
        return any(total > limit for total, (limit, _) in zip(self.totals, self._limits, strict=True))
