"""A sentence in, an Interpretation out: the one function that the graph calls."""

from datetime import date
from typing import Final

from app.domain.entry import VoltageLevel
from app.domain.question import Details, Interpretation, Load, NotHeld, QuestionTopic
from app.interpreter.amounts import METERED_FROM_KWH
from app.interpreter.comparisons import compares_operators, comparison_of
from app.interpreter.operators import Choice, by_codes, choose, unknown_beside
from app.interpreter.rankings import ranking_of
from app.interpreter.reading import (
    Read,
    data_type_of,
    frame_of,
    load_of,
    product_of,
    read_sentence,
    unanswered,
)
from app.interpreter.spelling import normalise
from app.interpreter.topics import Asked, asked, count_of_questions
from app.interpreter.vocabulary import Vocabulary
from app.interpreter.words import Sign

__all__ = ["interpret", "normalise"]

_T = QuestionTopic
_OF_NS: Final = {None, VoltageLevel.NS, VoltageLevel.MS_NS}


def interpret(sentence: str, vocabulary: Vocabulary, today: date) -> Interpretation:
    """The same answer for the same sentence, operators and day; nothing is read from anywhere else."""
    read = read_sentence(sentence, vocabulary, today)
    if (ranking := ranking_of(read)) is not None:
        return ranking
    topic = asked(read.sentence, frame_of(read))
    if topic is None and compares_operators(read):
        topic = Asked(_T.NETZENTGELTE, 0.93)
    if not isinstance(topic, Asked):
        return unanswered(read, topic)
    if topic.topic is _T.TIME_OF_USE and read.level.level not in _OF_NS:
        return unanswered(read, NotHeld.TIME_OF_USE_ABOVE_NS, 1 + topic.further)
    if topic.topic is _T.NETZENTGELTE and _has_no_load_metering(read):
        return unanswered(read, NotHeld.STANDARD_LOAD_PROFILE)
    return comparison_of(read, topic) or _of_one_operator(read, topic)


def _has_no_load_metering(read: Read) -> bool:
    """3,500 kWh and no peak load: a customer without load metering."""
    kwh, kw = read.amounts.kwh, read.amounts.kw
    return kwh is not None and kw is None and kwh < METERED_FROM_KWH and read.level.level in _OF_NS


def _of_one_operator(read: Read, topic: Asked) -> Interpretation:
    operator = by_codes(read.sentence.vocabulary, read.codes) if read.codes else choose(read.sentence)
    subject = _subject(read, topic.topic)
    load = load_of(read)
    return Interpretation(
        data_type=data_type_of(topic.topic),
        dno_id=operator.dno_id,
        year=read.year.year,
        voltage_level=read.level.level,
        confidence=product_of(topic.certainty, operator.certainty, read.year.certainty, read.level.certainty),
        candidates=operator.candidates,
        language=read.language,
        topic=subject,
        details=_details(read, subject, load),
        unknown=operator.unknown,
        lacking=subject is _T.ANNUAL_COST and load is None,
        questions=_questions(read, topic, operator),
    )


def _subject(read: Read, topic: QuestionTopic) -> QuestionTopic:
    if topic is _T.HLZF and _is_about_a_moment(read):
        return _T.PEAK_STATUS
    if topic is _T.NETZENTGELTE and _asks_for_cost(read):
        return _T.ANNUAL_COST
    return topic


def _is_about_a_moment(read: Read) -> bool:
    """ "Ist gerade Hochlast?", "HLZF heute"; "aktuell" alone may mean this year's windows."""
    moment, sentence = read.moment, read.sentence
    if moment.day is not None:
        return True
    yes_or_no = any(key in _VERBS for key in sentence.keys[:2])
    if moment.minute is not None:
        return yes_or_no or moment.now
    if moment.now:
        return yes_or_no or not any(key in _LISTING for key in sentence.keys)
    return yes_or_no and sentence.has(Sign.NOW_OR_THIS_YEAR)


_VERBS = {
    "ist", "sind", "haben", "hat", "lauft", "laufen", "gilt", "herrscht", "befinden", "befindet", "liegt", "liegen",
    "habe", "bin", "is", "are", "do", "does", "am", "has", "have",
}  # fmt: skip
_LISTING = {"welche", "welches", "welcher", "welchen", "which", "what", "was", "wie"}


def _asks_for_cost(read: Read) -> bool:
    """An annual cost needs both amounts; with the consumption alone only if the sentence asks what it costs."""
    if read.amounts.complete:
        return True
    return read.amounts.kwh is not None and bool(_COSTS.intersection(read.sentence.keys))


_COSTS = {
    "kosten",
    "kostet",
    "koste",
    "zahle",
    "zahlen",
    "zahlt",
    "bezahle",
    "bezahlen",
    "cost",
    "costs",
    "pay",
    "netzkosten",
    "netznutzungskosten",
    "jahreskosten",
}


def _details(read: Read, topic: QuestionTopic, load: Load | None) -> Details:
    moment = read.moment
    timed = topic in {_T.PEAK_STATUS, _T.TIME_OF_USE}
    return Details(
        day=moment.day if timed else None,
        minute=moment.minute if timed else None,
        now=timed and (moment.now or (moment.day is None and read.sentence.has(Sign.NOW_OR_THIS_YEAR))),
        dearest=read.sentence.has(Sign.DEAREST),
        load=load,
    )


def _questions(read: Read, topic: Asked, operator: Choice) -> int:
    """At least as many as there are topics, operators or years that are asked for side by side."""
    asked_for = max(1 + topic.further, count_of_questions(read.sentence), read.year.number)
    beside = operator.several or unknown_beside(read.sentence, compared=False) is not None
    return max(asked_for, 2) if beside else asked_for
