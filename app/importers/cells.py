"""Parsers of one cell: the file's text in, the database's text out; ValueError describes what is wrong.

The empty text is null in both. Parsers cache their results, since values repeat in files.
"""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from enum import StrEnum
from functools import lru_cache
from typing import Final

from app.domain import clock
from app.domain.correction import broken_label, broken_source
from app.domain.entry import FIRST_YEAR, LAST_YEAR, VoltageLevel
from app.domain.federal_state import FEDERAL_STATES, canonical_region
from app.domain.folding import compose
from app.importers import dates, times
from app.importers.decimals import FormattedFigure
from app.importers.level_words import level_of
from app.importers.spellings import folded, is_nothing, spellings_of
from app.importers.units import unit_of

Parser = Callable[[str], str]

MAX_TEXT_LENGTH = 10_000
_LARGEST_INTEGER = 2**31 - 1
_NUMBER = re.compile(r"[0-9]+(?:\.([0-9]+))?")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# A lone surrogate is a byte that was not UTF-8 (the reader keeps it, so that the error names the cell).
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")

# As a spreadsheet program writes them into a text file, German and English.
_ERROR: Final = re.compile(r"#(?:NV|N/A|[A-ZÄÖÜ0-9/_]+[!?])|Err:[0-9]+")

_MAX_WORD_LENGTH = 100
_LISTED: Final = re.compile("[,;+&|]")
# Around figures; that of line feeds would be a cell that spans lines.
_BLANKS: Final = " \t\u00a0\u2009\u202f"

cached = lru_cache(maxsize=10_000)


class Optional:
    """A cell that may be empty, as one with blanks alone is. In place of a number or a time, words such as "entfällt" or a
    dash are empty, too.
    """

    def __init__(self, parse: Parser) -> None:
        self.parse = parse
        self._is_figure = parse in (price, rate, megawatts, count, positive_count, time)

    def __call__(self, cell: str) -> str:
        if not cell or cell.isspace() or (self._is_figure and not cell[0].isdigit() and is_nothing(cell)):
            return ""
        return self.parse(cell)


optional = Optional


def is_decimal(parse: Parser) -> bool:
    """Whether cells have a decimal point, or a comma in files that are written so."""
    return _inner(parse) in (price, rate, megawatts)


def is_count(parse: Parser) -> bool:
    return _inner(parse) in (count, positive_count)


def most_decimals(parse: Parser) -> int:
    return _MEGAWATT_DECIMALS if _inner(parse) is megawatts else _PRICE_DECIMALS


_PRICE_DECIMALS: Final = 4
_MEGAWATT_DECIMALS: Final = 15


def is_time(parse: Parser) -> bool:
    return _inner(parse) is time


def _inner(parse: Parser) -> Parser:
    return parse.parse if isinstance(parse, Optional) else parse


def one_of(words: type[StrEnum] | Collection[str]) -> Parser:
    """One of the words, or one of its usual spellings."""
    allowed = frozenset(map(str, words))
    spellings = spellings_of(allowed)
    expected = f"must be one of {', '.join(map(str, words))}"
    usual = next((usual for word, usual in _USUAL.items() if word in allowed), "")
    are_levels = words is VoltageLevel
    in_words = level_of if are_levels else _same_unit(allowed)

    def parse(cell: str) -> str:
        if cell in allowed:
            return cell
        if len(cell) <= _MAX_WORD_LENGTH:
            # "HS, MS" are two levels, and "HS/MS" is one.
            word = None if are_levels and _is_list(cell) else spellings.get(folded(cell))
            if word := word or in_words(cell):
                return word
        raise ValueError(expected + usual if cell else f"is empty; {expected}")

    return parse


def _is_list(cell: str) -> bool:
    """Also with a level on each of several lines; of a name that is broken within a word, a line is none."""
    lines = cell.splitlines()
    return bool(_LISTED.search(cell)) or (len(lines) > 1 and all(map(level_of, lines)))


# What else is understood, by a word of those that are.
_USUAL: Final = {
    "MS": "; also read are names such as MS/NS, Netzebene 6, Umspannung Mittel-/Niederspannung or Mittelspannung 20 kV",
    "WINTER": "; also read are Winter, Frühling, Sommer and Herbst, alone or with their months as Winter (Dezember bis Februar)",
    "4": "; also read are 1. Quartal, Quartal 1 and Q1, without months",
}


def _same_unit(allowed: Collection[str]) -> Callable[[str], str | None]:
    """The word for a unit that is written another way, if all words are units."""
    units = {unit_of(word.replace("_", " ")): word for word in allowed}
    if None in units or len(units) < len(allowed):
        return lambda cell: None
    return lambda cell: units.get(unit_of(cell))


@cached
def text(cell: str) -> str:
    if _ERROR.fullmatch(cell.strip()):
        raise ValueError("is an error of a spreadsheet; mend the formula, or leave the cell empty")
    if _UNWRITABLE.search(cell):
        raise ValueError(
            "holds a NUL character" if "\x00" in cell else "is not UTF-8; save the file as UTF-8"
        )
    if len(cell) > MAX_TEXT_LENGTH:
        raise ValueError(f"is {len(cell):,} characters long; {MAX_TEXT_LENGTH:,} are allowed")
    return cell


def code(cell: str) -> str:
    """What operators are found by: a blank around it would make it another one. Empty also for words for none or a dash."""
    return "" if is_nothing(cell) else text(cell.strip())


@cached
def source_url(cell: str) -> str:
    """The address of a source, by the rule of mutations; empty also for words such as "keine" or a dash."""
    if not cell or is_nothing(cell):
        return ""
    if reason := broken_source(text(cell)):
        raise ValueError(f"is no address of a source, which {reason}; its name belongs in source_title")
    return cell


