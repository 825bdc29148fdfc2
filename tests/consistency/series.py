"""Reads in the order in which they set out."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from tests.consistency.operations import Read


class Series:
    """The reads of one entry on one instance, by the time at which they set out."""

    def __init__(self, reads: Sequence[Read]) -> None:
        ordered = sorted(reads, key=lambda read: read.started)
        self._starts = [read.started for read in ordered]
        # The lowest version that any read from here on showed; it never falls, so it can be searched.
        self._lowest_from = running(min, [read.version for read in reversed(ordered)])[::-1]

    @property
    def last_start(self) -> float:
        return self._starts[-1]

    def older_from(self, moment: float, version: int) -> bool:
        """Whether a read that set out then or later showed less."""
        first = bisect_left(self._starts, moment)
        return first < len(self._starts) and self._lowest_from[first] < version

    def last_below(self, version: int) -> float:
        """When the last read set out that showed less; 0 if none did."""
        older = bisect_left(self._lowest_from, version)
        return self._starts[older - 1] if older else 0.0


def running(choose: Callable[[int, int], int], numbers: Sequence[int]) -> list[int]:
    chosen: list[int] = []
    for number in numbers:
        chosen.append(choose(chosen[-1], number) if chosen else number)
    return chosen
