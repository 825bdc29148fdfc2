"""Prices of calendar years as steps: each holds from the beginning of its year to its end; years without one stay gaps."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

from app.web.charts.scale import Scale, scale

WIDTH: Final = 360
HEIGHT: Final = 190
_LEFT: Final = 44  # width of the amounts beside the steps
_RIGHT: Final = 352
_TOP: Final = 12
_BASE: Final = 164
_LABELS: Final = 8  # years that are written, at most

Amounts: TypeAlias = Mapping[int, Decimal | None]


class Point(NamedTuple):
    year: int
    amount: Decimal
    x: float
    y: float


class Series(NamedTuple):
    """`path`: the steps as an SVG path, interrupted where a year has no price. `number`: chooses marker and line."""

    name: str
    number: int
    path: str
    points: Sequence[Point]


class YearChart(NamedTuple):
    """`ticks` and `years`: what is written at the axes, with the place."""

    series: Sequence[Series]
    ticks: Sequence[tuple[Decimal, float]]
    years: Sequence[tuple[int, float]]
    left: int = _LEFT
    right: int = _RIGHT
    base: int = _BASE
    width: int = WIDTH
    height: int = HEIGHT


def year_chart(amounts: Mapping[str, Amounts], years: Sequence[int]) -> YearChart | None:
    """`amounts`: by the name of the series. `years`: from the first to the last that is drawn. None without any amount."""
    known = {
        name: {year: each for year, each in of.items() if each is not None} for name, of in amounts.items()
    }
    if not any(known.values()):
        return None
    heights = scale((amount for of in known.values() for amount in of.values()), _BASE, _TOP)
    wide = (_RIGHT - _LEFT) / len(years)
    series = [
        Series(name, number, _path(of, years[0], wide, heights), _points(of, years[0], wide, heights))
        for number, (name, of) in enumerate(known.items())
        if of
    ]
    every = -(-len(years) // _LABELS)
    # Counted from the newest, which is always written.
    labels = [(year, _middle(year - years[0], wide)) for year in reversed(years[::-1][::every])]
    return YearChart(series, [(tick, heights.at(tick)) for tick in heights.ticks], labels)


def _middle(index: int, wide: float) -> float:
    return round(_LEFT + wide * (index + 0.5), 1)


def _points(amounts: Mapping[int, Decimal], first: int, wide: float, heights: Scale) -> list[Point]:
    return [
        Point(year, amounts[year], _middle(year - first, wide), heights.at(amounts[year]))
        for year in sorted(amounts)
    ]


def _path(amounts: Mapping[int, Decimal], first: int, wide: float, heights: Scale) -> str:
    parts = []
    # Consecutive years have the same difference to their place in the list.
    for _, run in groupby(enumerate(sorted(amounts)), lambda pair: pair[1] - pair[0]):
        for index, (_, year) in enumerate(run):
            y = heights.at(amounts[year])
            start = round(_LEFT + wide * (year - first), 1)
            parts.append(f"V{y:g}" if index else f"M{start:g} {y:g}")
            parts.append(f"H{round(start + wide, 1):g}")
    return "".join(parts)
