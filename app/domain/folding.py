"""How names are compared: one key for every way of writing the same letters."""

import unicodedata
from functools import lru_cache
from typing import Final

# Letters that Unicode does not take apart, as names are searched for on other keyboards.
_PLAIN: Final = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ı": "i"})


def fold(text: str) -> str:
    """Without case and accents: ä is a, ß is ss, whether the text came composed (NFC) or not (NFD).

    The result can be longer than the text (U+FDFA becomes 18 letters): bound it where its length costs.
    """
    if text.isascii():
        return text.lower()
    return _fold(text) if len(text) <= _LONGEST_KEPT else _fold.__wrapped__(text)


# Names of places and operators come again and again; longer texts are not names and are not remembered.
_LONGEST_KEPT: Final = 100


@lru_cache(maxsize=4096)
def _fold(text: str) -> str:
    # Taken apart before, too: case folding leaves some composed letters as they are.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).translate(_PLAIN)


def compose(text: str) -> str:
    """The form in which names are stored and shown (NFC): equal names are equal bytes."""
    return unicodedata.normalize("NFC", text)
