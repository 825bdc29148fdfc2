"""Whether an amount is what one customer consumes in one year: not that of "zwei Haushalte", nor of "im Januar"."""

from typing import Final

from app.interpreter.sentence import Sentence
from app.interpreter.words import MONTHS, NUMBERS


def is_of_several_customers(sentence: Sentence) -> bool:
    """ "Zwei Haushalte mit je 3500 kWh", "ten heat pumps with 5000 kWh each", but not "zwei Wärmepumpen mit 9000 kWh"."""
    keys = sentence.keys
    counted = {key for i, key in enumerate(keys) if _is_many(sentence, i - 1)}
    if not counted.isdisjoint(_CUSTOMERS):
        return True
    heat_pumps = any(
        key == "heat" and sentence[i + 1] == "pumps" and _is_many(sentence, i - 1)
        for i, key in enumerate(keys)
    )
    return (heat_pumps or not counted.isdisjoint(_DEVICES)) and not _EACH.isdisjoint(keys)


def is_of_a_part_of_a_year(sentence: Sentence) -> bool:
    """ "Im Januar", "von Januar bis März", "im ersten Quartal", "3500 kWh im Winter"; "im Jahr" beside it counts more."""
    if any(_names_a_whole_year(sentence, i) for i in range(len(sentence.keys))):
        return False
    return any(
        _is_a_span_of_months(sentence, i)
        or (sentence[i - 1] in _IN and (key in MONTHS or key in _PERIODS))
        or (key in _PERIODS and sentence[i - 2] in _IN and _is_an_ordinal(sentence, i - 1))
        or (key == "q" and sentence[i - 1] in _IN and sentence[i + 1] in _QUARTERS)
        or (key in _SEASONS and sentence[i - 1] in _IN and sentence[i - 2] in _UNITS)
        for i, key in enumerate(sentence.keys)
    )


def _is_many(sentence: Sentence, i: int) -> bool:
    key = sentence[i]
    if key.isdecimal() and key.isascii():
        return len(key) <= _MAX_DIGITS and int(key) > 1 and sentence[i - 1] not in _NUMBERED
    return NUMBERS.get(key, 0) > 1 or key in _MANY


def _names_a_whole_year(sentence: Sentence, i: int) -> bool:
    if sentence[i] in _YEARLY:
        return True
    # "Im Jahr 2026" names the year of the prices.
    return sentence[i] in _YEAR and sentence[i - 1] in _PER and not sentence[i + 1][:1].isdigit()


def _is_a_span_of_months(sentence: Sentence, i: int) -> bool:
    """ "Januar bis März", "Jan-Mar", but not "Januar bis Dezember"."""
    first = MONTHS.get(sentence[i])
    to = i + 2 if sentence[i + 1] in _TO else i + 1
    last = MONTHS.get(sentence[to])
    joined = to == i + 2 or not _DASHES.isdisjoint(sentence.gap(to))
    return first is not None and last is not None and joined and (first, last) != (1, 12)


def _is_an_ordinal(sentence: Sentence, i: int) -> bool:
    key = sentence[i]
    return (key.isdecimal() and sentence.gap(i + 1).startswith(".")) or key in _ORDINALS


_NUMBERED: Final = frozenset({"modul", "module"})
_MAX_DIGITS: Final = 3  # "2026 Haushalte" is a year
_MANY: Final = frozenset({
    "acht", "neun", "zehn", "elf", "zwolf", "zwanzig", "eight", "nine", "ten", "eleven", "twelve", "twenty", "mehrere",
    "mehreren", "viele", "vielen", "several", "many", "beide", "beiden", "both",
})  # fmt: skip
_CUSTOMERS: Final = frozenset(
    {"haushalte", "haushalten", "privathaushalte", "privathaushalten", "households", "familien", "families"}
)
_DEVICES: Final = frozenset({
    "warmepumpen", "wallboxen", "wallboxes", "wohnungen", "flats", "apartments", "hauser", "hausern", "einfamilienhauser",
    "einfamilienhausern", "houses", "betriebe", "betrieben", "businesses", "anlagen", "kunden", "customers", "filialen",
    "standorte", "standorten", "sites", "zahler", "zahlern", "meters",
})  # fmt: skip
_EACH: Final = frozenset({"je", "jeweils", "jede", "jeder", "jedes", "each", "apiece"})
_IN: Final = frozenset({"im", "in", "during", "wahrend"})
_PERIODS: Final = frozenset({"quartal", "halbjahr"})
_QUARTERS: Final = frozenset({"1", "2", "3", "4"})
_ORDINALS: Final = frozenset(
    {"ersten", "zweiten", "dritten", "vierten", "letzten", "diesem", "first", "second", "third", "fourth"}
)
_SEASONS: Final = frozenset(
    ["winter", "sommer", "herbst", "fruhling", "fruhjahr", "summer", "autumn", "spring"]
)
_UNITS: Final = frozenset({"kwh", "mwh", "gwh", "twh", "kw", "mw", "gw"})
_TO: Final = frozenset({"bis", "to", "until", "und", "and"})
_DASHES: Final = frozenset("-−–—/")
_YEAR: Final = frozenset({"jahr", "year"})
_PER: Final = frozenset({"im", "pro", "per", "a", "je", "in", "every", "each", "jedes"})
_YEARLY: Final = frozenset(
    {"jahrlich", "jahresverbrauch", "jahrlichem", "jahrlichen", "yearly", "annual", "annually"}
)
