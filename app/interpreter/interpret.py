"""A sentence in, an Interpretation out: the one function that the graph calls."""

import re
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from app.domain.entry import VoltageLevel
from app.domain.families import DataType
from app.domain.question import (
    Details,
    Interpretation,
    Language,
    Load,
    NotHeld,
    QuestionTopic,
)
from app.interpreter.amounts import METERED_FROM_KWH, Amounts, amounts_of
from app.interpreter.codes import split_codes
from app.interpreter.federal_states import NamedState, states_of
from app.interpreter.levels import ChosenLevel, level_of
from app.interpreter.moments import Moment, moment_of
from app.interpreter.operators import (
    UNKNOWN,
    Choice,
    by_codes,
    choose,
    compared,
    names_unknown_place,
    unknown_beside,
)
from app.interpreter.sentence import Sentence
from app.interpreter.spelling import normalise
from app.interpreter.topics import Asked, Frame, asked, count_of_questions
from app.interpreter.vocabulary import Vocabulary
from app.interpreter.words import ENGLISH, GERMAN, NUMBERS, Sign, Topic
from app.interpreter.years import Year, year_of

__all__ = ["interpret", "normalise"]

SOMETHING_ELSE = 0.1  # confidence of "this is none of the questions that can be answered"
NOT_HELD = 0.3  # confidence of "this is a question about figures that are not held"

_T = QuestionTopic
_OF_NS: Final = {None, VoltageLevel.NS, VoltageLevel.MS_NS}
# What a ranking or a comparison assumes where no consumption is named, by level. It is an example, and named as such.
_EXAMPLES: Final = {
    VoltageLevel.NS: Load(Decimal(50_000), Decimal(50), assumed=True),
    VoltageLevel.MS_NS: Load(Decimal(500_000), Decimal(200), assumed=True),
}
_LARGE_EXAMPLE: Final = Load(Decimal(5_000_000), Decimal(1_500), assumed=True)
_MAX_RANKING: Final = 20


class _Read(NamedTuple):
    """A sentence with everything that was found in it."""

    sentence: Sentence
    codes: tuple[str, ...]
    language: Language
    level: ChosenLevel
    amounts: Amounts
    moment: Moment
    year: Year
    states: list[NamedState]


def interpret(sentence: str, vocabulary: Vocabulary, today: date) -> Interpretation:
    """The same answer for the same sentence, operators and day; nothing is read from anywhere else."""
    read = _read(sentence, vocabulary, today)
    if (ranking := _ranking(read)) is not None:
        return ranking
    topic = asked(read.sentence, _frame(read))
    if topic is None and _compares_operators(read):
        topic = Asked(_T.NETZENTGELTE, 0.93)
    if not isinstance(topic, Asked):
        return _unanswered(read, topic)
    if topic.topic is _T.TIME_OF_USE and read.level.level not in _OF_NS:
        return _unanswered(read, NotHeld.TIME_OF_USE_ABOVE_NS)
    if topic.topic is _T.NETZENTGELTE and _has_no_load_metering(read):
        return _unanswered(read, NotHeld.STANDARD_LOAD_PROFILE)
    return _comparison(read, topic) or _of_one_operator(read, topic)


# "§ 14 a EnWG" is a law, and ENWG an operator.
_LAW: Final = r"(?:des )?(?:enwg|energiewirtschaftsgesetz\w*)"
_SECTION: Final = re.compile(rf"(?:{_LAW},? ?)?(?:§ ?)?\b14 ?a\b(?: abs(?:atz|\.)? ?\d)?(?:,? {_LAW})?")


def _read(text: str, vocabulary: Vocabulary, today: date) -> _Read:
    without_codes, codes = split_codes(_SECTION.sub(" 14a ", normalise(text)))
    sentence = Sentence(without_codes, vocabulary)
    language = _language(sentence)
    level = level_of(sentence)
    amounts = amounts_of(sentence, language)
    moment = moment_of(sentence, today)
    topics = [mark for mark in sentence.marks if isinstance(mark.meaning, Topic)]
    taken = level.tokens | amounts.tokens | sentence.covered(topics)
    year = year_of(sentence, taken, today, moment.day)
    return _Read(sentence, codes, language, level, amounts, moment, year, states_of(sentence))


def _language(read: Sentence) -> Language:
    """English only if more of its words stand there than German ones; names are neither."""
    named = read.covered(mention for mention in read.mentions if not mention.everyday)
    german = english = 0
    for i, key in enumerate(read.keys):
        if i not in named and len(key) > 1:  # not "14a"
            german += key in _ONLY_GERMAN
            english += key in _ONLY_ENGLISH
    return Language.ENGLISH if english > german else Language.GERMAN


_ONLY_GERMAN, _ONLY_ENGLISH = GERMAN - ENGLISH, ENGLISH - GERMAN


