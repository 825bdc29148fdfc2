"""Decimal numbers with a point or a comma: what a file uses, and a cell in the form of the database."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Decimal(StrEnum):
    POINT = "point"
    COMMA = "comma"


class Figure(str):
    """A number of a format that has numbers: its point is a decimal point."""

    __slots__ = ()


class TwoReadings(ValueError):
    """The number has two meanings."""


# Two or more groups, or a group and decimals, leave one reading; one group of three digits leaves two.
_ONLY: Final = {
    Decimal.COMMA: re.compile(r"[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})|0,[0-9]+|[0-9]{4,},[0-9]+|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]+|[0-9]{1,3}(?:\.[0-9]{3}){2,}"),
    Decimal.POINT: re.compile(r"[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})|0\.[0-9]+|[0-9]{4,}\.[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+|[0-9]{1,3}(?:,[0-9]{3}){2,}"),
}  # fmt: skip
_TWO: Final = re.compile(r"([0-9]{1,3})[.,]([0-9]{3})")


def detected(cells: Iterable[str]) -> Decimal | None:
    """None: no cell leaves only one reading, or some are written one way and some the other."""
    found = {decimal for cell in cells for decimal, only in _ONLY.items() if only.fullmatch(cell.strip())}
    return found.pop() if len(found) == 1 else None


def with_point(cell: str, decimal: Decimal | None, *, stated: bool) -> str:
    """The number with a decimal point and without separators of thousands; other texts as they are.

    Raises TwoReadings; not if the user has `stated` what the file uses.
    """
    if isinstance(cell, Figure):
        return cell
    text = cell.strip()
    sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
    match = None if stated else _TWO.fullmatch(text)
    if (
        match
        and match[1].strip("0")
        and not (decimal is Decimal.COMMA and "," in text)
        and not (decimal is Decimal.POINT and "." in text)
    ):
        whole, part = match.groups()
        raise TwoReadings(
            f"could be {whole}{part} or {whole}.{part}; state it with --decimal comma or --decimal point"
        )
    used = decimal or next((each for each, only in _ONLY.items() if only.fullmatch(text)), None)
    if used is Decimal.COMMA and re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{3})+(?:,[0-9]+)?|[0-9]+,[0-9]+", text):
        return sign + text.replace(".", "").replace(",", ".")
    if used is Decimal.POINT and re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", text):
        return sign + text.replace(",", "")
    if used is Decimal.COMMA and "." in text and text.replace(".", "", 1).isdigit():
        raise ValueError("has a decimal point; other numbers of the file have a decimal comma")
    return sign + text
