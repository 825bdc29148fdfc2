"""A sentence in, an Interpretation out: the one function that the graph calls."""

from datetime import date

from app.domain.question import Interpretation, Language
from app.interpreter.levels import level_of
from app.interpreter.operators import choose
from app.interpreter.sentence import Sentence
from app.interpreter.spelling import normalise
from app.interpreter.topics import Frame, asked
from app.interpreter.vocabulary import Vocabulary
from app.interpreter.words import ENGLISH, GERMAN
from app.interpreter.years import year_of

__all__ = ["interpret", "normalise"]

SOMETHING_ELSE = 0.1  # confidence of "this is none of the questions that can be answered"


def interpret(sentence: str, vocabulary: Vocabulary, today: date) -> Interpretation:
    """The same answer for the same sentence, operators and day; nothing is read from anywhere else."""
    read = Sentence(normalise(sentence), vocabulary)
    level = level_of(read)
    year = year_of(read, level.tokens, today)
    topic = asked(read, _frame(read, level.level is not None, year.named))
    if topic is None:
        return Interpretation(None, None, None, None, SOMETHING_ELSE, (), _language(read))
    operator = choose(read)
    return Interpretation(
        data_type=topic.data_type,
        dno_id=operator.dno_id,
        year=year.year,
        voltage_level=level.level,
        confidence=round(topic.certainty * operator.certainty * year.certainty * level.certainty, 3),
        candidates=operator.candidates,
        language=_language(read),
    )


def _frame(read: Sentence, level: bool, year: bool) -> Frame:
    named = any(not mention.place and not mention.everyday for mention in read.mentions)
    return Frame(operator=named, place=bool(read.mentions), level=level, year=year)


def _language(read: Sentence) -> Language:
    german = sum(key in GERMAN for key in read.keys)
    english = sum(key in ENGLISH for key in read.keys)
    return Language.ENGLISH if english > german else Language.GERMAN