def _frame(read: _Read) -> Frame:
    mentions = read.sentence.mentions
    named = bool(read.codes) or any(not mention.place and not mention.everyday for mention in mentions)
    return Frame(named, bool(mentions), read.level.level is not None, read.year.named, read.amounts.complete)


def _unanswered(read: _Read, not_held: NotHeld | None) -> Interpretation:
    confidence = SOMETHING_ELSE if not_held is None else NOT_HELD
    return Interpretation(None, None, None, None, confidence, (), read.language, not_held=not_held)


def _has_no_load_metering(read: _Read) -> bool:
    """3,500 kWh and no peak load: a customer without load metering."""
    kwh, kw = read.amounts.kwh, read.amounts.kw
    return kwh is not None and kw is None and kwh < METERED_FROM_KWH and read.level.level in _OF_NS


def _of_one_operator(read: _Read, topic: Asked) -> Interpretation:
    operator = by_codes(read.sentence.vocabulary, read.codes) if read.codes else choose(read.sentence)
    subject = _subject(read, topic.topic)
    load = _load(read)
    return Interpretation(
        data_type=_data_type(topic.topic),
        dno_id=operator.dno_id,
        year=read.year.year,
        voltage_level=read.level.level,
        confidence=_confidence(
            topic.certainty, operator.certainty, read.year.certainty, read.level.certainty
        ),
        candidates=operator.candidates,
        language=read.language,
        topic=subject,
        details=_details(read, subject, load),
        unknown=operator.unknown,
        lacking=subject is _T.ANNUAL_COST and load is None,
        questions=_questions(read, topic, operator),
    )


def _subject(read: _Read, topic: QuestionTopic) -> QuestionTopic:
    if topic is _T.HLZF and _is_about_a_moment(read):
        return _T.PEAK_STATUS
    if topic is _T.NETZENTGELTE and _asks_for_cost(read):
        return _T.ANNUAL_COST
    return topic


def _is_about_a_moment(read: _Read) -> bool:
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


def _asks_for_cost(read: _Read) -> bool:
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
}


def _load(read: _Read) -> Load | None:
    kwh, kw = read.amounts.kwh, read.amounts.kw
    return None if kwh is None or kw is None else Load(kwh, kw)


def _details(read: _Read, topic: QuestionTopic, load: Load | None) -> Details:
    moment = read.moment
    timed = topic in {_T.PEAK_STATUS, _T.TIME_OF_USE}
    return Details(
        day=moment.day if timed else None,
        minute=moment.minute if timed else None,
        now=timed and (moment.now or (moment.day is None and read.sentence.has(Sign.NOW_OR_THIS_YEAR))),
        dearest=read.sentence.has(Sign.DEAREST),
        load=load,
    )


def _data_type(topic: QuestionTopic) -> DataType:
    return DataType[topic.value]


def _confidence(*certainties: float) -> float:
    product = 1.0
    for certainty in certainties:
        product *= certainty
    return round(product, 3)


def _questions(read: _Read, topic: Asked, operator: Choice) -> int:
    """At least as many as there are topics, operators or years that are asked for side by side."""
    asked_for = max(1 + topic.further, count_of_questions(read.sentence), read.year.number)
    beside = operator.several or unknown_beside(read.sentence, compared=False) is not None
    return max(asked_for, 2) if beside else asked_for


_NOT_OURS = (Sign.TRICK, Sign.GAS, Sign.OTHER_MEDIUM, Sign.OTHER_PRODUCT, Sign.OTHER_MATTER)


def _is_about_something_else(sentence: Sentence) -> bool:
    return sentence.has_any(*_NOT_OURS)


def _compares_operators(read: _Read) -> bool:
    """ "Wer ist günstiger, A oder B?": two operators are compared by their charges."""
    sentence = read.sentence
    if not sentence.has(Sign.COMPARES) or _is_about_something_else(sentence):
        return False
    named = [mention for mention in sentence.mentions if not mention.place and not mention.everyday]
    unknown = unknown_beside(sentence, compared=True) is not None
    return len(named) + len(read.codes) + unknown >= 2


