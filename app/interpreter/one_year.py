"""Whether an amount is what one customer consumes in one year: not that of "zwei Haushalte", nor of "im Januar"."""

import re
from typing import Final

from app.interpreter.sentence import Sentence
from app.interpreter.units import IN_KW, IN_KWH
from app.interpreter.words import DASHES, EBENE, MONTHS, NEXT, NUMBERS, PREVIOUS, THIS, TO, UNITS
from app.interpreter.years import is_a_year


def is_of_several_customers(sentence: Sentence) -> bool:
    """ "Zwei Haushalte mit je 3500 kWh", "ten heat pumps with 5000 kWh each", but not "zwei Wärmepumpen mit 9000 kWh"."""
    keys = sentence.keys
    counted = {key for i, key in enumerate(keys) if _is_many(sentence, _before_adjectives(sentence, i - 1))}
    if not counted.isdisjoint(_CUSTOMERS):
        return True
    heat_pumps = any(
        key == "heat"
        and sentence[i + 1] == "pumps"
        and _is_many(sentence, _before_adjectives(sentence, i - 1))
        for i, key in enumerate(keys)
    )
    if not heat_pumps and counted.isdisjoint(_DEVICES):
        return False
    return any(_is_of_each(sentence, i) for i in range(len(keys)))


def is_of_a_part_of_a_year(sentence: Sentence) -> bool:
    """ "Im Januar", "von Januar bis März", "im ersten Quartal", "3500 kWh im Winter"; "im Jahr" beside it counts more."""
    if any(_names_a_whole_year(sentence, i) for i in range(len(sentence.keys))):
        return False
    return any(
        (_is_a_span_of_months(sentence, i) and not _is_of_something_else(sentence, i, _PEAKS_AND_PRICES))
        or _is_in_a_month(sentence, i)
        or _is_a_number_of_periods(sentence, i)
        or _is_this_or_the_last(sentence, i)
        or (key in _PERIODS and (sentence[i - 1] in _IN or _is_an_ordinal(sentence, i - 1)))
        or (key == "q" and sentence.gap(i + 1) == "" and sentence[i + 1] in _QUARTERS)
        or (
            key in _SEASONS
            and sentence[i - 1] in _IN
            and sentence[i - 2] in IN_KWH
            and not _is_of_something_else(sentence, i, _SOMETHING_ELSE)
        )
        for i, key in enumerate(sentence.keys)
    )


def _is_a_number_of_periods(sentence: Sentence, i: int) -> bool:
    """Of an amount: "3500 kWh Westnetz für 6 Monate", "für zwei Jahre 7000 kWh", "3500 kWh for half a year"; not "für 12 Monate"."""
    key = sentence[i]
    if key in _HALF and sentence[i + 1] in _ARTICLES | _YEAR:
        start = i - 2 if sentence[i - 1] in _ARTICLES else i - 1
        end = i + 2 if sentence[i + 1] in _YEAR else i + 3
        if sentence[end - 1] not in _YEAR:
            return False
    else:
        start, end, before = i - 2, i + 1, sentence[i - 1]
        number = int(before) if before.isdecimal() and len(before) <= _MAX_DIGITS else NUMBERS.get(before, 0)
        if key not in _WHOLE_YEAR or number == 0 or number in _WHOLE_YEAR[key]:
            return False
    if sentence[start] not in _FOR or sentence[end].startswith("alt") or sentence[end] == "old":
        return False
    beside = _is_behind_an_amount(sentence, start) or _is_before_an_amount(sentence, end)
    return beside and not _is_of_something_else(sentence, i, _SOMETHING_ELSE)


def _is_this_or_the_last(sentence: Sentence, i: int) -> bool:
    """ "300 kWh letzten Monat", "300 kWh in the last week", but not "letzten Monat eingezogen, 3500 kWh"."""
    if sentence[i] not in _SHORT_PERIODS or sentence[i - 1] not in THIS | PREVIOUS | NEXT:
        return False
    start = i - 1
    while sentence[start - 1] in _BEFORE_PERIODS:
        start -= 1
    apart = any(not _BETWEEN_CLAUSES.isdisjoint(sentence.gap(j)) for j in range(start, i))
    if apart or not (sentence[start - 1] in IN_KWH or _ends_a_clause_with_energy(sentence, i)):
        return False
    return _SOMETHING_ELSE.isdisjoint(_clause(sentence, i))


def _ends_a_clause_with_energy(sentence: Sentence, i: int) -> bool:
    """ "5 GWh 1500 kW Westnetz letzten Monat", but not "letzten Monat eingezogen 3500 kWh", "bitte noch diese Woche"."""
    if sentence[i - 1] not in PREVIOUS:
        return False
    is_end = i + 1 >= len(sentence.keys) or not _BETWEEN_CLAUSES.isdisjoint(sentence.gap(i + 1))
    return is_end and not IN_KWH.keys().isdisjoint(_clause(sentence, i))


