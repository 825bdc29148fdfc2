"""Consumption and peak load in a sentence: "5 GWh bei 1500 kW", "1,200 MWh with 3,000 hours of use"."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple, TypeAlias

from app.domain.question import Language
from app.interpreter.sentence import Sentence
from app.interpreter.units import HOURS_OF_USE, IN_KW, IN_KWH, SCALES
from app.interpreter.words import LETTERS, MONTHS, NUMBERS, Sign
from app.interpreter.years import is_a_year

_HOURS: Final = frozenset(
    [
        "h",
        "std",
        "stunden",
        *HOURS_OF_USE,
        "vbh",
        "bh",
        "hours",
        "hrs",
    ]
)
# "Unter 2500 h": the heading of a column of prices.
_BOUNDS: Final = frozenset(
    [
        "ab",
        "bis",
        "unter",
        "uber",
        "mehr",
        "als",
        "weniger",
        "from",
        "below",
        "above",
        "under",
        "over",
        "than",
    ]
)
_GROUPS: Final = re.compile(r"\d{1,3}(?:([.,])\d{3})(?:\1\d{3})*")
_NUMBER: Final = re.compile(r"\d{1,15}(?:[.,]\d{1,6})?")
_MIXED: Final = re.compile(r"\d{1,3}(?:([.,])\d{3})+(?!\1)[.,]\d{1,6}")
_LARGEST: Final = Decimal(10) ** 15
_WATT: Final = Decimal("0.001")
HOURS_OF_A_YEAR: Final = 8784  # the most
_FEWEST_HOURS: Final = 10  # "2.500 hours" in English are no two and a half
# § 14a EnWG holds from 4.2 kW on, standard load profiles and concession fees of households up to 30 kW.
_CUSTOMERS_FROM_KW: Final = frozenset({Decimal("4.2"), Decimal(30)})
_Measured: TypeAlias = tuple[int, int, Decimal, str]  # first token, end, value, unit
METERED_FROM_KWH: Final = 100_000  # customers with a higher consumption have load metering


class Amounts(NamedTuple):
    """`tokens`: what was read as an amount. `vague`: one of them is no single number of which a cost can be. `periodic`: only the
    consumption of a day, a month or the like is named."""

    kwh: Decimal | None
    kw: Decimal | None
    tokens: set[int]
    vague: bool = False
    periodic: bool = False

    @property
    def complete(self) -> bool:
        return self.kwh is not None and self.kw is not None


def amounts_of(sentence: Sentence, language: Language) -> Amounts:
    """Of consumption, peak load and hours of use, two give the third. Of two amounts the first counts."""
    kwh = kw = hours = None
    other_kwh = other_kw = None  # in the notation of the other language
    vague = False
    end_of_peak = 0
    tokens: set[int] = set()
    measured = _meant(sentence, list(_measured(sentence, language)))
    for start, end, value, unit in measured:
        if unit in IN_KWH and kwh is None:
            kwh, other_kwh = value * IN_KWH[unit], _otherwise(sentence, start, end, IN_KWH)
            bounded = _is_bounded(sentence, start, end, _ENERGY_BOUNDS)
            if bounded and kwh == METERED_FROM_KWH:
                kwh = None  # "unter 100.000 kWh": a kind of customers
                tokens |= {*range(start, end)}
                continue
            vague |= bounded
        elif unit in IN_KW and kw is None:
            kw, other_kw = value * IN_KW[unit], _otherwise(sentence, start, end, IN_KW)
            bounded = _is_bounded(sentence, start, end, _POWER_BOUNDS)
            if bounded and kw in _CUSTOMERS_FROM_KW:
                kw = None  # "Wärmepumpe über 4,2 kW", "unter 30 kW"
                tokens |= {*range(start, end)}
                continue
            vague |= bounded
            end_of_peak = end
        elif unit in _HOURS and hours is None and sentence[start - 1] not in _BOUNDS:
            hours = value
        else:
            vague |= unit in IN_KWH and value * IN_KWH[unit] != kwh
            if unit in IN_KW and kw is not None and _OF_DEVICES < value * IN_KW[unit] != kw:
                vague |= _names_another_time(sentence, range(end_of_peak, start), end)
            continue
        vague |= _is_negative(sentence, start)
        vague |= _is_of_a_range(sentence, start, end, value) and not _is_said_again(
            sentence, end, value, measured
        )
        vague |= _is_of_a_calculation(sentence, start) or _is_of_a_fraction(sentence, start, end)
        vague |= _replaces_a_number(sentence, start)
        tokens |= {*range(start, end)}
    if kwh is not None and kw is not None and not _fit(kwh, kw):
        # "5.000.000 kWh and 1.500 kW": of two readings the one that a year can have.
        if other_kw is not None and _fit(kwh, other_kw):
            kw = other_kw
        elif other_kwh is not None and _fit(other_kwh, kw):
            kwh = other_kwh
    if hours is not None and _FEWEST_HOURS <= hours <= HOURS_OF_A_YEAR:
        if kw is None and kwh is not None:
            kw = (kwh / hours).quantize(_WATT, ROUND_HALF_UP)
        elif kwh is None and kw is not None:
            kwh = kw * hours
    names_energy = kwh is None and not IN_KWH.keys().isdisjoint(sentence.keys)
    periodic = names_energy and any(
        unit in IN_KWH and sentence[end] != "x" and sentence[start - 1] != "x"
        for start, end, _, unit in _measured(sentence, language, parts=True)
    )
    return Amounts(_usable(kwh), _usable(kw) or None, tokens, vague, periodic)


def _fit(kwh: Decimal, kw: Decimal) -> bool:
    return kw * _FEWEST_HOURS <= kwh <= kw * HOURS_OF_A_YEAR


def _otherwise(sentence: Sentence, start: int, end: int, units: Mapping[str, int]) -> Decimal | None:
    number = in_thousands(sentence[start]) if end == start + 2 else None
    return None if number is None else number * units[sentence[start + 1]]


def _meant(sentence: Sentence, measured: list[_Measured]) -> list[_Measured]:
    """Without energies of gas, parts ("davon 1 GWh nachts") and those that are denied, where others are left."""
    denied = {mark.end for mark in sentence.marks if mark.meaning is Sign.NOT}
    others = [
        one
        for one in measured
        if one[3] in IN_KWH
        and (
            one[0] in denied
            or sentence[one[0] - 1] == "davon"
            or sentence[one[1]] in _OTHER_ENERGY
            or (sentence[one[0] - 1] in _OTHER_ENERGY and sentence.gap(one[0]) == " ")
        )
    ]
    left = [one for one in measured if one not in others]
    return left if any(one[3] in IN_KWH for one in left) else measured


def _is_negative(sentence: Sentence, i: int) -> bool:
    """ "-5 GWh", "minus 5 GWh", but not "NS - 5 GWh", "MS-5 GWh" and "2025 -5 GWh"."""
    if sentence[i - 1] == "minus":
        return True
    gap = sentence.gap(i)
    return gap[-1:] in _DASHES and (i == 0 or gap[-2:-1] in _BEFORE_SIGNS)


def _is_of_a_range(sentence: Sentence, start: int, end: int, value: Decimal) -> bool:
    """ "3000-5000 kWh", "zwischen 3000 und 5000 kWh", "5 GWh oder 6 GWh", "3000 kWh bis 5000 kWh"."""
    alike = _measures_like(sentence[end - 1])
    if sentence[end] in _TO and _starts_with_digit(sentence[end + 1]) and sentence[end + 2] in alike:
        return True
    if sentence[start - 1] == "von" and sentence[end] == "auf" and sentence[end + 2] in alike:
        return _starts_with_digit(sentence[end + 1])  # "von 1500 kW auf 1200 kW"
    if _DASHES.intersection(sentence.gap(end)) and _starts_with_digit(sentence[end]):
        return sentence[end + 1] in alike  # "5 GWh - 1500 kW" is none
    before, gap = sentence[start - 1], sentence.gap(start)
    if before == "auf" and sentence[start - 3] == "von":  # "von 1500 auf 1200 kW"
        return _starts_with_digit(sentence[start - 2])
    if before in _TO:
        return _starts_with_digit(sentence[start - 2]) or sentence[start - 2] in alike
    if before in _AND:
        return not _BETWEEN.isdisjoint(sentence.keys[max(start - 4, 0) : start - 1])
    if not _starts_with_digit(before) or gap.strip() not in _DASHES:
        return False
    if sentence[start - 2] in _NUMBERED or (_POSTAL_CODE.fullmatch(before) and int(before) > value):
        return False  # "Modul 2 - 5000 kWh", "50667 - 3500 kWh"
    return gap.strip() == gap or not _DATES.fullmatch(before)  # "Westnetz 2025 - 5000 kWh"


def _is_said_again(sentence: Sentence, end: int, value: Decimal, measured: Sequence[_Measured]) -> bool:
    """ "1500 kW bzw. 1,5 MW" is one number."""
    scales = IN_KWH | IN_KW
    return sentence[end] == "bzw" and any(
        start == end + 1 and other * scales.get(unit, 1) == value * scales.get(sentence[end - 1], 1)
        for start, _, other, unit in measured
    )


def _is_of_a_calculation(sentence: Sentence, start: int) -> bool:
    """ "2 mal 3500 kWh", "3500+2000 kWh", "2*3500 kWh", "3000/5000 kWh", "10^6 kWh" and "1e6 kWh": the last number alone is not meant.
    Not "sag mir mal 3500 kWh", "2026 + 5 GWh", "Modul 1 + 3500 kWh"."""
    before, gap = sentence[start - 1], sentence.gap(start)
    if before in _TIMES:
        factor = sentence[start - 2]
        if factor.endswith(("te", "ten")) or "." in sentence.gap(start - 1):
            return False  # "zum zweiten mal", "zum 2. mal"
        return _is_a_factor(sentence, start - 2) or NUMBERS.get(factor, 0) > 1
    if before == "twice" or (before.endswith("mal") and NUMBERS.get(before.removesuffix("mal"), 0) > 1):
        return True
    if not _starts_with_digit(before):
        return before == "e" and gap == "" and _starts_with_digit(sentence[start - 2])
    if gap.strip() == "/":
        both_long = min(len(before), len(sentence[start])) >= _DIGITS_OF_CONSUMPTIONS
        return both_long and _is_a_factor(sentence, start - 1)
    return not _OPERATIONS.isdisjoint(gap) and _is_a_factor(sentence, start - 1)


def _is_of_a_fraction(sentence: Sentence, start: int, end: int) -> bool:
    """ "Die Hälfte von 3500 kWh", "5 GWh + 10 %", "5 GWh minus 10 Prozent"; not "5 GWh plus 19 % MwSt", "5 GWh minus 10 % Rabatt"."""
    if sentence[start - 1] in {"von", "of"} and sentence[start - 2] in _FRACTIONS:
        return True
    number = end + 1 if sentence[end] in _CHANGES else end
    sign = sentence.gap(end).strip()
    if sign not in (_SIGNS_OF_CHANGES if number == end else {""}):
        return False
    after = number + 2 if sentence[number + 1] in _PERCENT else number + 1
    is_percent = after == number + 2 or sentence.gap(after).strip()[:1] == "%"
    if not is_percent or not _starts_with_digit(sentence[number]):
        return False
    is_more = sign == "+" or sentence[end] == "plus"
    return sentence[number] != (_TAX if is_more else _REDUCTION) and not _is_of_a_price(sentence, after)


def _is_of_a_price(sentence: Sentence, after: int) -> bool:
    """Taxes and discounts are no change of the amount, nor is the reduction by Modul 2."""
    return sentence[after] in _OF_PRICES or any(
        key in {"modul", "module"} and sentence[i + 1] in _SECOND for i, key in enumerate(sentence.keys)
    )


def _replaces_a_number(sentence: Sentence, start: int) -> bool:
    """ "4000 statt bisher 3500 kWh": the number that is meant has no unit."""
    before = start - 2 if sentence[start - 1] in _UNTIL_NOW else start - 1
    key = sentence[before - 1]
    is_other = is_a_year(key) or _POSTAL_CODE.fullmatch(key)
    return sentence.spells(before, _INSTEAD) and _is_a_factor(sentence, before - 1) and not is_other


def _names_another_time(sentence: Sentence, between: range, end: int) -> bool:
    """ "1500 kW, künftig nur noch 1200 kW", "bisher 1500 kW, jetzt 1200 kW": two peak loads; not "künftig 300 kW PV"."""
    words = {sentence[i] for i in between}
    ends = end == len(sentence.keys) or bool(sentence.gap(end).strip())
    return ends and not words.isdisjoint(_LATER) and words <= _LATER | _BESIDE_PEAKS


def _is_a_factor(sentence: Sentence, i: int) -> bool:
    """A number that is neither a date, nor one of "Modul 1", "Haus 100", "Zählernummer 1234"."""
    key, label = sentence[i], sentence[i - 1]
    is_named = label in _LABELS or label.endswith("nummer")
    return _starts_with_digit(key) and not _DATES.fullmatch(key) and not is_named


def _measures_like(unit: str) -> Collection[str]:
    return next(units for units in (IN_KWH, IN_KW, _HOURS) if unit in units)


def _starts_with_digit(key: str) -> bool:
    return key[:1].isdigit()


def _is_bounded(sentence: Sentence, start: int, end: int, bounds: frozenset[str]) -> bool:
    """ "Unter 5000 kWh", "mehr als 5 GWh", "5000 kWh oder mehr", "> 5 GWh", but not "Rechnung über 3500 kWh"."""
    if _SIGNS_OF_BOUNDS.intersection(sentence.gap(start)):
        return True
    if sentence[end] in _TO and sentence[end + 1] in _OR_SO:
        return True
    i = start - 1
    if sentence[i] in _PASSED_OVER:
        i -= 1
    if sentence[i] not in bounds or sentence[i - 1] in LETTERS:
        return False
    return sentence[i] not in _OF_MORE or i != start - 1


_INSTEAD: Final = frozenset({"statt", "anstatt", "anstelle"})
_UNTIL_NOW: Final = frozenset({"bisher", "bislang", "fruher", "vorher", "zuvor", "ehemals"})
_LATER: Final = frozenset({"kunftig", "zukunftig", "demnachst", "bald", "spater", "danach", "jetzt", "nun"})
_OF_DEVICES: Final = 30  # kW: "Wallbox 11 kW, künftig 22 kW" names no peak load
_BESIDE_PEAKS: Final = frozenset({
    "nur", "noch", "evtl", "eventuell", "vielleicht", "wohl", "bei", "mit", "dann", "ca", "etwa", "rund", "lastspitze", "spitze", "hochstlast",
})  # fmt: skip
_FRACTIONS: Final = frozenset(
    {
        "halfte",
        "drittel",
        "viertel",
        "doppelte",
        "doppelten",
        "dreifache",
        "half",
        "third",
        "quarter",
        "double",
    }
)
_SIGNS_OF_CHANGES: Final = frozenset({*"+-−–±", "+/-", "+-"})
_CHANGES: Final = frozenset({"plus", "minus", "abzuglich", "abzgl"})
_TAX: Final = "19"  # %
_REDUCTION: Final = "60"  # %, of Modul 2
_SECOND: Final = frozenset({"2", "zwei", "two", "ii"})
# As keys: "ue" and "ü" are one.
_OF_PRICES: Final = frozenset(
    [
        "mwst",
        "ust",
        "mehrwertsteur",
        "umsatzsteur",
        "steur",
        "steurn",
        "vat",
        "tax",
        "brutto",
        "rabatt",
        "nachlass",
        "preisnachlass",
        "discount",
    ]
)
_PERCENT: Final = frozenset({"prozent", "percent"})
_TIMES: Final = frozenset({"mal", "times"})
_DIGITS_OF_CONSUMPTIONS: Final = 3
_OPERATIONS: Final = frozenset("+*×·^")
_DASHES: Final = frozenset("-−–—")
_BEFORE_SIGNS: Final = frozenset(" (:;,=")
_TO: Final = frozenset({"bis", "oder", "bzw", "to", "or"})
_AND: Final = frozenset({"und", "and"})
_BETWEEN: Final = frozenset({"zwischen", "between"})
_DATES: Final = re.compile(r"20[0-4]\d|\d{1,2}\.\d{1,2}\.\d{2,4}|\d{1,2}\.\d{4}")
_POSTAL_CODE: Final = re.compile(r"\d{5}")
_NUMBERED: Final = frozenset({"modul", "module", "plz", "postleitzahl", "netzebene", "postcode"})
_LABELS: Final = _NUMBERED | {"haus", "wohnung", "nr", "no"}
# Behind them stands one digit; "Haus 4 500 kWh" and "NS-Ebene 3 500 kWh" are whole amounts.
_BEFORE_LONE_NUMBERS: Final = frozenset({"modul", "module", "netzebene", "ne"})
_OTHER_ENERGY: Final = frozenset({"gas", "erdgas", "warme", "fernwarme"})
_SIGNS_OF_BOUNDS: Final = frozenset("<>≤≥")
_OR_SO: Final = frozenset({"mehr", "weniger", "more", "less"})
_PASSED_OVER: Final = frozenset({"als", "than", "zu", "to", "least", "most"})
_OF_MORE: Final = frozenset({"mehr", "weniger", "more", "less", "fewer", "at"})  # "mehr als", "at least"
_POWER_BOUNDS: Final = _OF_MORE - {"at"} | {"unter", "uber", "below", "above", "under", "over", "mindestens"}
# A peak load is a maximum: "bei maximal 1500 kW".
_ENERGY_BOUNDS: Final = _POWER_BOUNDS | {
    "at",
    "ab",
    "bis",
    "from",
    "up",
    "hochstens",
    "maximal",
    "minimal",
    "max",
    "min",
}


def energies_of(sentence: Sentence, language: Language) -> Iterator[tuple[int, int, Decimal]]:
    """Each energy in kWh: first token, end, value."""
    for start, end, value, unit in _measured(sentence, language):
        if unit in IN_KWH:
            yield start, end, value * IN_KWH[unit]


def _usable(value: Decimal | None) -> Decimal | None:
    return value if value is not None and value < _LARGEST else None


def _measured(sentence: Sentence, language: Language, *, parts: bool = False) -> Iterator[_Measured]:
    """Each number with its unit: first token, end, value, unit. `parts`: only what is no amount of a year, else only those of one."""
    i = 0
    while i < len(sentence.keys):
        number, end = number_at(sentence, i, language)
        if number is None:
            i += 1
            continue
        if (scale := SCALES.get(sentence[end])) is not None:
            number, end = number * scale, end + 1
        unit = sentence[end]
        if scale is None and IN_KWH.get(unit) == 1:
            number = in_thousands(sentence[i]) or number
        if unit in IN_KWH or unit in IN_KW or unit in _HOURS:
            is_a_unit = number == 1 and unit in {"kwh", "kw"}
            # "2025, Nutzungsstunden 2500", "2024: Benutzungsdauer unter 2500 h"
            apart = unit in _HOURS and is_a_year(sentence[i]) and sentence.gap(end) not in {"", " ", "-"}
            if not is_a_unit and not apart and _is_a_part(sentence, i, end) == parts:
                yield i, end + 1, number, unit
            end += 1
        i = end


def number_at(sentence: Sentence, i: int, language: Language) -> tuple[Decimal | None, int]:
    """Also in groups that are set apart: "5 000 000", but not "Modul 3 800 kWh"."""
    key = sentence[i]
    if not key[:1].isdigit() or not key.isascii():
        return None, i + 1
    end = i + 1
    if key.isdecimal() and len(key) <= 3 and sentence[i - 1] not in _BEFORE_LONE_NUMBERS:
        while (
            (after := sentence[end]).isdecimal() and len(after) == 3 and sentence.gap(end) in {" ", "'", "’"}
        ):
            key, end = key + after, end + 1
    return _value(key, language), end


def _value(text: str, language: Language) -> Decimal | None:
    """One separator before three digits sets thousands apart if the language writes them so, or if the other cannot be meant."""
    if match := _GROUPS.fullmatch(text):
        sign = match[1]
        if text.count(sign) > 1 or sign == ("," if language is Language.ENGLISH else "."):
            return Decimal(text.replace(sign, ""))
        return Decimal(text.replace(",", "."))
    if match := _MIXED.fullmatch(text):
        return Decimal(text.replace(match[1], "").replace(",", "."))
    return Decimal(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def in_thousands(text: str) -> Decimal | None:
    """ "3.500" and "3,500" as three and a half thousand, whatever the language: of people, and of the kWh of a year,
    thousandths are not asked for. None of "0,500" and "3,5"."""
    grouped = _GROUPS.fullmatch(text) is not None and text[0] != "0"
    return Decimal(re.sub("[.,]", "", text)) if grouped else None


def _is_a_part(sentence: Sentence, start: int, end: int) -> bool:
    """ "8x150 kW", "20 kWh am Tag", "monatlich 300 kWh", "1500 kW im Januar 2026": not that of a year. "1500 kW im Januar" is the peak of a year, and
    what is consumed in a month is an amount of which no cost can be."""
    if sentence[start - 1] == "x" or sentence[end + 1] == "x" or sentence[end + 1] in _PERIODICALLY:
        return True
    if sentence[end] in IN_KWH and sentence[start - 1] in _PERIODICALLY and sentence.gap(start) == " ":
        return True
    before, period = sentence[end + 1], sentence[end + 2]
    if sentence[end] in IN_KWH and before in _PERIODS and sentence.gap(end + 1).strip() == "/":
        return True  # "300 kWh/Monat"; "1500 kW/Monat" is a peak load
    if before in _DURING and _starts_with_digit(period) and sentence[end + 3] in _SEVERAL_PERIODS:
        return (period, sentence[end + 3][:3]) not in _WHOLE_YEARS
    if period in MONTHS and before in {"im", "in"}:
        return sentence[end] in IN_KW and is_a_year(sentence[end + 3])
    return before in {"am", "pro", "im", "je", "per", "a", "in"} and (period in _PERIODS or period in MONTHS)


_PERIODS: Final = frozenset(
    ["tag", "monat", "woche", "stunde", "quartal", "halbjahr", "day", "month", "week", "hour", "quarter"]
)
_WHOLE_YEARS: Final = frozenset(
    [
        ("12", "mon"),
        ("365", "tag"),
        ("365", "day"),
        ("366", "tag"),
        ("366", "day"),
        ("52", "woc"),
        ("52", "wee"),
        ("4", "qua"),
    ]
)
_DURING: Final = frozenset(["in", "fur", "uber", "for", "over", "within"])
_SEVERAL_PERIODS: Final = frozenset(
    ["tage", "tagen", "wochen", "monate", "monaten", "days", "weeks", "months", "quartale", "quartalen"]
)
_PERIODICALLY: Final = frozenset(
    ["taglich", "monatlich", "wochentlich", "vierteljahrlich", "halbjahrlich", "daily", "monthly", "weekly"]
)
