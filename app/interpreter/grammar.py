"""How words become meanings: the longest phrase that begins at each word, or the parts of a compound."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from app.interpreter.names import ENDINGS
from app.interpreter.position_words import POSITIONS
from app.interpreter.spelling import key
from app.interpreter.state_names import WORDS as STATE_WORDS
from app.interpreter.units import HOURS_OF_USE, SYMBOLS
from app.interpreter.words import (
    GAS_COMPOUNDS,
    MISTAKABLE,
    ORDINARY,
    PHRASES,
    STEMS,
    Meaning,
    Relative,
    Sign,
)

MAX_PHRASE_WORDS = 5  # words
MIN_STATE_LENGTH = 7  # letters from which a misspelt word may be meant as a federal state
MIN_COMPOUND_LENGTH = 9  # letters


class Mark(NamedTuple):
    """Tokens from `start` up to `end` and what they say."""

    start: int
    end: int
    meaning: Meaning


def _spellings(text: str) -> Iterator[str]:
    """Every phrase joined, as it is looked up."""
    for phrase in text.split("|"):
        for chosen in product(*(word.split("/") for word in phrase.split())):
            joined = key("".join(chosen).replace("-", "").replace("_", ""))
            yield from (joined[:-1] + ending for ending in ENDINGS) if joined.endswith("~") else (joined,)


def _words(text: str) -> Iterator[str]:
    yield from (key(word) for word in re.findall(r"\w+", text.replace("_", " ")))


_PHRASES: tuple[tuple[Meaning, str], ...] = (*PHRASES, *POSITIONS)


def _meanings() -> dict[str, tuple[Meaning, ...]]:
    found: dict[str, tuple[Meaning, ...]] = {}
    for meaning, text in _PHRASES:
        for joined in _spellings(text):
            before = found.get(joined, ())
            # Tuples of different types are equal: days and years from today.
            if not any(one == meaning and type(one) is type(meaning) for one in before):
                found[joined] = (*before, meaning)
    return found


_MEANINGS = _meanings()
# What a misspelt word may have been meant to be; the small words of a language are too near to too much.
_STATES = {word for word in STATE_WORDS if len(word) >= MIN_STATE_LENGTH}
_WORDS = {word for _, text in _PHRASES for word in _words(text)}
# Compounds that are as usual as the words that they are made of.
_COMPOUNDS = {f"{level}spannungsseitig" for level in ("hoch", "mittel", "nieder")}
CORRECTABLE = _MEANINGS.keys() | _WORDS | _STATES | SYMBOLS.keys() | HOURS_OF_USE | _COMPOUNDS
KNOWN = CORRECTABLE | ORDINARY | MISTAKABLE | STATE_WORDS


def marks(words: Sequence[str]) -> list[Mark]:
    """The longest phrases, from left to right; a word in none of them is looked at for the parts it is made of."""
    found: list[Mark] = []
    start = 0
    while start < len(words):
        end = _phrase_end(words, start)
        if end:
            found += [Mark(start, end, meaning) for meaning in _MEANINGS["".join(words[start:end])]]
        else:
            found += [Mark(start, start + 1, meaning) for meaning in _parts(words[start])]
        start = max(end, start + 1)
    return found


def years_away(word: str) -> int | None:
    """The years from today that "letztes" means before "Jahr"; None where it means none."""
    found = (*_MEANINGS.get(word + "jahr", ()), *_MEANINGS.get(word + "year", ()))
    return next((one.years for one in found if isinstance(one, Relative)), None) if word else None


def _phrase_end(words: Sequence[str], start: int) -> int:
    for end in range(min(start + MAX_PHRASE_WORDS, len(words)), start, -1):
        if "".join(words[start:end]) in _MEANINGS:
            return end
    return 0


def _parts(word: str) -> Iterable[Meaning]:
    if word.startswith("gas") and word.startswith(tuple(GAS_COMPOUNDS)):
        yield Sign.GAS
    if len(word) >= MIN_COMPOUND_LENGTH:
        yield from (meaning for stem, meaning in STEMS if stem in word)
