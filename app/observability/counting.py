"""Plain integers for hot paths, handed to Prometheus now and then."""

from bisect import bisect_left
from typing import Any, Protocol

from prometheus_client import Counter, Gauge, Histogram


class _Cell(Protocol):
    def flush(self) -> None: ...


_cells: list[_Cell] = []


def register(cell: _Cell) -> None:
    """Flushed with all others from now on."""
    _cells.append(cell)


class Count:
    """`count.value += 1` is all a hot path pays; Prometheus' own counter costs twenty times that."""

    __slots__ = ("_counter", "_flushed", "value")

    def __init__(self, counter: Counter, *labels: str, registered: bool = True) -> None:
        """`registered` False: its maker flushes it."""
        self.value = 0
        self._flushed = 0
        self._counter = counter.labels(*labels) if labels else counter
        if registered:
            register(self)

    def flush(self) -> None:
        value = self.value
        if value != self._flushed:
            self._counter.inc(value - self._flushed)
            self._flushed = value


class LocalGauge:
    """The same for a gauge."""

    __slots__ = ("_gauge", "value")

    def __init__(self, gauge: Gauge) -> None:
        self.value = 0
        self._gauge = gauge
        _cells.append(self)

    def flush(self) -> None:
        self._gauge.set(self.value)


class Timings:
    """The same for a histogram: `observe` is one bisection and two additions."""

    __slots__ = ("_bounds", "_counts", "_histogram", "_sum")

    def __init__(self, histogram: Histogram, *labels: str) -> None:
        self._histogram: Any = histogram.labels(*labels) if labels else histogram
        self._bounds: list[float] = self._histogram._upper_bounds
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        _cells.append(self)

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def flush(self) -> None:
        # The library has no way to add many observations at once; its buckets are counters, and
        # it keeps them so in every mode. A test compares the outcome with `Histogram.observe`.
        for bucket, count in zip(self._histogram._buckets, self._counts, strict=True):
            if count:
                bucket.inc(count)
        self._histogram._sum.inc(self._sum)
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0


class Counts:
    """Counts by label values, made when first needed; `limit` bounds what clients can name."""

    __slots__ = ("_counter", "_counts", "_limit", "_other")

    def __init__(self, counter: Counter, *, limit: int = 1000) -> None:
        self._counter = counter
        self._counts: dict[tuple[str, ...], Count] = {}
        self._limit = limit
        self._other: Count | None = None

    def __getitem__(self, labels: tuple[str, ...]) -> Count:
        count = self._counts.get(labels)
        return count if count is not None else self._new(labels)

    def _new(self, labels: tuple[str, ...]) -> Count:
        if len(self._counts) >= self._limit:
            if self._other is None:
                self._other = Count(self._counter, *("other" for _ in labels))
            return self._other
        count = self._counts[labels] = Count(self._counter, *labels)
        return count


def flush() -> None:
    for cell in _cells:
        cell.flush()
