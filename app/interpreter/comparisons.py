"""Questions that compare operators: "Vergleich Bayernwerk und N-ERGIE MS 2026"."""

import re
from typing import Final

from app.domain.price import PriceKind
from app.domain.question import Details, Interpretation, QuestionTopic, Usage
from app.interpreter.asked import Asked
from app.interpreter.load_examples import HOUSEHOLD, example_of
from app.interpreter.operators import UNKNOWN, Choice, by_codes, compared, unknown_beside
from app.interpreter.reading import (
    Read,
    data_type_of,
    is_about_something_else,
    load_of,
    product_of,
)
from app.interpreter.sentence import Sentence
from app.interpreter.topics import count_of_questions
from app.interpreter.usage import as_example
from app.interpreter.words import Level, Position, Relative, Sign, Topic
from app.interpreter.years import is_a_year


def compares_operators(read: Read) -> bool:
    """ "Wer ist günstiger, A oder B?": two operators are compared by their charges."""
    sentence = read.sentence
    if not _compares(sentence) or is_about_something_else(sentence):
        return False
    named = [mention for mention in sentence.mentions if not mention.place and not mention.everyday]
    if (
        not (named or sentence.strange)
        and sentence.names_the_grid
        and not _DEARER_OR_CHEAPER.isdisjoint(sentence.keys)
    ):
        # "Wo ist das Netz billiger, in Jena oder in Weimar?"
        named = [mention for mention in sentence.mentions if not mention.everyday]
    unknown = unknown_beside(sentence, compared=True) is not None
    return len(named) + len(read.codes) + unknown >= 2


def _compares(sentence: Sentence) -> bool:
    """ "Unterschied Netzentgelte Westnetz Avacon", but not "Unterschied MS NS", "Unterschied zum Vorjahr" or "ich recherchiere zu regionalen Unterschieden"."""
    if sentence.has(Sign.COMPARES):
        return True
    companies = [mention for mention in sentence.mentions if not (mention.place or mention.everyday)]
    meanings = [mark.meaning for mark in sentence.marks]
    return (
        len({frozenset(mention.readings) for mention in companies}) > 1  # not two names of one
        and all(sum(isinstance(one, alike) for one in meanings) <= 1 for alike in (Level, Position | Topic))
        and not any(isinstance(one, Relative) for one in meanings)
        and not _SEASONS.issubset(sentence.keys)
        and any(sentence.spells(i, _DIFFERENCES) for i in range(len(sentence.keys)))
    )


_SEASONS: Final = frozenset({"winter", "sommer"})
_DIFFERENCES: Final = frozenset({"unterschied", "unterschiede", "differenz", "differenzen"})
_DEARER_OR_CHEAPER: Final = frozenset({"gunstiger", "billiger", "preiswerter", "teurer"})


def compares_with_others(read: Read) -> bool:
    """ "Welche Netzbetreiber sind günstiger als Westnetz?": one is compared with others that are not named."""
    sentence = read.sentence
    if len({mention.start for mention in sentence.mentions}) != 1:  # "N-ERGIE 2026 teurer als N-ERGIE 2025"
        return False
    levels = {mark.meaning.level for mark in sentence.marks if isinstance(mark.meaning, Level)}
    if read.year.number > 1 or len(levels) > 1:  # "MS günstiger als in Westnetz NS"
        return False
    mention = sentence.mentions[0]
    before = mention.start - 1
    while sentence[before] in _BEFORE_NAMES:
        before -= 1
    compared = sentence[before] in {"als", "than"} and any(
        map(_COMPARATIVES.fullmatch, sentence.keys[max(before - _COMPARED_WITHIN, 0) : before])
    )
    return compared and _ends_a_clause(read, mention.end)


def _ends_a_clause(read: Read, i: int) -> bool:
    """With its level and year: "… als Westnetz in MS 2025?", but not "… als Westnetz angekündigt hat"."""
    sentence = read.sentence
    while sentence[i] and _BETWEEN_CLAUSES.isdisjoint(sentence.gap(i)):
        if not (sentence[i] in {"in", "im"} or is_a_year(sentence[i]) or i in read.level.tokens):
            return False
        i += 1
    return True


_BETWEEN_CLAUSES: Final = frozenset("?!,;:.")
_BEFORE_NAMES: Final = frozenset({
    "die", "der", "den", "das", "bei", "beim", "in", "stadtwerke", "netz", "netze", "the", "at", "with", "of",
})  # fmt: skip
_COMPARATIVES: Final = re.compile(
    "(?:gunstiger|billiger|preiswerter|niedriger|hoher|teurer|geringer)(?:e|en|er|es|em)?|mehr|weniger|cheaper|lower|higher|dearer"
    "|expensive|more|less"
)
_COMPARED_WITHIN: Final = 4  # tokens


def comparison_of(read: Read, topic: Asked, usage: Usage | None = None) -> Interpretation | None:
    """None where fewer than two operators stand side by side to be compared."""
    if not _compares(read.sentence):
        return None
    if usage is None and topic.kinds == _OF_HOUSEHOLDS:
        usage = HOUSEHOLD
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
    if all_known and len({choice.dno_id for choice in choices}) < 2:
        return None  # one operator by two names
    return Interpretation(
        data_type=data_type_of(topic.topic if usage is None else QuestionTopic.BILL),
        dno_id=None,
        year=read.year.year,
        voltage_level=read.level.level,
        confidence=product_of(
            topic.certainty, min(one.certainty for one in choices), read.year.certainty, read.level.certainty
        ),
        candidates=tuple(dict.fromkeys(one for choice in choices for one in choice.candidates)),
        language=read.language,
        topic=QuestionTopic.COMPARISON if all_known else topic.topic,
        details=_details(read, topic, usage) if all_known else Details(),
        unknown=next((choice.unknown for choice in choices if choice.unknown is not None), None),
        questions=max(1 + topic.further, count_of_questions(read.sentence), read.year.number),
    )


_OF_HOUSEHOLDS: Final = (PriceKind.SLP_GRUNDPREIS, PriceKind.SLP_ARBEITSPREIS)


def _details(read: Read, topic: Asked, usage: Usage | None) -> Details:
    if usage is not None or topic.kinds:
        usage = usage and as_example(read, usage)
        return Details(usage=usage, kinds=() if usage is not None else topic.kinds)
    return Details(load=load_of(read) or example_of(read.level.level))