@cached
def composed(cell: str) -> str:
    """A name of a town or company, stored composed (NFC) and without blanks around it: equal names are equal bytes.

    A dash is empty; a word such as "ohne" is not, since a town has this name.
    """
    return "" if _is_dash(cell) else compose(text(cell.strip()))


def _is_dash(cell: str) -> bool:
    return is_nothing(cell) and not any(map(str.isalnum, cell))


@cached
def label(cell: str) -> str:
    """A short name that is part of a key, composed as names are."""
    cell = compose(text(cell))
    if reason := broken_label(cell):
        raise ValueError(reason)
    return cell


@cached
def region(cell: str) -> str:
    """A federal state under its official name; other regions, such as those abroad, stay as they are."""
    return canonical_region(text(cell)) if cell else ""


def name(cell: str) -> str:
    cell = compose(cell.strip())
    if not 0 < len(cell) <= 300 or cell.isspace():
        raise ValueError("must have 1 to 300 characters")
    if _is_dash(cell):
        raise ValueError("must be a name, and no dash")
    return text(cell)


def slug(cell: str) -> str:
    if not _SLUG.fullmatch(cell) or len(cell) > 200:
        raise ValueError("must be words of a-z and 0-9 joined by -, at most 200 characters")
    return cell


@cached
def year(cell: str) -> str:
    cell = cell.strip(_BLANKS)
    if re.fullmatch("[0-9]{4}", cell) and FIRST_YEAR <= int(cell) <= LAST_YEAR:
        return cell
    with suppress(ValueError):
        first = dates.day_of(cell)  # from which on a price sheet holds
        if (first.month, first.day) == (1, 1) and FIRST_YEAR <= first.year <= LAST_YEAR:
            return str(first.year)
    raise ValueError(f"must be a year from {FIRST_YEAR} to {LAST_YEAR}")


@cached
def price(cell: str) -> str:
    return _number(cell, whole=6, decimals=_PRICE_DECIMALS)


@cached
def rate(cell: str) -> str:
    """A number that may be negative."""
    return "-" * cell.startswith("-") + _number(cell.removeprefix("-"), whole=3, decimals=_PRICE_DECIMALS)


@cached
def megawatts(cell: str) -> str:
    return _number(cell, whole=9, decimals=_MEGAWATT_DECIMALS)


@cached
def count(cell: str) -> str:
    cell = cell.strip(_BLANKS)
    if not re.fullmatch("[0-9]{1,10}", cell) or int(cell) > _LARGEST_INTEGER:
        raise ValueError(f"must be a whole number from 0 to {_LARGEST_INTEGER}")
    return cell


def positive_count(cell: str) -> str:
    if not cell.strip("0"):
        raise ValueError("must be at least 1, or empty: not counted")
    return count(cell)


ZEROS_LEFT_OUT: Final = "spreadsheets leave out zeros at the beginning"


def digits(*lengths: int) -> Parser:
    expected = f"must be {' or '.join(map(str, lengths))} digits"

    def parse(cell: str) -> str:
        cell = cell.code if isinstance(cell, FormattedFigure) else cell.strip(_BLANKS)
        if not re.fullmatch("[0-9]+", cell):
            raise ValueError(expected)
        if len(cell) not in lengths:
            shorter = f"; {ZEROS_LEFT_OUT}" if len(cell) < min(lengths) else ""
            raise ValueError(expected + shorter)
        return cell

    return parse


@cached
def time(cell: str) -> str:
    return clock.hh_mm(times.minutes(cell))


@cached
def day(cell: str) -> str:
    expected = f"must be a day such as 2026-01-31, of a year from {FIRST_YEAR} to {LAST_YEAR}"
    try:
        found = dates.day_of(cell)
    except ValueError as error:
        two_readings = str(error).startswith(("could", "has", "is a number"))
        raise ValueError(str(error) if two_readings else expected) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(expected)
    return found.isoformat()


def days(cell: str) -> str:
    """Days in order, separated by blanks, commas or semicolons, as an array of the database."""
    found = [day(each) for each in re.split(r"[\s,;]+", cell) if each]
    if found != sorted(set(found)):
        raise ValueError("must be in order, each day once")
    return _array(found)


def federal_states(cell: str) -> str:
    """Names of federal states in order, separated by blanks, as an array of the database."""
    names = cell.split()
    if unknown := set(names).difference(FEDERAL_STATES):
        raise ValueError(f"holds {min(unknown)}, which is no federal state")
    if names != sorted(set(names)):
        raise ValueError("must be in order, each federal state once")
    return _array(names)


def _array(values: list[str]) -> str:
    return "{" + ",".join(values) + "}"


boolean = one_of(("true", "false"))


def _number(cell: str, *, whole: int, decimals: int) -> str:
    match = _NUMBER.fullmatch(cell)
    if match is None:
        raise ValueError(_why_not_a_number(cell))
    if len(match[1] or "") > decimals:
        raise ValueError(f"has {len(match[1])} decimals; {decimals} are allowed")
    if len(cell.partition(".")[0].lstrip("0")) > whole:
        raise ValueError(f"must be below {10**whole:,}")
    return cell


def _why_not_a_number(cell: str) -> str:
    if re.fullmatch(r"[0-9.]*,[0-9]+", cell):
        return "must be written with a decimal point, not a comma"
    if re.fullmatch(r"-[0-9.]+", cell):
        return "must not be negative"
    return "must be a decimal number such as 58.21"
