"""A year as twelve rows of days, one path for all days of a kind."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

LABELS: Final = 30  # width of the names of the months
STEP: Final = 10  # from day to day, and from month to month
_HEAD: Final = 12  # height of the numbers of the days
_SIDE: Final = 9  # of a day
_NUMBERED: Final = (1, 5, 10, 15, 20, 25, 30)


class Calendar(NamedTuple):
    """`paths`: by kind. `today`: the corner of its day, if it is one of this year."""

    paths: Mapping[str, str]
    today: tuple[int, int] | None
    months: Sequence[tuple[int, int]]  # the number and the base line of its name
    days: Sequence[tuple[int, int]]  # the number and the middle of its column
    width: int = LABELS + 31 * STEP
    height: int = _HEAD + 12 * STEP
    side: int = _SIDE

    def corner(self, day: date) -> tuple[int, int]:
        return _corner(day)


def draw(days: Mapping[date, str], today: date) -> Calendar:
    """`days`: the kind of each."""
    paths: dict[str, list[str]] = {}
    for day, kind in days.items():
        x, y = _corner(day)
        paths.setdefault(kind, []).append(f"M{x} {y}h{_SIDE}v{_SIDE}h-{_SIDE}z")
    return Calendar(
        {kind: "".join(path) for kind, path in paths.items()},
        _corner(today) if today in days else None,
        [(month, _HEAD + (month - 1) * STEP + _SIDE - 1) for month in range(1, 13)],
        [(number, LABELS + (number - 1) * STEP + _SIDE // 2) for number in _NUMBERED],
    )


def _corner(day: date) -> tuple[int, int]:
    return LABELS + (day.day - 1) * STEP, _HEAD + (day.month - 1) * STEP
