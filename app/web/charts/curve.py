"""The prices of one day as steps: the width of a step is the time that passes, the height its price from zero."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from app.domain import clock
from app.domain.price_series import PriceInterval, day_span

LEFT: Final = 58  # width of the prices beside the steps: 999,9999 in wide fonts, at the size of charts.css
WIDTH: Final = 360
HEIGHT: Final = 150
_TOP: Final = 12
_BASE: Final = 130
_GAP: Final = 11  # between two prices that are written
_LABELLED_HOURS: Final = range(0, 24, 3)


class Step(NamedTuple):
    interval: PriceInterval
    x: float
    y: float
    width: float
    height: float
    now: bool


class Curve(NamedTuple):
    """`line`: the edge of all steps, interrupted where no price is known."""

    steps: Sequence[Step]
    line: str
    prices: Sequence[tuple[Decimal, float]]  # with their heights
    hours: Sequence[tuple[int, float]]  # of the wall clock, with their places
    left: int = LEFT
    width: int = WIDTH
    height: int = HEIGHT
    base: int = _BASE


def draw(day: date, intervals: Sequence[PriceInterval], highest: Decimal, now: datetime) -> Curve:
    """`intervals`: those of the day, in order; `highest`: the price at the top."""
    start, end = day_span(day)
    scale = (WIDTH - LEFT) / (end - start).total_seconds()

    def across(moment: datetime) -> float:
        return round(LEFT + (moment - start).total_seconds() * scale, 2)

    def height_of(price: Decimal) -> float:
        return round(float(price / highest) * (_BASE - _TOP), 2) if highest else 0.0

    steps = []
    for each in intervals:
        x, height = across(each.start), height_of(each.price)
        width = round(across(each.end) - x, 2)
        steps.append(Step(each, x, round(_BASE - height, 2), width, height, each.start <= now < each.end))
    heights = {each.price: _BASE - height_of(each.price) for each in intervals}
    hours = [(hour, across(moment)) for hour, moment in _hours(start, end)]
    return Curve(steps, _line(steps), _written(heights), hours)


def _line(steps: Sequence[Step]) -> str:
    parts: list[str] = []
    before: Step | None = None
    for step in steps:
        joined = before is not None and before.interval.end == step.interval.start
        parts.append(f"V{step.y:g}" if joined else f"M{step.x:g} {step.y:g}")
        parts.append(f"H{step.x + step.width:g}")
        before = step
    return "".join(parts)


def _written(heights: dict[Decimal, float]) -> list[tuple[Decimal, float]]:
    """The prices whose texts do not overlap, the highest first."""
    found: list[tuple[Decimal, float]] = []
    for price, y in sorted(heights.items(), reverse=True):
        if not found or y - found[-1][1] >= _GAP:
            found.append((price, y))
    return found


def _hours(start: datetime, end: datetime) -> list[tuple[int, datetime]]:
    """Each third hour of the wall clock, with its first moment: an hour may be missing or happen twice."""
    found: dict[int, datetime] = {}
    moment = start
    while moment < end:
        found.setdefault(moment.astimezone(clock.GERMANY).hour, moment)
        moment += timedelta(hours=1)
    return [(hour, found[hour]) for hour in _LABELLED_HOURS if hour in found]
