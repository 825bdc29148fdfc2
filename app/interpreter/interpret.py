"""A sentence in, an Interpretation out: the one function that the graph calls."""

from datetime import date
from typing import Final

from app.domain.entry import VoltageLevel
from app.domain.price import PriceKind
from app.domain.question import Details, Interpretation, Load, NotHeld, QuestionTopic, Usage
from app.interpreter.asked import Asked
from app.interpreter.comparisons import compares_operators, compares_with_others, comparison_of
from app.interpreter.grid_operators import grid_operator_of
from app.interpreter.levy_groups import groups_of, with_relief
from app.interpreter.one_year import is_of_a_part_of_a_year, is_of_several_customers
from app.interpreter.operators import Choice, by_codes, choose, unknown_beside
from app.interpreter.rankings import ranking_of
from app.interpreter.reading import (
    Read,
    data_type_of,
    frame_of,
    is_abroad,
    leaves_out,
    load_of,
    place_of,
    product_of,
    read_sentence,
    unanswered,
)
from app.interpreter.sentence import Sentence
from app.interpreter.spelling import key, normalise
from app.interpreter.topics import asked, count_of_questions
from app.interpreter.usage import bands_are_missing, inhabitants_of, module_is_missing, usage_of
from app.interpreter.vocabulary import Vocabulary
from app.interpreter.words import Sign

__all__ = ["interpret", "normalise"]

_T = QuestionTopic
_OF_NS: Final = {None, VoltageLevel.NS, VoltageLevel.MS_NS}


def interpret(sentence: str, vocabulary: Vocabulary, today: date) -> Interpretation:
    """The same answer for the same sentence, operators and day; nothing is read from anywhere else."""
    read = read_sentence(sentence, vocabulary, today)
    found = _meaning_of(read)
    if found.topic is not None and leaves_out(read):
        return unanswered(read, NotHeld.EXCEPTION, found.questions)
    if found.topic is not None and _asks_for_a_forecast(read):
        return unanswered(read, NotHeld.FORECAST, found.questions)
    if found.topic is _T.LEVIES and is_abroad(read.sentence) and _GERMANY.isdisjoint(read.sentence.keys):
        return unanswered(read, None)
    of_a_cost = found.topic is not _T.PRICES and not found.lacking and _is_worked_out(found.details)
    if of_a_cost and (read.amounts.vague or (found.topic in _COSTED and _is_of_more_or_less(read.sentence))):
        return unanswered(read, NotHeld.AMOUNT, found.questions)
    of_a_period = read.amounts.periodic and found.topic in _PRICED  # "Was zahle ich bei 10 kWh am Tag?"
    if of_a_period and not _COSTS.isdisjoint(read.sentence.keys):
        return unanswered(read, NotHeld.AMOUNT, found.questions)
    return found


_COSTED: Final = frozenset({_T.BILL, _T.ANNUAL_COST, _T.RANKING, _T.COMPARISON})
_PRICED: Final = _COSTED | {_T.NETZENTGELTE, _T.PRICES}
_GERMANY: Final = frozenset({"deutschland", "deutschlands", "deutsche", "deutschen", "germany", "german"})


def _is_of_more_or_less(sentence: Sentence) -> bool:
    """Than one customer in one year."""
    return is_of_several_customers(sentence) or is_of_a_part_of_a_year(sentence)


def _asks_for_a_forecast(read: Read) -> bool:
    """Not "für unsere Planung und Prognose", and no forecast of the consumption: "laut Prognose 5 GWh"."""
    sentence = read.sentence
    return any(
        mark.meaning is Sign.FORECAST
        and not sentence.denied(mark.start)
        and read.amounts.tokens.isdisjoint(range(mark.end, mark.end + _OF_CONSUMPTION_WITHIN))
        and not _is_of_the_caller(sentence, mark.start)
        for mark in sentence.marks
    )


def _is_of_the_caller(sentence: Sentence, start: int) -> bool:
    before = start - 1
    while sentence[before] in _BEFORE_FORECASTS:
        before -= 1
    return sentence[before] in {"fur", "for", "zur", "unsere", "unserer", "meine", "meiner", "our", "my"}


_OF_CONSUMPTION_WITHIN: Final = 3  # tokens
_BEFORE_FORECASTS: Final = frozenset(
    {"und", "and", "die", "eine", "the", "a", "planung", "budget", "kalkulation", "planning"}
)


def _is_worked_out(details: Details) -> bool:
    """Whether a cost is asked for, of the amounts that are named."""
    if details.usage is not None and details.usage.bands is not None:
        return False
    return any(one is not None and not one.assumed for one in (details.load, details.usage))


