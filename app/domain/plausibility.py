"""Warnings about values that are valid, but so unusual that they should be checked, and the figures they are compared with."""

from decimal import Decimal
from typing import NamedTuple

import msgspec

Figure = Decimal | None


class PlausibilityWarning(msgspec.Struct, frozen=True):
    """The value is written all the same; `code` is stable, for programs."""

    code: str
    message: str
    field: tuple[str, ...]


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
