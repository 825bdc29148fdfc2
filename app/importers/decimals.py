"""Decimal numbers with a point or a comma: what a file uses, and a cell in the form of the database."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from app.importers.problems import Problem, RowLocation


class Decimal(StrEnum):
    POINT = "point"
    COMMA = "comma"


class Figure(str):
    """A number of a format that has numbers: its point is a decimal point."""

    __slots__ = ()


class FormattedFigure(Figure):
    """A number of a spreadsheet, and how that shows it: with more decimals, with a unit, or as a code with zeros before it.

    `shown_otherwise`: why what is shown is another number; empty: it is not.
    """

    __slots__ = ("code", "number", "shown_otherwise", "unit")
    code: str
    number: str
    shown_otherwise: str
    unit: str

    def __new__(
        cls, text: str, number: str, unit: str, code: str, shown_otherwise: str = ""
    ) -> "FormattedFigure":
        figure = super().__new__(cls, text)
        figure.number = number
        figure.unit = unit
        figure.code = code
        figure.shown_otherwise = shown_otherwise
        return figure


class MergedFigure(FormattedFigure):
    """The value of a cell that is merged over several columns, in place of that of one of the others."""

    __slots__ = ()


class StruckFigure(FormattedFigure):
    """Whatever stands in a cell that is struck through."""

    __slots__ = ()

    def __new__(cls, text: str) -> "StruckFigure":
        return super().__new__(cls, text, text, "", text, "is struck through")  # type: ignore[return-value]


class TwoReadings(ValueError):
    """The number has two meanings."""


# Two or more groups, or a group and decimals, leave one reading; one group of three digits leaves two.
_ONLY: Final = {
    Decimal.COMMA: re.compile(r"[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+|[0-9]{4,},[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[0-9]{1,3}(?:\.[0-9]{3}){2,}"),
    Decimal.POINT: re.compile(r"[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})|0\.[0-9]+|[0-9]{4,}\.[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+|[0-9]{1,3}(?:,[0-9]{3}){2,}"),
}  # fmt: skip
_TWO: Final = re.compile(r"([0-9]{1,3})[.,]([0-9]{3})")


class Mixed(NamedTuple):
    """A number with a decimal comma and one with a decimal point."""

    comma: tuple[RowLocation, str]
    point: tuple[RowLocation, str]

    def problem(self) -> Problem:
        later = max(self, key=lambda each: each[0].line)
        comma, point = (f"{number} in line {location.line}" for location, number in self)
        reason = f"there are decimal commas ({comma}) and decimal points ({point}); write all numbers alike"
        return Problem(later[0], reason, value=later[1], whole_file=True)


def detected(cells: Iterable[tuple[RowLocation, str]]) -> Decimal | Mixed | None:
    """None: no cell leaves only one reading."""
    found: dict[Decimal, tuple[RowLocation, str]] = {}
    for location, cell in cells:
        used = used_by(cell.strip())
        if used is not None and used not in found:
            found[used] = (location, cell)
    if len(found) == len(Decimal):
        return Mixed(found[Decimal.COMMA], found[Decimal.POINT])
    return next(iter(found), None)


def used_by(text: str) -> Decimal | None:
    return next((each for each, only in _ONLY.items() if only.fullmatch(text)), None)


class Decimals:
    """What a file uses; while that is not known, the first number that leaves one reading decides.

    `stated`: by the user, so that no number has two readings. `exact`: numbers with a decimal point need no conversion.
    """

    def __init__(self, decimal: Decimal | None, *, stated: bool, exact: bool) -> None:
        self.decimal = decimal
        self.exact = exact
        self._stated = stated

    def with_point(self, cell: str) -> str:
        """The number with a decimal point and without separators of thousands; other texts as they are.

        Raises TwoReadings, and ValueError for a number that is written another way than those before.
        """
        if isinstance(cell, Figure):
            return cell
        text = cell.strip()
        sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
        if not self._stated:
            self._refuse_two_readings(text)
        self.decimal = self.decimal or used_by(text)
        if self.decimal is Decimal.COMMA:
            return sign + _with_comma(text)
        if self.decimal is Decimal.POINT and _GROUPS_OF_POINT.fullmatch(text):
            return sign + text.replace(",", "")
        return sign + text

    def _refuse_two_readings(self, text: str) -> None:
        match = _TWO.fullmatch(text)
        if match is None or not match[1].strip("0"):
            return
        if (self.decimal is Decimal.COMMA and "," in text) or (self.decimal is Decimal.POINT and "." in text):
            return
        whole, part = match.groups()
        raise TwoReadings(
            f"could be {whole}{part} or {whole}.{part}; state it with --decimal comma or --decimal point"
        )


_GROUPS_OF_POINT: Final = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_OF_COMMA: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?|[0-9]+,[0-9]+")


def _with_comma(text: str) -> str:
    if _OF_COMMA.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if "." in text and text.replace(".", "", 1).isdigit():
        raise ValueError("has a decimal point; other numbers of the file have a decimal comma")
    return text
