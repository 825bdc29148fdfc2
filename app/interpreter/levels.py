"""The voltage level that a sentence asks for, and how surely."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from app.domain.entry import LEVEL_ORDER, VoltageLevel
from app.domain.question import Language
from app.interpreter.grammar import Mark
from app.interpreter.sentence import Sentence
from app.interpreter.words import EBENE, NUMBERS, Level, Sign

_V = VoltageLevel
_PAIRS = {
    frozenset({_V.HOES, _V.HS}): _V.HOES_HS,
    frozenset({_V.HS, _V.MS}): _V.HS_MS,
    frozenset({_V.MS, _V.NS}): _V.MS_NS,
}
# The transformations above and below each level.
_BESIDE: dict[VoltageLevel, tuple[VoltageLevel | None, VoltageLevel | None]] = {
    _V.HOES: (None, _V.HOES_HS),
    _V.HS: (_V.HOES_HS, _V.HS_MS),
    _V.MS: (_V.HS_MS, _V.MS_NS),
    _V.NS: (_V.MS_NS, None),
}
_VOLT = 0.001
_KILOVOLTS = {"kv": 1.0, "kilovolt": 1.0, "kilovolts": 1.0, "v": _VOLT, "volt": _VOLT, "volts": _VOLT}
_THOUSANDS = re.compile(r"(\d{1,3})[.,](\d{3})")
_DOWN_TO = {"auf", "zu", "zur", "nach", "in", "to", "into", "die"}
_DOWN_FROM = {"aus", "von", "from", "der"}


class ChosenLevel(NamedTuple):
    level: VoltageLevel | None
    certainty: float
    tokens: set[int]  # what was read as a level, so that nothing else reads it
    several: tuple[VoltageLevel, ...] = ()  # "NS und MS", the highest first


class _Found(NamedTuple):
    start: int
    end: int
    level: VoltageLevel
    half: bool = False  # "Mittel-"


def level_of(sentence: Sentence, language: Language) -> ChosenLevel:
    """Of two levels, only those that make a transformation are one answer."""
    found = sorted([*_named(sentence, language), *_measured(sentence), *_numbered(sentence)])
    whole = [one for one in found if not one.half or _is_joined_to_another(sentence, one, found)]
    kept = sentence.kept(_transformations(sentence, whole))
    level, certainty = _chosen(sentence, kept)
    levels = {one.level for one in kept} if level is None else set[VoltageLevel]()
    return ChosenLevel(
        level,
        certainty,
        {i for one in found for i in range(one.start, one.end)},
        tuple(sorted(levels, key=lambda one: LEVEL_ORDER[one])),
    )


def _chosen(sentence: Sentence, found: Sequence[_Found]) -> tuple[VoltageLevel | None, float]:
    levels = frozenset(one.level for one in found)
    marks = (mark for mark in sentence.marks if mark.meaning is Sign.BETWEEN_LEVELS)
    between = next((mark for mark in marks if not sentence.denied(mark.start)), None)
    if not levels:
        return None, 0.99
    if len(levels) > 1:
        return (_PAIRS.get(levels), 0.8) if between else (None, 0.7)
    if between and found[0].level in _BESIDE:
        return _beside(sentence, found[0], between), 0.95
    return found[0].level, 0.99


def _beside(sentence: Sentence, found: _Found, between: Mark) -> VoltageLevel | None:
    """ "Umspannung zur Niederspannung", "Umspannung aus der Hochspannung"; alone, the lower side names it."""
    above, below = _BESIDE[found.level]
    words = set(sentence.keys[between.end : found.start])
    return below or above if words & _DOWN_FROM and not words & _DOWN_TO else above or below


def _named(sentence: Sentence, language: Language) -> Iterator[_Found]:
    for mark in sentence.marks:
        if isinstance(mark.meaning, Level) and not _is_a_state(sentence, mark, language):
            yield _Found(mark.start, mark.end, mark.meaning.level, mark.meaning.half)


def _is_a_state(sentence: Sentence, mark: Mark, language: Language) -> bool:
    """ "in MV": Mecklenburg-Vorpommern, but medium voltage in English."""
    if language is Language.ENGLISH or "grid" in sentence.keys:
        return False
    return sentence[mark.start] == "mv" and sentence[mark.start - 1] == "in"


def _measured(sentence: Sentence) -> Iterator[_Found]:
    """ "110 kV", "400 V", and both numbers of "110/20 kV", "20.000/400 V"."""
    for i, key in enumerate(sentence.keys):
        if (unit := _KILOVOLTS.get(key)) and _is_number(sentence[i - 1]):
            yield _Found(i - 1, i + 1, _level_at(sentence, i - 1, unit))
            if "/" in sentence.gap(i - 1) and _is_number(sentence[i - 2]):
                yield _Found(i - 2, i - 1, _level_at(sentence, i - 2, unit))


def _level_at(sentence: Sentence, i: int, unit: float) -> VoltageLevel:
    thousands = _thousands_of_volts(sentence, i) if unit == _VOLT else None
    return _by_kilovolts(thousands, 1) if thousands else _by_kilovolts(sentence[i], unit)


def _thousands_of_volts(sentence: Sentence, i: int) -> str | None:
    """In kV: "20.000 V", "20 000 V", "20,000 volts", "10.500 V"."""
    if match := _THOUSANDS.fullmatch(sentence[i]):
        return f"{match[1]}.{match[2]}"
    before = sentence[i - 1]
    apart = (
        sentence[i] == "000"
        and before.isdecimal()
        and len(before) <= 3
        and sentence.gap(i) in {" ", "'", "’"}
    )
    return before if apart else None


def _is_number(word: str) -> bool:
    return word[:1].isdigit() and word.count(",") + word.count(".") <= 1


def _by_kilovolts(number: str, unit: float) -> VoltageLevel:
    kilovolts = float(number.replace(",", ".")) * unit
    if kilovolts > 150:
        return _V.HOES
    if kilovolts >= 50:
        return _V.HS
    return _V.MS if kilovolts > 1 else _V.NS


def _numbered(sentence: Sentence) -> Iterator[_Found]:
    """ "Netzebene 5", "NE 5", "grid level seven", "fünfte Netzebene"."""
    levels = list(VoltageLevel)
    for i, (key, after) in enumerate(pairwise(sentence.keys)):
        number = after if key in EBENE else key if after == "netzebene" else ""
        rank = int(number) if number in {"1", "2", "3", "4", "5", "6", "7"} else NUMBERS.get(number, 0)
        if rank and not _counts_years(sentence, i + 1):
            yield _Found(i, i + 2, levels[rank - 1])


def _counts_years(sentence: Sentence, i: int) -> bool:
    """ "At the MV level two years ago", but not "Netzebene 7 Jahre 2024"."""
    return sentence[i + 1] == "years" and sentence[i + 2] in {"ago", "earlier"}


def _is_joined_to_another(sentence: Sentence, half: _Found, found: Sequence[_Found]) -> bool:
    """ "Mittel-" is a level in "Mittel-/Niederspannung", "Mittel- und Niederspannung", "high to medium voltage"; both halves are
    in "transformation medium to low"."""
    after = [one for one in found if half.end <= one.start <= half.end + 1]
    before = [one for one in found if one.half and one.end <= half.start <= one.end + 1]
    if any(mark.meaning is Sign.BETWEEN_LEVELS for mark in sentence.marks) and any(
        _are_joined(sentence, one, half) for one in before
    ):
        return True
    return any(_are_joined(sentence, half, one) or "-" in sentence.gap(half.end) for one in after)


def _transformations(sentence: Sentence, found: Sequence[_Found]) -> list[_Found]:
    """Two levels written as one become the transformation between them: "HS/MS", "110/20 kV", "MS auf NS"."""
    joined = list(found)
    for upper, lower in pairwise(found):
        pair = _PAIRS.get(frozenset({upper.level, lower.level}))
        if not pair or upper not in joined or not _are_joined(sentence, upper, lower):
            continue
        if lower.start <= upper.end or not _are_set_against(sentence, upper, lower):
            joined = [one for one in joined if one not in (upper, lower)]
            joined.append(_Found(upper.start, lower.end, pair))
    return joined


def _are_joined(sentence: Sentence, upper: _Found, lower: _Found) -> bool:
    gap = sentence.gap(lower.start).strip()
    if lower.start <= upper.end:
        return any(sign in gap for sign in "/→>_") or gap in {"-", "–"}
    return lower.start == upper.end + 1 and sentence[upper.end] in _DOWN_TO


def _are_set_against(sentence: Sentence, upper: _Found, lower: _Found) -> bool:
    """ "Wechsel von MS zu NS", "wenn wir von NS zu MS wechseln": the one is left for the other, or compared with it."""
    if any(mark.meaning is Sign.BETWEEN_LEVELS for mark in sentence.marks):
        return False
    words = [word.token.key for word in sentence.words]  # as they are written: "change" is no "charge"
    before = words[max(upper.start - _WITHIN, 0) : upper.start]
    if not _CHANGES.isdisjoint(before + words[lower.end : lower.end + 1]):
        return True
    one_operator = len(sentence.mentions) < 2  # not "Vergleich Westnetz Syna MS zu NS"
    return one_operator and sentence[upper.end] in _TO and not _COMPARISONS.isdisjoint(before)


_WITHIN = 4  # tokens: "Wechsel unseres Anschlusses von NS zu MS"
_CHANGES = {
    "wechsel", "wechseln", "wechselt", "wechsle", "umstieg", "umsteigen", "change", "changing", "switch", "switching",
}  # fmt: skip
_TO = {"zu", "zur", "to"}  # "MS auf NS" is always a transformation
_COMPARISONS = {
    "unterschied", "unterschiede", "vergleich", "vergleiche", "vergleichen", "difference", "compare", "comparison",
}  # fmt: skip
