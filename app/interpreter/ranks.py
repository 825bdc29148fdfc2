"""Ranks in words: "zweitgünstigster", "the third cheapest"."""

import re
from typing import Final

from app.interpreter.sentence import Sentence
from app.interpreter.words import Sign

_U, _O = "(?:ü|ue?)", "(?:ö|oe?)"
_RANKS: Final = {
    2: "zweit", 3: "dritt", 4: "viert", 5: "fünft|funft|fuenft", 6: "sechst", 7: "siebt|siebent", 8: "acht", 9: "neunt", 10: "zehnt",
}  # fmt: skip
_IN_ENGLISH: Final = ("second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_SUPERLATIVES: Final = (
    f"(?:g{_U}nstig|billig|preiswert|teuer|niedrig|h{_O}ch|gering|klein|kostspielig)st\\w{{1,2}}"
)
_JOINED: Final = re.compile(
    rf"\b(?:{'|'.join(f'(?P<rank{rank}>{words})' for rank, words in _RANKS.items())})-?(?P<superlative>{_SUPERLATIVES})\b"
)
_WORDS: Final = {
    **{word: rank for rank, word in enumerate(_IN_ENGLISH, 2)},
    **{f"{word}e{ending}": rank for rank, words in _RANKS.items() for word in words.split("|") for ending in ("", "n", "r", "s")},
}  # fmt: skip


def with_ranks_apart(text: str) -> str:
    """The rank as a number with a full stop before the superlative."""
    return _JOINED.sub(_apart, text)


def _apart(match: re.Match[str]) -> str:
    rank = next(rank for rank in _RANKS if match[f"rank{rank}"])
    return f"{rank}. {match['superlative']}"


def rank_of(sentence: Sentence) -> int | None:
    """Which one of a ranking is asked for; None: the first ones."""
    for mark in sentence.marks:
        if mark.meaning in (Sign.CHEAPEST, Sign.DEAREST):
            before = sentence[mark.start - 1]
            if before.isdecimal() and len(before) <= 2 and sentence.gap(mark.start).startswith("."):
                return int(before)
            if before in _WORDS:
                return _WORDS[before]
    return None
