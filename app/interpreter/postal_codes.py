"""A postal code in a sentence, with the place that stands beside it: "80331 München"."""

from typing import Final, NamedTuple

from app.interpreter.sentence import Sentence
from app.interpreter.words import UNITS

_DIGITS: Final = 5
_FIRST, _LAST = "01001", "99998"
_MEASURES: Final = frozenset("€%$£#§")


class PostalCode(NamedTuple):
    """`city`: as it is written behind the code; None: nothing that can be a place stands there."""

    code: str
    city: str | None
    token: int


def postal_code_of(sentence: Sentence, taken: set[int]) -> PostalCode | None:
    """The first number of five digits that counts nothing. `taken`: tokens that were read as an amount."""
    for i, key in enumerate(sentence.keys):
        if i in taken or len(key) != _DIGITS or not key.isdecimal() or not key.isascii():
            continue
        counts = sentence[i + 1] in UNITS or bool(_MEASURES & {*sentence.gap(i), *sentence.gap(i + 1)[:1]})
        if _FIRST <= key <= _LAST and not counts:
            return PostalCode(key, _city(sentence, i), i)
    return None


def _city(sentence: Sentence, i: int) -> str | None:
    """The words behind it that are a place, or that nothing explains."""
    for mention in sentence.mentions:
        if mention.start == i + 1 and mention.place:
            return " ".join(word.token.text for word in sentence.words[mention.start : mention.end])
    return sentence.words[i + 1].token.text if sentence[i + 1] in sentence.strange else None
