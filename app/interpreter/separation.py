"""Whether two things in a sentence are set apart from each other: by "und", by a full stop."""

from collections.abc import Sequence

from app.interpreter.grammar import Mark
from app.interpreter.sentence import Sentence
from app.interpreter.words import Sign


def are_set_apart(sentence: Sentence, one: Mark, other: Mark) -> bool:
    """Whether "und", a full stop or the like stands between them."""
    first, second = sorted((one, other), key=_place)
    if any(sentence.gap(i).strip()[:1] in {";", "?", "!"} for i in range(first.end, second.start + 1)):
        return True
    return any(mark.meaning is Sign.AND and first.end <= mark.start < second.start for mark in sentence.marks)


def keys_between(sentence: Sentence, one: Mark, other: Mark) -> Sequence[str]:
    first, second = sorted((one, other), key=_place)
    return sentence.keys[first.end : second.start]


def _place(mark: Mark) -> tuple[int, int]:
    return mark.start, mark.end