def _meaning_of(read: Read) -> Interpretation:
    if (ranking := ranking_of(read)) is not None:
        return ranking
    if (operator := grid_operator_of(read)) is not None:
        return operator
    topic = asked(read.sentence, frame_of(read))
    if topic is None and compares_operators(read):
        topic = Asked(_T.NETZENTGELTE, 0.93)
    if not isinstance(topic, Asked):
        return unanswered(read, topic)
    if topic.topic is _T.TIME_OF_USE and read.level.level not in _OF_NS:
        return unanswered(read, NotHeld.TIME_OF_USE_ABOVE_NS, 1 + topic.further)
    if topic.topic is _T.LEVIES:
        return _of_levies(read, topic)
    usage = usage_of(read, topic)
    if (comparison := comparison_of(read, topic, usage)) is not None:
        return comparison
    if compares_with_others(read):
        return unanswered(read, NotHeld.OTHER_RANKING)
    return _of_one_operator(read, topic, usage)


def _of_levies(read: Read, topic: Asked) -> Interpretation:
    """They are the same whatever the operator."""
    groups = groups_of(read.sentence)
    return Interpretation(
        data_type=data_type_of(_T.LEVIES),
        dno_id=None,
        year=read.year.year,
        voltage_level=None,
        confidence=product_of(topic.certainty, read.year.certainty),
        candidates=(),
        language=read.language,
        topic=_T.LEVIES,
        details=Details(
            levies=with_relief(topic.levies, groups), inhabitants=inhabitants_of(read), levy_groups=groups
        ),
        questions=max(1 + topic.further, count_of_questions(read.sentence), read.year.number),
    )


def _of_one_operator(read: Read, topic: Asked, usage: Usage | None) -> Interpretation:
    operator = by_codes(read.sentence.vocabulary, read.codes) if read.codes else choose(read.sentence)
    subject = _subject(read, topic.topic) if usage is None else _T.BILL
    load = load_of(read) if usage is None else None
    details = _details(read, subject, load, usage, topic.kinds)
    return Interpretation(
        data_type=data_type_of(_T.BILL if usage is not None else topic.topic),
        dno_id=operator.dno_id,
        year=_year_of(read, details),
        voltage_level=read.level.level,
        confidence=product_of(topic.certainty, operator.certainty, read.year.certainty, read.level.certainty),
        candidates=operator.candidates,
        language=read.language,
        topic=subject,
        details=details,
        unknown=operator.unknown,
        lacking=_lacks(read, subject, load, usage),
        # "Netzentgelt plus Umlagen": a bill has both.
        questions=_questions(read, topic if usage is None else topic._replace(further=0), operator),
        by_seat=operator.by_seat,
    )


def _year_of(read: Read, details: Details) -> int:
    """ "Am 31.12. und 1.1.2027" and "3.1.2025 und 2026" ask about the first day, but "morgen 2025" for figures of 2025."""
    if details.day is not None and (read.moment.of_any_year or _names_its_year(read, details.day)):
        return details.day.year
    return read.year.year


def _names_its_year(read: Read, day: date) -> bool:
    return read.year.number > 1 and any(key.endswith(str(day.year)) for key in read.sentence.keys)


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
    "habe", "bin", "is", "are", "do", key("does"), "am", "has", "have",
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


def _lacks(read: Read, subject: QuestionTopic, load: Load | None, usage: Usage | None) -> bool:
    """The peak load of an annual cost; the level of a load-metered bill; the kWh per band of Modul 3."""
    if usage is not None:
        level_missing = usage.peak_load_kw is not None and read.level.level is None
        return level_missing or module_is_missing(read, usage) or bands_are_missing(usage)
    return subject is _T.ANNUAL_COST and load is None


def _details(
    read: Read, topic: QuestionTopic, load: Load | None, usage: Usage | None, kinds: tuple[PriceKind, ...]
) -> Details:
    moment = read.moment
    timed = topic in {_T.PEAK_STATUS, _T.TIME_OF_USE}
    return Details(
        day=moment.day if timed else None,
        minute=moment.minute if timed else None,
        now=timed and (moment.now or (moment.day is None and read.sentence.has(Sign.NOW_OR_THIS_YEAR))),
        dearest=read.sentence.has(Sign.DEAREST),
        load=load,
        kinds=kinds if usage is None else (),
        usage=usage,
        place=place_of(read),
        levels=read.level.several,
    )


_OF_HOURS: Final = frozenset({_T.HLZF, _T.TIME_OF_USE})


def _questions(read: Read, topic: Asked, operator: Choice) -> int:
    """At least as many as there are topics, operators, places, years or days that are asked for side by side."""
    days = read.moment.days if topic.topic in _OF_HOURS else 1
    places = read.postal_code.number if place_of(read) is not None and read.postal_code is not None else 1
    asked_for = max(1 + topic.further, count_of_questions(read.sentence), read.year.number, days, places)
    beside = operator.several or unknown_beside(read.sentence, compared=False) is not None
    return max(asked_for, 2) if beside else asked_for
