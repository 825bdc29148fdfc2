"""A scale of a chart: round ticks, and where an amount lies between them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple

_ROUND: Final = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


class Scale(NamedTuple):
    """`ticks` are in order and equally far apart; `start` and `end` are where the first and last are drawn."""

    ticks: tuple[Decimal, ...]
    start: float
    end: float

    def at(self, amount: Decimal) -> float:
        """Where the amount is drawn, to a tenth of a unit."""
        low, high = self.ticks[0], self.ticks[-1]
        share = float((amount - low) / (high - low))
        return round(self.start + (self.end - self.start) * share, 1)


def scale(amounts: Iterable[Decimal], start: float, end: float, most: int = 6) -> Scale:
    """With all amounts and zero, so that lengths compare, between round ticks: two to `most` (at least 3) of them."""
    known = [Decimal(0), *amounts]
    return Scale(_ticks(min(known), max(known), most), start, end)


def _ticks(low: Decimal, high: Decimal, most: int) -> tuple[Decimal, ...]:
    if low == high:
        high = low + 1
    step = _step(high - low, most)
    # Rounding both ends outwards may add one tick.
    while _up(high, step) - _down(low, step) > step * (most - 1):
        step = _step(step * most, most)
    first = _down(low, step)
    count = int((_up(high, step) - first) / step) + 1
    return tuple(first + step * index for index in range(count))


def _step(span: Decimal, most: int) -> Decimal:
    """The smallest round step of which at most `most` - 1 make up the span, with the decimals that it needs."""
    least = span / (most - 1)
    power = Decimal(10) ** least.adjusted()
    step = next(each * power for each in _ROUND if each * power >= least)
    return Decimal(f"{step.normalize():f}")


def _down(amount: Decimal, step: Decimal) -> Decimal:
    return (amount // step - (1 if amount < 0 and amount % step else 0)) * step


def _up(amount: Decimal, step: Decimal) -> Decimal:
    return -_down(-amount, step)
