"""The operator that a sentence means, or those that it could mean."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from app.interpreter.names import KINDS, LEGAL, Fit
from app.interpreter.sentence import Mention, Sentence
from app.interpreter.spelling import written
from app.interpreter.vocabulary import Readings, Vocabulary

MAX_CANDIDATES = 10
_CERTAINTY = {Fit.WHOLE: 0.99, Fit.SHORT: 0.97, Fit.PLACE: 0.95, Fit.SEAT: 0.88, Fit.NEAR: 0.5}
_SLIP, _OTHER_KIND, _EVERYDAY, _OTHER_PLACE = 0.04, 0.1, 0.1, 0.03
_AMBIGUOUS, _UNNAMED = 0.6, 0.8


class Choice(NamedTuple):
    dno_id: UUID | None
    candidates: tuple[UUID, ...]
    certainty: float


def choose(sentence: Sentence) -> Choice:
    mentions = sentence.kept(sentence.mentions)
    if not mentions:
        return Choice(None, (), _UNNAMED)
    named = [mention for mention in mentions if not mention.place] or mentions
    readings, several = _common(named)
    if not several:
        readings = _narrowed(sentence, readings, mentions)
    best = min(readings.values())
    finalists = [number for number, fit in readings.items() if several or fit == best]
    finalists.sort(key=lambda number: _rank(sentence.vocabulary, readings, number))
    ids = tuple(sentence.vocabulary.operators[number].id for number in finalists[:MAX_CANDIDATES])
    if len(finalists) > 1 or best is Fit.NEAR:
        return Choice(None, ids, _AMBIGUOUS)
    return Choice(ids[0], ids, _certainty(sentence, named, mentions, finalists[0], best))


def _common(mentions: Sequence[Mention]) -> tuple[Readings, bool]:
    """What all mentions have in common; where they have nothing in common, several operators are meant."""
    readings: Readings = mentions[0].readings
    several = False
    for mention in mentions[1:]:
        if common := _both(readings, mention):
            readings = common
        else:
            best = min(readings.values()), mention.fit
            readings = {n: f for n, f in readings.items() if f == best[0]}
            readings = {**readings, **{n: f for n, f in mention.readings.items() if f == best[1]}}
            several = True
    return readings, several


def _both(readings: Readings, mention: Mention) -> Readings:
    return {n: min(fit, mention.readings[n]) for n, fit in readings.items() if n in mention.readings}


def _narrowed(sentence: Sentence, readings: Readings, mentions: Sequence[Mention]) -> Readings:
    """Among several that fit, those of whom the rest of the sentence speaks too."""
    for mention in mentions:
        readings = _both(readings, mention) or readings
        readings = _as_written(sentence, readings, mention) or readings
    for speaks_of in (_by_further_name, _by_legal_form, _by_place):
        if _are_tied(readings):
            readings = speaks_of(sentence, readings) or readings
    return readings


def _are_tied(readings: Readings) -> bool:
    best = min(readings.values())
    return sum(fit == best for fit in readings.values()) > 1


def _as_written(sentence: Sentence, readings: Readings, mention: Mention) -> Readings:
    """ "Fürth" is not "Furth": where a name is spelt exactly so, the others are not meant."""
    words = {written(word.token.text) for word in sentence.words[mention.start : mention.end]} - KINDS.keys()
    operators = sentence.vocabulary.operators
    return {n: fit for n, fit in readings.items() if words <= operators[n].written}


def _by_further_name(sentence: Sentence, readings: Readings) -> Readings:
    """With a further word of their name: "SWE … Ettlingen"."""
    for key in _outside(sentence):
        known = sentence.vocabulary.named.get(sentence.vocabulary.lexeme(key), frozenset())
        readings = {n: fit for n, fit in readings.items() if n in known} or readings
    return readings


def _by_legal_form(sentence: Sentence, readings: Readings) -> Readings:
    legal = LEGAL.intersection(sentence.keys)
    operators = sentence.vocabulary.operators
    return {n: fit for n, fit in readings.items() if legal and legal <= operators[n].legal}


def _by_place(sentence: Sentence, readings: Readings) -> Readings:
    """In the federal state or with the postal code that is named."""
    outside = _outside(sentence)
    places = {*outside, *map("".join, pairwise(outside))}
    operators = sentence.vocabulary.operators
    return {n: f for n, f in readings.items() if {operators[n].region, operators[n].postal_code} & places}


def _outside(sentence: Sentence) -> list[str]:
    """The words that are no part of a name already."""
    inside = sentence.covered(sentence.mentions)
    return [key for i, key in enumerate(sentence.keys) if i not in inside and key not in KINDS]


def _rank(vocabulary: Vocabulary, readings: Readings, number: int) -> tuple[Fit, int, int]:
    return readings[number], -vocabulary.operators[number].size, number


def _certainty(
    sentence: Sentence, named: Sequence[Mention], mentions: Sequence[Mention], number: int, fit: Fit
) -> float:
    certainty = _CERTAINTY[fit]
    certainty -= _SLIP * min(mention.slips for mention in named)
    if any(mention.everyday for mention in named):
        certainty -= _EVERYDAY
    if fit >= Fit.PLACE and any(_of_another_kind(sentence, mention) for mention in named):
        certainty -= _OTHER_KIND
    if any(number not in mention.readings for mention in mentions):
        certainty -= _OTHER_PLACE
    return certainty


def _of_another_kind(sentence: Sentence, mention: Mention) -> bool:
    """ "Stadtwerke Kiel", where no operator is called so: the place identifies the operator, with less confidence."""
    before = KINDS.get(sentence[mention.start - 1])
    return before is not None and before not in {"netz", "strom", "stromnetz", "energie", "stadt", "gemeinde"}
