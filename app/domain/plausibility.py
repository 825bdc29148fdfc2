"""Warnings about values that are valid, but so unusual that they should be checked, and the figures they are compared with."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import msgspec

Figure = Decimal | None


class PlausibilityWarning(msgspec.Struct, frozen=True):
    """The value is written all the same; `code` is stable, for programs."""

    code: str
    text: str  # has `{}` in the place of each of the figures, if there are any
    field: tuple[str, ...]
    figures: tuple[Any, ...] = ()

    @property
    def message(self) -> str:
        """Only made for warnings that are shown: an import may have hundreds of thousands."""
        return self.text.format(*self.figures) if self.figures else self.text


class KnownFigure(NamedTuple):
    """A figure that another entry of the same operator and year implies for the price in `column`."""

    column: str
    figure: Decimal
    description: str


class References(NamedTuple):
    """What the prices of an entry are compared with, each tuple in the order of the family's price columns. Empty: nothing is
    known of it.
    """

    last_year: tuple[Figure, ...] = ()
    before: tuple[Figure, ...] = ()  # the last change
    usual: tuple[Figure, ...] = ()  # the median of all stored figures of the same kind and voltage level
    figures: tuple[int | None, ...] = ()  # their number
    known: tuple[KnownFigure, ...] = ()


NO_REFERENCES = References()


class UsualFigures(NamedTuple):
    """The distribution of the figures of one kind and voltage level, in the order of the family's price columns."""

    medians: tuple[Figure, ...] = ()
    figures: tuple[int | None, ...] = ()  # their number

    def of(self, place: int) -> tuple[Figure, int | None]:
        return self.medians[place], self.figures[place]


NO_FIGURES = UsualFigures()

# By the values of the entry's key, as they are stored.
Distribution: TypeAlias = Mapping[tuple[str, ...], UsualFigures]