def _is_behind_an_amount(sentence: Sentence, i: int) -> bool:
    """With nothing between but the name of an operator."""
    named = sentence.covered(sentence.mentions)
    while i > 0 and _BETWEEN_CLAUSES.isdisjoint(sentence.gap(i)):
        i -= 1
        if i not in named and sentence[i] not in _BEFORE_NAMES:
            return sentence[i] in IN_KWH
    return False


def _is_before_an_amount(sentence: Sentence, i: int) -> bool:
    """Whether a number and its unit follow; "5 000 000 kWh" are several tokens."""
    end = i
    while sentence[end][:1].isdigit() and _BETWEEN_CLAUSES.isdisjoint(sentence.gap(end)):
        end += 1
    return end > i and sentence[end] in IN_KWH


def _before_adjectives(sentence: Sentence, i: int) -> int:
    """Where the number of "zwei kleine Haushalte" stands; "2-Personen-Haushalte" are counted by nothing."""
    key = sentence[i]
    is_adjective = key.endswith(("e", "en")) or key in _ADJECTIVES
    return i - 1 if is_adjective and key not in UNITS and not _is_many(sentence, i) else i


def _is_many(sentence: Sentence, i: int) -> bool:
    key = sentence[i]
    if sentence[i - 1] in _NUMBERED:
        return False
    if key.isdecimal() and key.isascii():
        return len(key) <= _MAX_DIGITS and int(key) > 1 and _APOSTROPHES.isdisjoint(sentence.gap(i))
    return NUMBERS.get(key, 0) > 1 or key in _MANY


def _is_of_each(sentence: Sentence, i: int) -> bool:
    """ "Je 3500 kWh", "5000 kWh each", but not "je Dach"."""
    if sentence[i] not in _EACH:
        return False
    if sentence[i] in _BEHIND and sentence[i - 1] in _UNITS:
        return True
    return not IN_KWH.keys().isdisjoint(sentence.keys[i + 1 : i + 1 + _OF_EACH_WITHIN])


def _names_a_whole_year(sentence: Sentence, i: int) -> bool:
    """ "5 GWh/a", "p. a.", "im Jahr 5 GWh"; "im Jahr 2026" names the year of the prices."""
    before = sentence[i - 1]
    if sentence[i] in _YEARLY:
        return True
    if sentence[i] == "a":
        return before == "p" or (before in _UNITS and sentence.gap(i).strip() == "/")
    if sentence[i] not in _YEAR or not (before in _PER or before in _UNITS) or sentence[i - 2] in _HALF:
        return False
    return not (is_a_year(sentence[i + 1]) and sentence[i + 2] not in _UNITS)


def _is_in_a_month(sentence: Sentence, i: int) -> bool:
    """ "500 kWh im Januar 2026"; elsewhere "im Januar", "im Monat Januar", "für Januar", where the clause speaks of nothing else,
    but not "im Januar 2026", which names the state of the prices."""
    before = i - 2 if sentence[i - 1] in {"monat", "month"} else i - 1
    if sentence[i] not in MONTHS or sentence[before] not in _IN_OR_FOR:
        return False
    if sentence[before - 1] in IN_KWH and sentence[before] in _IN:
        return True
    return not is_a_year(sentence[i + 1]) and not _is_of_something_else(sentence, i, _SOMETHING_ELSE)


def _is_a_span_of_months(sentence: Sentence, i: int) -> bool:
    """ "Januar bis März", "Jan-Mar", "1. Januar 2026 bis 31. März 2026", "01.01.2026 bis 31.03.2026", but no twelve months."""
    first = _month(sentence[i])
    if first is None:
        return False
    to = i + 2 if is_a_year(sentence[i + 1]) else i + 1
    end = to + 1 if sentence[to] in TO else to
    if end == to and _DASHES.isdisjoint(sentence.gap(to)):
        return False
    if sentence[end].isdecimal() and len(sentence[end]) <= 2 and sentence[end + 1] in MONTHS:
        end += 1
    last = _month(sentence[end])
    if last is None or (sentence[to] in _AND and (to > i + 1 or sentence[i] not in MONTHS)):
        return False  # "Januar 2025 und Januar 2026" are compared
    return (last - first) % 12 != 11


def _month(key: str) -> int | None:
    """Of "Januar" and of "31.03.2026"."""
    if match := _DATE.fullmatch(key):
        return int(match[1])
    return MONTHS.get(key)


def _is_of_something_else(sentence: Sentence, i: int, words: frozenset[str]) -> bool:
    """Whether the clause speaks of a peak, of prices, of moving: "Spitze im Dezember", "gültig im Januar"."""
    return any(key in words or key.endswith(_OF_PEAKS) for key in _clause(sentence, i))


def _clause(sentence: Sentence, i: int) -> list[str]:
    start, end = i, i + 1
    while start > 0 and _BETWEEN_CLAUSES.isdisjoint(sentence.gap(start)):
        start -= 1
    while end < len(sentence.keys) and _BETWEEN_CLAUSES.isdisjoint(sentence.gap(end)):
        end += 1
    return sentence.keys[start:end]


