"""How words are written: one key for every spelling of a word, and a sentence as a list of tokens."""

import re
from functools import lru_cache
from typing import NamedTuple

from app.domain.folding import fold, fold_case

MAX_SENTENCE_LENGTH = 1_000  # characters that are read; what stands behind them is not looked at
MAX_TOKENS = 120
MAX_WORD_LENGTH = 60  # letters

_WRITTEN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_WRITTEN_OUT = re.compile("([aou])e")
_PREPOSITIONS = frozenset("adiouv")  # "a.d.Donau": abbreviated, no part of the word behind them
_RAISED = re.compile("(?<=[0-9])(?=[⁰¹²³⁴-⁹])")  # "10⁶" is no 106
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")


class Token(NamedTuple):
    """A word or a number, with what stands between it and the token before."""

    key: str
    text: str
    gap: str


def normalise(sentence: str) -> str:
    """Sentences that differ in case, width or white space only are one question."""
    plain = _RAISED.sub("^", sentence[:MAX_SENTENCE_LENGTH])
    return " ".join(fold_case(plain).split())[:MAX_SENTENCE_LENGTH]


@lru_cache(maxsize=8_192)  # the same words come again and again, in names as in questions
def key(word: str) -> str:
    """The same for "Tübingen", "Tuebingen" and "Tubingen"."""
    return _WRITTEN_OUT.sub(r"\1", fold(word))


def written(text: str) -> str:
    """Lower case with umlauts written out, words apart: keeps "Fürth" and "Furth" apart."""
    return " ".join(re.findall(r"[^\W_]+", fold_case(text).translate(_WRITTEN)))


def tokens(text: str) -> list[Token]:
    """The tokens of a normalised sentence; "E.DIS", "e-netz" and "T.W.O." are one each."""
    found: list[Token] = []
    end = 0
    for match in _TOKEN.finditer(text):
        word = match[0]
        # What is longer is no word of anything, and is not remembered.
        key_of = key if len(word) <= MAX_WORD_LENGTH else key.__wrapped__
        token = Token(key_of(word), word, text[end : match.start()])
        end = match.end()
        if found and _continues(found[-1], token):
            before = found.pop()
            token = Token(before.key + token.key, before.text + token.text, before.gap)
        elif len(found) == MAX_TOKENS:
            break
        found.append(token)
    return found


def _continues(before: Token, token: Token) -> bool:
    """Whether a single letter and what is glued to it are one word."""
    if token.gap not in {".", "-", ""} or not before.key.isalpha() or not token.key.isalpha():
        return False
    if len(token.key) == 1:
        return len(before.key) <= 2
    return len(before.key) == 1 and before.key not in _PREPOSITIONS
