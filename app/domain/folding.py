"""Folding: names that differ only in case, accents or Unicode normalization have the same key."""

import unicodedata
from functools import lru_cache
from typing import Final

# Letters without a Unicode decomposition, and how they are typed on other keyboards.
_PLAIN: Final = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ı": "i"})


def fold(text: str) -> str:
    """Without case and accents: ä is a, ß is ss, whether the text came composed (NFC) or not (NFD).

    The result can be longer than the text (U+FDFA becomes 18 letters): bound it where its length costs.
    """
    if text.isascii():
        return text.lower()
    return _fold(text) if len(text) <= _MAX_CACHED_LENGTH else _fold.__wrapped__(text)


# Names of towns and operators repeat; longer texts are not names and are not cached.
_MAX_CACHED_LENGTH: Final = 100


@lru_cache(maxsize=4096)
def _fold(text: str) -> str:
    # Decomposed before, too: case folding leaves some composed letters unchanged.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_PLAIN)


def fold_case(text: str) -> str:
    """Without case and compatibility forms (NFKC), but with accents: "Fürth" and "Furth" stay different."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def compose(text: str) -> str:
    """The form in which names are stored and shown (NFC): equal names are equal bytes."""
    return unicodedata.normalize("NFC", text)
