"""What a bill lacks, in the words of an answer; the domain has it as English sentences."""

import re
from collections.abc import Callable
from typing import Final

from app.domain.entry import VoltageLevel
from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.interpreter.answer_words import GERMAN, Words
from app.interpreter.levy_words import levy_words_of
from app.interpreter.price_words import price_words_of

_PREFIX: Final = re.compile(r"Not known of \d+: (.*)\.", re.DOTALL)


def missing_of_bill(words: Words, sentence: str) -> str:
    """A sentence that is not known here stays as it is."""
    match = _PREFIX.fullmatch(sentence)
    what = sentence if match is None else match[1]
    for pattern, text in _TEXTS:
        if found := pattern.fullmatch(what):
            return text(words, found)
    return what


def _price(words: Words, found: re.Match[str]) -> str:
    kind = price_words_of(words).kinds[PriceKind(found["kind"])]
    level = VoltageLevel(found["level"])
    return kind if level is VoltageLevel.NS else f"{kind} ({words.levels[level]})"


def _tariff(words: Words, found: re.Match[str]) -> str:
    return f"{'Netzentgelte' if words is GERMAN else 'grid charges'} ({words.levels[VoltageLevel(found['level'])]})"


def _price_pair(words: Words, found: re.Match[str]) -> str:
    german = f"{found['price']} {found['side']} 2.500 h/a"
    price = "capacity price" if found["price"] == "Leistungspreis" else "energy price"
    english = f"{price} {'below' if found['side'] == 'unter' else 'from'} 2,500 h/a"
    return f"{german if words is GERMAN else english} ({words.levels[VoltageLevel(found['level'])]})"


def _band(words: Words, found: re.Match[str]) -> str:
    return f"{'Preis' if words is GERMAN else 'price of'} {found['band']} ({'Modul' if words is GERMAN else 'module'} 3)"


def _reduction(words: Words, _: re.Match[str]) -> str:
    return price_words_of(words).kinds[PriceKind.MODUL_1]


def _rate(words: Words, found: re.Match[str]) -> str:
    of_levy = levy_words_of(words)
    kind = of_levy.kinds[LevyKind(found["kind"])]
    group = of_levy.groups.get(found["group"] or "", found["group"])
    return f"{kind} ({group})" if group else kind


def _before_and_after(words: Words, found: re.Match[str]) -> str:
    kind = levy_words_of(words).kinds[LevyKind(found["kind"])]
    if words is GERMAN:
        return f"kWh vor und nach dem {found['days']}, als sich der Satz änderte ({kind})"
    return f"kWh before and after {found['days']}, when the rate changed ({kind})"


_TEXTS: Final[tuple[tuple[re.Pattern[str], Callable[[Words, re.Match[str]], str]], ...]] = (
    (re.compile(r"the price (?P<kind>\w+) for (?P<level>\w+)"), _price),
    (re.compile(r"the tariff for (?P<level>\w+)"), _tariff),
    (
        re.compile(
            r"the (?P<price>Leistungspreis|Arbeitspreis) (?P<side>unter|ab) 2500 h/a for (?P<level>\w+)"
        ),
        _price_pair,
    ),
    (re.compile(r"the price of the band (?P<band>HT|ST|NT) of Modul 3"), _band),
    (re.compile(r"the reduction of Modul 1 \(MODUL_1\)"), _reduction),
    (
        re.compile(
            r"the rate (?P<kind>\w+)(?: for this number of inhabitants| of the customer group (?P<group>.+) from \S+ to \S+)?"
        ),
        _rate,
    ),
    (
        re.compile(r"the kWh before and after (?P<days>[\d, -]+), when the rate (?P<kind>\w+) changed.*"),
        _before_and_after,
    ),
)
