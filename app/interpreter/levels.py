"""The voltage level that a sentence asks for, and how surely."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from app.domain.entry import VoltageLevel
from app.interpreter.grammar import EBENE, NUMBERS, Level, Mark, Sign
from app.interpreter.sentence import Sentence

_BY_NETZEBENE = dict(enumerate(VoltageLevel, 1))
_BETWEEN = {"auf", "zu", "zur", "nach", "to", "into", "in"}
_DOWN_TO = {"zur", "zu", "auf", "nach", "in", "to", "into", "die"}
_DOWN_FROM = {"aus", "von", "from", "der"}


class ChosenLevel(NamedTuple):
    level: VoltageLevel | None
    certainty: float
    tokens: set[int]  # what was read as a level, so that nothing else reads it


class _Found(NamedTuple):
    start: int
    end: int
    level: VoltageLevel
    half: bool = False


def level_of(sentence: Sentence) -> ChosenLevel:
    found = sorted([*_words(sentence), *_volts(sentence), *_numbered(sentence)])
    joined = _kept(
        sentence, _joined(sentence, [one for one in found if not one.half or _is_half(sentence, one, found)])
    )
    tokens = {i for one in found for i in range(one.start, one.end)}
    levels = {one.level for one in joined}
    between = [mark for mark in sentence.marks if mark.meaning is Sign.BETWEEN_LEVELS]
    if len(levels) == 1:
        level = joined[0].level
        if between and level in _SINGLE:
            return ChosenLevel(_between(sentence, joined[0], between[0]), 0.95, tokens)
        return ChosenLevel(level, 0.99, tokens)
    if len(levels) == 2 and between:
        pair = _PAIRS.get(frozenset(levels))
        return ChosenLevel(pair, 0.9 if pair else 0.6, tokens)
    return ChosenLevel(None, 0.7 if levels else 0.99, tokens)


_V = VoltageLevel
_PAIRS = {
    frozenset({_V.HOES, _V.HS}): _V.HOES_HS,
    frozenset({_V.HS, _V.MS}): _V.HS_MS,
    frozenset({_V.MS, _V.NS}): _V.MS_NS,
}
_SINGLE = {
    _V.HOES: (None, _V.HOES_HS),
    _V.HS: (_V.HOES_HS, _V.HS_MS),
    _V.MS: (_V.HS_MS, _V.MS_NS),
    _V.NS: (_V.MS_NS, None),
}


def _words(sentence: Sentence) -> Iterator[_Found]:
    for mark in sentence.marks:
        if isinstance(mark.meaning, Level) and not _is_a_state(sentence, mark):
            yield _Found(mark.start, mark.end, mark.meaning.level, mark.meaning.half)


def _is_a_state(sentence: Sentence, mark: Mark) -> bool:
    """ "in MV": Mecklenburg-Vorpommern."""
    return (
        sentence[mark.start] == "mv" and sentence[mark.start - 1] == "in" and "voltage" not in sentence.keys
    )


def _volts(sentence: Sentence) -> Iterator[_Found]:
    """ "110 kV", "400 V", "110/20 kV"."""
    for i, word in enumerate(sentence.words):
        if (unit := {"kv": 1.0, "kilovolt": 1.0, "v": 0.001, "volt": 0.001}.get(word.key)) is None:
            continue
        first = i
        while (
            first
            and _is_number(sentence[first - 1])
            and (first == i or "/" in sentence.words[first].token.gap)
        ):
            first -= 1
            yield _Found(
                first, i + 1 if first == i - 1 else first + 1, _by_kilovolts(_value(sentence[first]) * unit)
            )


def _is_number(word: str) -> bool:
    return word[:1].isdigit() and word.count(",") + word.count(".") <= 1


def _value(word: str) -> float:
    return float(word.replace(",", "."))


def _by_kilovolts(kilovolts: float) -> VoltageLevel:
    if kilovolts > 150:
        return _V.HOES
    if kilovolts >= 50:
        return _V.HS
    return _V.MS if kilovolts > 1 else _V.NS


def _numbered(sentence: Sentence) -> Iterator[_Found]:
    """ "Netzebene 5", "NE 5", "grid level seven"."""
    for i, word in enumerate(sentence.words[:-1]):
        after = sentence[i + 1]
        if word.key in EBENE and (
            level := _BY_NETZEBENE.get(int(after) if after in "1234567" else NUMBERS.get(after, 0))
        ):
            yield _Found(i, i + 2, level)
        elif word.key in NUMBERS and after == "netzebene":
            yield _Found(i, i + 2, _BY_NETZEBENE[NUMBERS[word.key]])


def _is_half(sentence: Sentence, half: _Found, found: list[_Found]) -> bool:
    """ "Mittel-" counts only when it is joined to a level: "Mittel-/Niederspannung", "high to medium voltage"."""
    after = [one for one in found if half.end <= one.start <= half.end + 1]
    return any(_are_joined(sentence, half, one) or "-" in sentence.gap(half.end) for one in after)


def _joined(sentence: Sentence, found: list[_Found]) -> list[_Found]:
    """Two levels written as one transformation become it: "HS/MS", "110/20 kV", "MS auf NS"."""
    joined = list(found)
    for upper, lower in pairwise(found):
        pair = _PAIRS.get(frozenset({upper.level, lower.level}))
        if pair and _are_joined(sentence, upper, lower):
            joined = [one for one in joined if one not in (upper, lower)]
            joined.append(_Found(upper.start, lower.end, pair))
    return joined


def _are_joined(sentence: Sentence, upper: _Found, lower: _Found) -> bool:
    gap = sentence.gap(lower.start)
    if lower.start <= upper.end:
        return any(sign in gap for sign in "/→>_") or gap.strip() in {"-", "–"}
    return lower.start == upper.end + 1 and sentence[upper.end] in _BETWEEN


def _kept(sentence: Sentence, found: list[_Found]) -> list[_Found]:
    kept = {
        mark.start for mark in sentence.kept([Mark(one.start, one.end, Level(one.level)) for one in found])
    }
    return [one for one in found if one.start in kept]


def _between(sentence: Sentence, found: _Found, between: Mark) -> VoltageLevel | None:
    """ "Umspannung zur Niederspannung", "Umspannung aus der Hochspannung"; alone, the lower side names it."""
    above, below = _SINGLE[found.level]
    words = {sentence[i] for i in range(between.end, found.start)}
    if words & _DOWN_FROM and not words & _DOWN_TO:
        return below or above
    return above or below
