"""Medians of kinds with many figures, so that not every correction computes them again."""

from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple

from app.domain.plausibility import UsualFigures

FEWEST_KEPT: Final = 1_000  # the medians of fewer figures are computed in less than 2 ms
LIFETIME: Final = 60.0  # seconds


class _Kept(NamedTuple):
    usual: UsualFigures
    until: float


class KnownDistribution:
    """By family and key of the entry. They are at most a minute old: of so many figures a write hardly moves the median."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, tuple[str, ...]], _Kept] = {}

    def get(self, family: str, kind: tuple[str, ...]) -> UsualFigures | None:
        kept = self._kept.get((family, kind))
        return kept.usual if kept is not None and self._clock() < kept.until else None

    def keep(self, family: str, kind: tuple[str, ...], usual: UsualFigures) -> None:
        if max(number or 0 for number in usual.figures) >= FEWEST_KEPT:
            self._kept[family, kind] = _Kept(usual, self._clock() + LIFETIME)