def _is_an_ordinal(sentence: Sentence, i: int) -> bool:
    key = sentence[i]
    return (key.isdecimal() and sentence.gap(i + 1).startswith(".")) or key in _ORDINALS


_NUMBERED: Final = EBENE | {"modul", "module", "tarif", "tariff", "top", "plz"}
_MAX_DIGITS: Final = 3  # "2026 Haushalte" is a year
_APOSTROPHES: Final = frozenset("'’‘`´")
_MANY: Final = frozenset({
    "acht", "neun", "zehn", "elf", "zwolf", "zwanzig", "eight", "nine", "ten", "eleven", "twelve", "twenty", "mehrere",
    "mehreren", "several", "beide", "beiden", "both", "zweier", "dreier",
})  # fmt: skip
_CUSTOMERS: Final = frozenset(
    {
        "haushalte",
        "haushalten",
        "privathaushalte",
        "privathaushalten",
        "households",
        "familien",
        "families",
        "zahlpunkte",
        "zahlpunkten",
        "anschlusse",
        "anschlussen",
        "entnahmestellen",
        "lieferstellen",
        "marktlokationen",
    }
)
_DEVICES: Final = frozenset({
    "warmepumpen", "wallboxen", "wallboxes", "wohnungen", "flats", "apartments", "hauser", "hausern", "einfamilienhauser",
    "einfamilienhausern", "houses", "betriebe", "betrieben", "businesses", "anlagen", "kunden", "customers", "filialen",
    "standorte", "standorten", "sites", "zahler", "zahlern", "meters",
})  # fmt: skip
_ADJECTIVES: Final = frozenset({
    "neu", "small", "large", "big", "new", "old", "average", "typical", "normal", "similar", "identical", "private", "further", "other",
})  # fmt: skip
_FOR: Final = frozenset({"fur", "for"})
_ARTICLES: Final = frozenset({"ein", "a"})
_BEFORE_NAMES: Final = frozenset({"bei", "at", "with"})
_BEFORE_PERIODS: Final = frozenset({"im", "in", "der", "the"})
_HALF: Final = frozenset({"halbes", "halben", "half"})
_SHORT_PERIODS: Final = frozenset({"monat", "month", "woche", "week"})
# How many of them are one year.
_WHOLE_YEAR: Final = {
    **dict.fromkeys(("tage", "tagen", "days"), (365, 366)),
    **dict.fromkeys(("wochen", "weeks"), (52,)),
    **dict.fromkeys(("monat", "monate", "monaten", "month", "months"), (12,)),
    **dict.fromkeys(("quartal", "quartale", "quartalen", "quarters"), (4,)),
    **dict.fromkeys(("jahre", "jahren", "years"), (1,)),
}
_BEHIND: Final = frozenset({"each", "apiece", "jeweils"})
_EACH: Final = _BEHIND | {"je", "jede", "jeder", "jedes"}
_OF_EACH_WITHIN: Final = 3  # tokens
_IN: Final = frozenset({"im", "in", "during", "wahrend"})
_IN_OR_FOR: Final = _IN | {"fur", "for"}
_PERIODS: Final = frozenset({"quartal", "halbjahr", "quarter", "half"})
_QUARTERS: Final = frozenset({"1", "2", "3", "4"})
_ORDINALS: Final = frozenset({
    "erstes", "ersten", "zweites", "zweiten", "drittes", "dritten", "viertes", "vierten", "letzten", "diesem", "first",
    "second", "third", "fourth",
})  # fmt: skip
_SEASONS: Final = frozenset(
    ["winter", "sommer", "herbst", "fruhling", "fruhjahr", "summer", "autumn", "spring"]
)
_OF_PEAKS: Final = ("last", "spitze", "maximum", "peak")  # "Jahreshöchstlast"
_PEAKS_AND_PRICES: Final = frozenset(
    {"preise", "preisen", "preisstand", "preisblatt", "prices", "gultig", "valid"}
)
_SOMETHING_ELSE: Final = _PEAKS_AND_PRICES | {
    "einzug", "einziehe", "einziehen", "umzug", "umziehe", "umziehen", "ziehe", "ziehen", "move", "moving", "abrechnung",
    "rechnung", "vertrag", "davon",
}  # fmt: skip
_BETWEEN_CLAUSES: Final = frozenset("?!,;:")
_UNITS: Final = IN_KWH.keys() | IN_KW.keys()
_AND: Final = frozenset({"und", "and"})
_DASHES: Final = DASHES | {"/"}
_DATE: Final = re.compile(r"\d{1,2}\.(0?[1-9]|1[0-2])\.\d{4}")
_YEAR: Final = frozenset({"jahr", "kalenderjahr", "year", "annum", "anno"})
_PER: Final = frozenset({"im", "pro", "per", "a", "je", "in", "every", "each", "jedes"})
_YEARLY: Final = frozenset(
    {"jahrlich", "jahresverbrauch", "jahrlichem", "jahrlichen", "yearly", "annual", "annually", "pa"}
)
