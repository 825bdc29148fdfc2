"""Units of prices as people write them: in the name of a column, or behind a number."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from app.domain.families import FAMILIES
from app.domain.folding import compose

# The parts of a unit, in order: EUR/kW/a is ("eur", "kw", "a").
Unit = tuple[str, ...]

_PARTS: Final[Mapping[str, Unit]] = {
    word: part
    for words, part in (
        ("€ eur euro euros", ("eur",)),
        ("ct cts cent cents c", ("ct",)),
        ("kw kwp", ("kw",)),
        ("kwa", ("kw", "a")),
        ("kwh kilowattstunde kilowattstunden", ("kwh",)),
        ("mwh megawattstunde megawattstunden", ("mwh",)),
        ("mw mwp", ("mw",)),
        ("gw gwp", ("gw",)),
        ("kvarh kvah", ("kvarh",)),
        ("a jahr year annum jährlich yr pa jhr", ("a",)),
        ("m mon monat month monatlich", ("month",)),
        ("d tag day", ("day",)),
        ("% prozent percent vh", ("percent",)),
        ("auftrag vorgang order", ("order",)),
        ("brutto gross", ("gross",)),
        ("netto net je pro per und and in the p", ()),
    )
    for word in words.split()
}
_WORDS: Final = re.compile(r"[^\W\d_]+|[€%]")
# What joins the words of a unit; a digit or another sign makes it a remark.
_UNIT: Final = re.compile(r"(?:[^\W\d_]|[€%\s/()\[\]{}·∙⋅•*.×^_-])+")
_MAX_LENGTH: Final = 40
_NUMBER: Final = re.compile(
    r"\s*(?P<before>€|EUR|Euro)?\s*"
    r"(?P<number>[+-]?[0-9](?:[0-9.,'’\u00a0\u2009\u202f ]*[0-9])?)(?:,-+|,–+)?"
    r"\s*(?P<after>[^\d\s].*?)?\s*",
    re.IGNORECASE | re.DOTALL,
)
_GROUPS: Final = re.compile(r"([+-]?[0-9]{1,3}(?:[ '’\u00a0\u2009\u202f][0-9]{3})+)((?:[.,][0-9]+)?)")


@lru_cache(maxsize=1_000)
def unit_of(text: str) -> Unit | None:
    """None: the text is no unit."""
    text = compose(text)
    if len(text) > _MAX_LENGTH or not _UNIT.fullmatch(text):
        return None
    words = _WORDS.findall(text.casefold())
    if any(word not in _PARTS for word in words):
        return None
    return tuple(part for word in words for part in _PARTS[word]) or None


def fits(written: Unit, expected: Unit) -> bool:
    """Whether the unit is the expected one, perhaps without its last parts: € for EUR/kW/a."""
    return written == expected[: len(written)]


def is_other_size(written: Unit, expected: Unit) -> bool:
    """Whether both are prices of the same quantity in another size: EUR/MWh and ct/kWh, but not EUR/a."""
    size = _SIZES.get(written[1])
    return size is not None and size == _SIZES.get(expected[1]) and not fits(written, expected)


_SIZES: Final = {
    **dict.fromkeys(("kwh", "mwh"), "energy"),
    **dict.fromkeys(("kw", "mw"), "power"),
    **dict.fromkeys(("a", "month", "day"), "time"),
}


def in_words(unit: Unit) -> str:
    return "/".join(_SHOWN.get(part, part) for part in unit)


_SHOWN: Final = {
    "eur": "EUR",
    "kw": "kW",
    "kwh": "kWh",
    "mwh": "MWh",
    "mw": "MW",
    "gw": "GW",
    "order": "Auftrag",
}


def units_in(text: str) -> list[Unit]:
    """The units of prices that a sentence names, as "all prices in EUR/MWh"; those behind a number are of that number alone."""
    text = compose(text[:_MAX_SENTENCE])
    found = [
        unit_of(match[0])
        for match in PRICE_IN_TEXT.finditer(text)
        if not _BEHIND_NUMBER.search(text, 0, match.start())
    ]
    return [unit for unit in found if unit is not None and len(unit) > 1]


_MAX_SENTENCE: Final = 1_000
_PER: Final = r"[\s(\[]{0,3}(?:/|\bpro\b|\bje\b|\bper\b|\bp\.)[\s(\[]{0,3}"
_AND_PER: Final = r"[\s(\[]{0,3}(?:/|·|×|\*|\bpro\b|\bje\b|\bper\b|\bund\b|\bp\.)[\s(\[]{0,3}"
_TIME: Final = r"(?:Jahr|Monat|Tag|year|month|day|mon|a|m|d)"
_ENERGY: Final = r"(?:kWh|MWh|Kilowattstunden?|Megawattstunden?|kvarh)"
# A single m or d behind a blank begins the next word.
_POWER: Final = rf"(?:kWp?|MWp?)(?:{_AND_PER}{_TIME}|[\s(\[]{{0,3}}(?![md]\b){_TIME})?"
PRICE_IN_TEXT: Final = re.compile(
    r"(?<![^\W\d_])(?:€|(?:EUR|Euro|cts?|Cents?|c)(?![^\W\d_]))"
    rf"{_PER}(?:{_ENERGY}|kWa|{_POWER}|{_TIME})(?![^\W\d_])",
    re.IGNORECASE,
)
# Perhaps in the cell before, and not a year, alone or of a day.
_BEHIND_NUMBER: Final = re.compile(
    r"(?<!(?<![0-9.,])20[0-9])(?<!\.[0-9]{2}\.20[0-9])(?<!\.[0-9]\.20[0-9])[0-9](?:,[-–]{1,2})?[\s;]{0,3}[(\[]?\Z"
)


@lru_cache(maxsize=1_000)
def unit_of_column(column: str) -> Unit | None:
    """None: the column has none, or each row has its own."""
    if match := _IN_NAME.search(column):
        return unit_of(match[0].replace("_", " "))
    if column.startswith("capacity_mw_"):
        return _PARTS["mw"]
    return _columns().get(column)


_IN_NAME: Final = re.compile(r"(?:ct|eur)_per_[a-z]+$")


@lru_cache(maxsize=1)
def _columns() -> dict[str, Unit]:
    columns = [column for family in FAMILIES for column in family.columns if column.unit]
    return {column.name: unit for column in columns if (unit := unit_of(column.unit)) is not None}


def without_unit(cell: str) -> tuple[str, str]:
    """The number, without blanks between thousands, and the unit as it is written; the cell and "" if it is no number."""
    match = _NUMBER.fullmatch(cell) if len(cell) <= 2 * _MAX_LENGTH else None
    if match is None or (match["before"] and match["after"]):
        return cell, ""
    unit = (match["before"] or match["after"] or "").strip()
    if unit and unit_of(unit) is None:
        return cell, ""
    number = match["number"]
    if groups := _GROUPS.fullmatch(number):
        number = re.sub(r"[^0-9+-]", "", groups[1]) + groups[2]
    return number, unit
