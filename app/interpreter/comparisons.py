"""Questions that compare operators: "Vergleich Bayernwerk und N-ERGIE MS 2026"."""

from app.domain.question import Details, Interpretation, QuestionTopic
from app.interpreter.load_examples import example_of
from app.interpreter.operators import UNKNOWN, Choice, by_codes, compared, unknown_beside
from app.interpreter.reading import (
    Read,
    data_type_of,
    is_about_something_else,
    load_of,
    product_of,
)
from app.interpreter.topics import Asked, count_of_questions
from app.interpreter.words import Sign


def compares_operators(read: Read) -> bool:
    """ "Wer ist günstiger, A oder B?": two operators are compared by their charges."""
    sentence = read.sentence
    if not sentence.has(Sign.COMPARES) or is_about_something_else(sentence):
        return False
    named = [mention for mention in sentence.mentions if not mention.place and not mention.everyday]
    unknown = unknown_beside(sentence, compared=True) is not None
    return len(named) + len(read.codes) + unknown >= 2


def comparison_of(read: Read, topic: Asked) -> Interpretation | None:
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
    if all_known and len({choice.dno_id for choice in choices}) < 2:
        return None  # one operator by two names
    return Interpretation(
        data_type=data_type_of(topic.topic),
        dno_id=None,
        year=read.year.year,
        voltage_level=read.level.level,
        confidence=product_of(
            topic.certainty, min(one.certainty for one in choices), read.year.certainty, read.level.certainty
        ),
        candidates=tuple(dict.fromkeys(one for choice in choices for one in choice.candidates)),
        language=read.language,
        topic=QuestionTopic.COMPARISON if all_known else topic.topic,
        details=Details(load=load_of(read) or example_of(read.level.level)) if all_known else Details(),
        unknown=next((choice.unknown for choice in choices if choice.unknown is not None), None),
        questions=max(1 + topic.further, count_of_questions(read.sentence)),
    )
