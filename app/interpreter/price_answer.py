"""The answer about positions of a price sheet: each with its unit, its level and what it rests on."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from app.domain.entry import LEVEL_ORDER, Publication, VoltageLevel
from app.domain.price import Price, PriceKind, only_level
from app.domain.question import Interpretation
from app.interpreter.answer_words import Words, listed, number
from app.interpreter.price_words import price_words_of

_K = PriceKind
# Many operators have none, so that they are no gap in a price sheet.
_OPTIONAL: Final = frozenset(
    [
        _K.MODUL_2_GRUNDPREIS, _K.SPEICHERHEIZUNG_GRUNDPREIS, _K.WAERMEPUMPE_GRUNDPREIS, _K.EMOBILITAET_GRUNDPREIS,
        _K.MESSSTELLENBETRIEB_ZUSATZ, _K.MESSUNG,
    ]
)  # fmt: skip


def positions(words: Words, meaning: Interpretation, name: str, prices: Sequence[Price]) -> str | None:
    """Also which of the positions are not known; None without a single one."""
    if not prices:
        return None
    of_price = price_words_of(words)
    texts = [_of_level(words, level, list(same)) for level, same in groupby(_ordered(prices), key=_level_of)]
    if missing := named_kinds(words, _missing(meaning, prices)):
        texts.append(of_price.not_known.format(missing))
    return f"{name}, {meaning.year} ({of_price.net}): " + "; ".join(texts)


def named_kinds(words: Words, kinds: Sequence[PriceKind]) -> str:
    """What is asked for, as the subject of a sentence; without what many operators do not have."""
    of_price = price_words_of(words)
    chosen = [kind for kind in kinds if kind not in _OPTIONAL] or kinds
    return listed([of_price.kinds[kind] for kind in chosen], words.both) if chosen else ""


def _missing(meaning: Interpretation, prices: Sequence[Price]) -> list[PriceKind]:
    held = {price.kind for price in prices}
    return [kind for kind in meaning.details.kinds if kind not in held and kind not in _OPTIONAL]


def _ordered(prices: Sequence[Price]) -> list[Price]:
    """By level; those of low voltage alone and those of no level first. Each level in the order of a price sheet."""
    kinds = list(PriceKind)
    return sorted(prices, key=lambda price: (_rank(price), kinds.index(price.kind), price.variant or ""))


def _rank(price: Price) -> int:
    level = _level_of(price)
    return -1 if level is None else LEVEL_ORDER[level]


def _level_of(price: Price) -> VoltageLevel | None:
    """None: it goes without saying."""
    return None if only_level(price.kind) is not None else price.voltage_level


def _of_level(words: Words, level: VoltageLevel | None, prices: Sequence[Price]) -> str:
    text = ", ".join(_price(words, price) for price in prices)
    return text if level is None else f"{words.levels[level]} {text}"


def _price(words: Words, price: Price) -> str:
    of_price = price_words_of(words)
    amount = of_price.units[price.unit].format(number(words, price.amount))
    marks = [price.variant] if price.variant else []
    if price.publication is Publication.PRELIMINARY:
        marks.append(words.preliminary)
    if price.derived_from is not None:
        rules = [of_price.rules.get(rule, rule) for rule in price.derived_from.split("; ")]
        marks.append(of_price.derived.format("; ".join(rules)))
    text = f"{of_price.kinds[price.kind]} {amount}"
    return f"{text} ({', '.join(marks)})" if marks else text
