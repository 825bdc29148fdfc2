"""A day of 24 hours as a ring: midnight is at the top, and time runs clockwise."""

from collections.abc import Iterable
from math import cos, pi, sin
from typing import Final, NamedTuple

from app.domain.clock import DAY_END
from app.domain.hlzf import TimeWindow

SIZE: Final = 120  # of the square that is drawn in
RADIUS: Final = 48  # of the middle of the ring
_TICK: Final = (37, 40)  # radii of its ends
_LABELS: Final = 28  # radius of the hours
_LABELLED: Final = range(0, 24, 3)


class HourLabel(NamedTuple):
    hour: int
    x: float
    y: float


def arcs(windows: Iterable[TimeWindow]) -> list[str]:
    """The path of each window along the ring."""
    return [_arc(window.start, window.end) for window in windows]


def hour_ticks() -> str:
    """One path with a short line at each hour."""
    lines = ((_point(60 * hour, _TICK[0]), _point(60 * hour, _TICK[1])) for hour in range(24))
    return "".join(f"M{first}L{last}" for first, last in lines)


def hour_labels() -> list[HourLabel]:
    return [HourLabel(hour, *_position(60 * hour, _LABELS)) for hour in _LABELLED]


def _arc(start: int, end: int) -> str:
    # An arc whose ends are the same point is not drawn: longer ones have a point in between.
    middle = (start + end) / 2
    arc = f"A{RADIUS} {RADIUS} 0 0 1 "
    return f"M{_point(start, RADIUS)}{arc}{_point(middle, RADIUS)}{arc}{_point(end, RADIUS)}"


def _point(minute: float, radius: float) -> str:
    x, y = _position(minute, radius)
    return f"{x:g} {y:g}"


def _position(minute: float, radius: float) -> tuple[float, float]:
    angle = 2 * pi * minute / DAY_END
    return round(SIZE / 2 + radius * sin(angle), 2), round(SIZE / 2 - radius * cos(angle), 2)
