"""What a bill lacks, in the words of an answer."""

from typing import Final

from app.domain.entry import VoltageLevel
from app.domain.levy import LevyKind
from app.domain.missing_figures import (
    MissingBand,
    MissingFigure,
    MissingPrice,
    MissingQuantities,
    MissingRate,
    MissingTariff,
    MissingTariffPrice,
)
from app.interpreter.answer_words import GERMAN, Words
from app.interpreter.levy_words import levy_words_of
from app.interpreter.price_words import price_words_of

_NAMED: Final = 3  # of several variants


def missing_of_bill(words: Words, figure: MissingFigure) -> str:
    """A figure of another kind is named as the domain names it."""
    match figure:
        case MissingPrice():
            return _price(words, figure)
        case MissingTariff(voltage_level=level):
            return f"{'Netzentgelte' if words is GERMAN else 'grid charges'} ({words.levels[level]})"
        case MissingTariffPrice():
            return f"{_price_pair(words, figure)} ({words.levels[figure.voltage_level]})"
        case MissingBand(band=band):
            return f"Preis {band} (Modul 3)" if words is GERMAN else f"price of {band} (module 3)"
        case MissingRate(kind=kind, customer_group=group):
            return _rate(words, kind, group)
        case MissingQuantities():
            return _before_and_after(words, figure)
    return figure.what


def _price(words: Words, figure: MissingPrice) -> str:
    name, level = price_words_of(words).kinds[figure.kind], figure.voltage_level
    about = [] if level is VoltageLevel.NS else [words.levels[level]]
    if figure.variants:
        only = "veröffentlicht nur für" if words is GERMAN else "published only for"
        more = ("…",) if len(figure.variants) > _NAMED else ()
        about.append(f"{only}: {'; '.join((*figure.variants[:_NAMED], *more))}")
    return f"{name} ({', '.join(about)})" if about else name


def _price_pair(words: Words, figure: MissingTariffPrice) -> str:
    if words is GERMAN:
        return f"{'Leistungspreis' if figure.leistung else 'Arbeitspreis'} {'unter' if figure.below_2500h else 'ab'} 2.500 h/a"
    price = "capacity price" if figure.leistung else "energy price"
    return f"{price} {'below' if figure.below_2500h else 'from'} 2,500 h/a"


def _rate(words: Words, kind: LevyKind, group: str | None) -> str:
    of_levy = levy_words_of(words)
    name = of_levy.kinds[kind]
    return name if group is None else f"{name} ({of_levy.groups.get(group, group)})"


def _before_and_after(words: Words, figure: MissingQuantities) -> str:
    kind, days = levy_words_of(words).kinds[figure.kind], ", ".join(map(str, figure.days))
    if words is GERMAN:
        return f"kWh vor und nach dem {days}, als sich der Satz änderte ({kind})"
    return f"kWh before and after {days}, when the rate changed ({kind})"
