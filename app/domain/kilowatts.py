"""Numbers of kW in a file, in German or English notation, as whole millionths of a watt.

A file has one decimal mark. Where its numbers could be read in both notations (`1.234` is 1234 or 1.234), it is not guessed.
"""

import re
from enum import StrEnum
from typing import Final

from app.errors import quoted

# Per kW. Numbers have at most nine digits before and nine behind the decimal mark, so they fit into 64 bits.
SCALE: Final = 10**9
_DIGITS: Final = 9

_NUMBER: Final = re.compile(r"\+?(\d{1,9})(?:([.,])(\d{1,9}))?", re.ASCII)
_GROUPED: Final = re.compile(r"\+?([1-9]\d{0,2}(?:([.,])\d{3})+)(?:([.,])(\d{1,9}))?", re.ASCII)
_LONG: Final = re.compile(r"[+-]?[\d.,]{10,}", re.ASCII)
_PLAUSIBLE_GROUP: Final = re.compile(r"\+?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)


_ANOTHER_MARK: Final = "{} has another decimal mark than the file or decimalMark states"
_OTHER_NOTATION: Final = (
    "{} has another decimal mark than the numbers before it, unless the marks in these are between thousands ({} is 1234):"
    " then decimalMark={} is needed"
)


class DecimalMark(StrEnum):
    COMMA = "COMMA"
    POINT = "POINT"


_MARKS: Final = {",": DecimalMark.COMMA, ".": DecimalMark.POINT}


class InvalidNumber(ValueError):
    """Why, as the end of a sentence about a row."""


class KilowattReader:
    """Reads the numbers of one file in order. `mark`: what is known of its decimal mark."""

    def __init__(self, mark: DecimalMark | None = None) -> None:
        self.mark = mark
        self._sure = mark is not None

    @property
    def ambiguous(self) -> bool:
        """Whether all numbers with a mark could be read in the other notation as well."""
        return self.mark is not None and not self._sure

    def settle(self, mark: DecimalMark) -> None:
        """The file itself leaves no other reading."""
        self.mark = mark
        self._sure = True

    def read(self, text: str) -> int:
        """In billionths of a kW. Raises InvalidNumber."""
        found = _NUMBER.fullmatch(text)
        if found is None:
            return self._read_grouped(text)
        whole, mark, decimals = found.groups()
        if mark is None:
            return int(whole) * SCALE
        if self._sure:
            if _MARKS[mark] is not self.mark:
                return self._read_grouped(text)
        else:
            self._learn(text, _MARKS[mark])
        return int(whole) * SCALE + int(decimals.ljust(_DIGITS, "0"))

    def _learn(self, text: str, mark: DecimalMark) -> None:
        if self.mark not in (None, mark):
            # A group of three digits behind its mark: both notations read it, as they read the numbers before it.
            raise InvalidNumber(
                _ANOTHER_MARK.format(quoted(text))
                if _PLAUSIBLE_GROUP.fullmatch(text)
                else _other_notation(text, mark)
            )
        self.mark = mark
        self._sure = _PLAUSIBLE_GROUP.fullmatch(text) is None

    def _read_grouped(self, text: str) -> int:
        """With marks between groups of three digits."""
        found = _GROUPED.fullmatch(text)
        if found is None:
            raise InvalidNumber(
                _ANOTHER_MARK.format(quoted(text)) if _NUMBER.fullmatch(text) else _reason(text)
            )
        whole, group, mark, decimals = found.groups()
        other = DecimalMark.COMMA if _MARKS[group] is DecimalMark.POINT else DecimalMark.POINT
        digits = whole.replace(group, "")
        if not digits.isdigit() or len(digits) > _DIGITS or mark == group:
            raise InvalidNumber(_reason(text))
        if self.mark not in (None, other):
            raise InvalidNumber(
                _ANOTHER_MARK.format(quoted(text)) if self._sure else _other_notation(text, other)
            )
        self.settle(other)
        return int(digits) * SCALE + int((decimals or "").ljust(_DIGITS, "0"))


def _other_notation(text: str, needed: DecimalMark) -> str:
    thousands = "1.234" if needed is DecimalMark.COMMA else "1,234"
    return _OTHER_NOTATION.format(quoted(text), thousands, needed)


def _reason(text: str) -> str:
    if not text:
        return "it has no number"
    if text.startswith(("-", "\N{MINUS SIGN}")) and text[1:].strip()[:1].isdigit():
        return f"{quoted(text)} is negative: a load profile states what is drawn from the grid"
    if _LONG.fullmatch(text):
        return f"{quoted(text)} has more than nine digits before or behind the decimal mark"
    return f"{quoted(text)} is not a number of kW"
