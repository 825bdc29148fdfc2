"""What a sentence asks for: grid charges, peak-load windows, or something that is not ours to answer."""

from typing import NamedTuple

from app.domain.families import NETZENTGELTE, DataType
from app.interpreter.grammar import Mark
from app.interpreter.names import KINDS
from app.interpreter.sentence import Sentence
from app.interpreter.words import QUESTIONS, Sign, Topic, Weight


class Asked(NamedTuple):
    data_type: DataType
    certainty: float


class Frame(NamedTuple):
    """What else the sentence names; it distinguishes a grid price from any other price."""

    operator: bool  # by its name
    place: bool
    level: bool
    year: bool


def asked(sentence: Sentence, frame: Frame) -> Asked | None:
    """None: anything else than the two topics."""
    if sentence.has(Sign.TRICK):
        return None
    if sentence.has_any(Sign.GAS, Sign.OTHER_MEDIUM) and not sentence.has(Sign.POWER):
        return None
    if sentence.has(Sign.DEFINITION) and not (frame.operator or frame.place or frame.level or frame.year):
        return None
    topics = [mark for mark in sentence.marks if isinstance(mark.meaning, Topic)]
    kept = sentence.kept(topics)
    weight = max((_topic(mark).weight for mark in kept), default=None)
    match weight:
        case Weight.PLAIN:
            return Asked(_asked_for(sentence, kept), _plainly(sentence))
        case Weight.LIKELY | Weight.AROUND:
            return _likely(sentence, kept, frame)
        case Weight.HINT:
            return _by_price(sentence, frame)
        case _:
            return _by_operator(sentence, frame)


def _topic(mark: Mark) -> Topic:
    assert isinstance(mark.meaning, Topic)
    return mark.meaning


def _plainly(sentence: Sentence) -> float:
    doubts = (Sign.GAS, Sign.OTHER_MEDIUM, Sign.OTHER_PRODUCT, Sign.OTHER_MATTER, Sign.DEFINITION)
    return 0.9 if sentence.has_any(*doubts) else 0.99


def _likely(sentence: Sentence, topics: list[Mark], frame: Frame) -> Asked | None:
    framed = frame.operator or frame.place or frame.level or frame.year or _of_the_grid(sentence)
    if sentence.has(Sign.OTHER_PRODUCT) or not framed:
        return None
    if sentence.has(Sign.OTHER_MATTER) and not (frame.level or frame.operator):
        return None
    doubtful = sentence.has_any(Sign.OTHER_MATTER, Sign.DEFINITION) or not (
        frame.level or frame.operator or frame.place
    )
    return Asked(_asked_for(sentence, topics), 0.8 if doubtful else 0.97)


def _by_price(sentence: Sentence, frame: Frame) -> Asked | None:
    """A price is a grid charge where the sentence speaks of the grid, of a level or of an operator alone."""
    if sentence.has_any(Sign.OTHER_PRODUCT, Sign.OTHER_MATTER, Sign.DEFINITION):
        return None
    grid = sentence.has(Sign.GRID)
    if sentence.has(Sign.POWER) and not (grid or frame.level):
        return None
    if frame.level and (frame.operator or frame.place or grid):
        return Asked(NETZENTGELTE, 0.95)
    if grid and (frame.operator or frame.place):
        return Asked(NETZENTGELTE, 0.93)
    if (frame.operator or grid or frame.level) and not sentence.strange:
        return Asked(NETZENTGELTE, 0.85)
    return None


def _by_operator(sentence: Sentence, frame: Frame) -> Asked | None:
    """ "netze bw ns 2024": an operator and nothing that asks for anything else, not even "What is Westnetz?"."""
    other = (Sign.OTHER_PRODUCT, Sign.OTHER_MATTER, Sign.DEFINITION)
    if (
        sentence.has_any(*other)
        or sentence.strange
        or (QUESTIONS.intersection(sentence.keys) and not frame.level)
    ):
        return None
    if frame.operator or (frame.level and (frame.place or _of_the_grid(sentence))):
        return Asked(NETZENTGELTE, 0.93)
    return None


def _of_the_grid(sentence: Sentence) -> bool:
    return sentence.has(Sign.GRID) or any(key in KINDS for key in sentence.keys)


def _asked_for(sentence: Sentence, topics: list[Mark]) -> DataType:
    """Of two topics the one after the first word that asks, else the first."""
    strong = [mark for mark in topics if _topic(mark).weight >= Weight.LIKELY] or topics
    known = [mark.start for mark in sentence.marks if mark.meaning is Sign.KNOWN_ALREADY]
    fresh = [mark for mark in strong if not any(0 <= at - mark.end <= 3 for at in known)] or strong
    asks = min((mark.start for mark in sentence.marks if mark.meaning is Sign.ASKS), default=-1)
    after = [mark for mark in fresh if mark.start > asks]
    return _topic((after or fresh)[0]).data_type
