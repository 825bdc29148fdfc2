"""Intervals that follow each other, such as parts of a day with a price."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, Self, TypeVar


class Interval(Protocol):
    """A named tuple with a start and an end."""

    @property
    def start(self) -> Any: ...

    @property
    def end(self) -> Any: ...

    def _replace(self, *, end: Any) -> Self: ...


T = TypeVar("T", bound=Interval)


def joined(intervals: Iterable[T], value: Callable[[T], object]) -> Iterator[T]:
    """Neighbours with the same value as one."""
    before: T | None = None
    for interval in intervals:
        if before is not None and before.end == interval.start and value(before) == value(interval):
            before = before._replace(end=interval.end)
            continue
        if before is not None:
            yield before
        before = interval
    if before is not None:
        yield before