def _comparison(read: _Read, topic: Asked) -> Interpretation | None:
    """None where fewer than two operators stand side by side to be compared."""
    if not read.sentence.has(Sign.COMPARES):
        return None
    if read.codes:
        choices = [by_codes(read.sentence.vocabulary, [code]) for code in dict.fromkeys(read.codes)]
        choices += compared(read.sentence)
    else:
        choices = compared(read.sentence)
    if (unknown := unknown_beside(read.sentence, compared=True)) is not None:
        choices.append(Choice(None, (), UNKNOWN, unknown=unknown))
    if len(choices) < 2:
        return None
    all_known = all(choice.dno_id is not None for choice in choices)
    return Interpretation(
        data_type=_data_type(topic.topic),
        dno_id=None,
        year=read.year.year,
        voltage_level=read.level.level,
        confidence=_confidence(
            topic.certainty, min(one.certainty for one in choices), read.year.certainty, read.level.certainty
        ),
        candidates=tuple(dict.fromkeys(one for choice in choices for one in choice.candidates)),
        language=read.language,
        topic=_T.COMPARISON if all_known else topic.topic,
        details=Details(load=_load(read) or _example(read.level.level)) if all_known else Details(),
        unknown=next((choice.unknown for choice in choices if choice.unknown is not None), None),
        questions=max(1 + topic.further, count_of_questions(read.sentence)),
    )


def _example(level: VoltageLevel | None) -> Load | None:
    return None if level is None else _EXAMPLES.get(level, _LARGE_EXAMPLE)


def _ranking(read: _Read) -> Interpretation | None:
    """ "Günstigster Netzbetreiber in Bayern MS 2026"; None where no superlative asks for operators."""
    sentence = read.sentence
    if not sentence.has_any(Sign.CHEAPEST, Sign.DEAREST) and not _RANKED.intersection(sentence.keys):
        return None
    if sentence.has(Sign.WHEN) or _is_about_something_else(sentence):
        return None
    if read.codes or not _speaks_of_operators(read):
        return None
    states = {i for one in read.states for i in range(one.start, one.end)}
    mentions = [m for m in sentence.mentions if not states.issuperset(range(m.start, m.end))]
    if any(not mention.place for mention in mentions):
        return None
    topic = asked(sentence, _frame(read)) or Asked(_T.NETZENTGELTE, 0.95)
    if not isinstance(topic, Asked):
        return _unanswered(read, topic)
    of_states = "bundesland" in sentence.keys or "state" in sentence.keys
    if topic.topic is not _T.NETZENTGELTE or mentions or _asks_for_one_price(sentence) or of_states:
        return _unanswered(read, NotHeld.OTHER_RANKING)
    if len({one.state for one in read.states}) > 1 or names_unknown_place(sentence):
        return _unanswered(read, NotHeld.OTHER_RANKING)  # "in Bayern und Hessen", "in Österreich"
    load = _load(read) or (None if read.amounts.tokens else _example(read.level.level))
    return Interpretation(
        data_type=_data_type(topic.topic),
        dno_id=None,
        year=read.year.year,
        voltage_level=read.level.level,
        confidence=_confidence(topic.certainty, 0.97, read.year.certainty, read.level.certainty),
        candidates=(),
        language=read.language,
        topic=_T.RANKING,
        details=Details(
            dearest=sentence.has(Sign.DEAREST) and not sentence.has(Sign.CHEAPEST),
            region=read.states[0].state if read.states else None,
            load=load,
            first=_length(sentence),
        ),
        lacking=load is None or read.level.level is None,
        questions=max(1 + topic.further, count_of_questions(sentence), read.year.number),
    )


_RANKED = {"ranking", "rangliste", "top", "rangfolge", "rank"}
_OPERATORS = {
    "netzbetreiber", "netzbetreibern", "verteilnetzbetreiber", "verteilnetzbetreibern", "stromnetzbetreiber", "vnb",
    "netz", "netze", "netzgebiet", "operator", "operators", "dso", "dsos", "grid", "network", "networks", "grids",
    "netzentgelt", "netzentgelte", "netzentgelten", "netznutzungsentgelte", "netzkosten", "netzgebuhren", "stadtwerk",
    "stadtwerke", "stadtwerken", "utility", "utilities", "nne",
}  # fmt: skip
_ONE_PRICE = {
    "leistungspreis",
    "leistungspreise",
    "arbeitspreis",
    "arbeitspreise",
    "lp",
    "ap",
    "capacity",
    "energy",
}


def _speaks_of_operators(read: _Read) -> bool:
    named = _OPERATORS | _ONE_PRICE
    return bool(named.intersection(read.sentence.keys)) or (
        read.level.level is not None and bool(read.states)
    )


def _asks_for_one_price(sentence: Sentence) -> bool:
    return bool(_ONE_PRICE.intersection(sentence.keys))


def _length(sentence: Sentence) -> int:
    """ "top 10", "die drei günstigsten"; five where none is named."""
    for i, key in enumerate(sentence.keys):
        if key in _RANKED | {"die", "the"} and (number := _number(sentence[i + 1])) > 1:
            return min(number, _MAX_RANKING)
        if key in _OPERATORS and (number := _number(sentence[i - 1])) > 1:
            return min(number, _MAX_RANKING)
    return Details().first


def _number(word: str) -> int:
    return int(word) if word.isdecimal() and word.isascii() and len(word) <= 2 else NUMBERS.get(word, 0)
