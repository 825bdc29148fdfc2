"""The words of a sentence as they were probably meant: misspelt ones corrected, by the vocabulary."""

from collections.abc import Sequence
from typing import NamedTuple

from app.domain.folding import fold
from app.interpreter.names import KINDS
from app.interpreter.spelling import Token
from app.interpreter.units import SYMBOLS
from app.interpreter.vocabulary import Vocabulary

MAX_CORRECTIONS = 12  # words of one sentence; in a text with more, the rest is not about us
SAFELY_CORRECTED = 5  # letters from which any misspelling is corrected
SURELY_CORRECTED = 7  # letters from which a corrected word alone is taken for a name
_NEAR_ANOTHER_LEVEL = "hochstspannung"  # "Höchstspannungsnetz" is no slip of a "Hochspannungsnetz" in a name


class Word(NamedTuple):
    token: Token
    keys: tuple[str, ...]  # several when it was corrected and the nearest are equally near
    slips: int = 0  # of the pen, by which the keys differ from what is written

    @property
    def key(self) -> str:
        return self.keys[0]


def corrected_words(found: Sequence[Token], vocabulary: Vocabulary) -> list[Word]:
    words: list[Word] = []
    corrections = MAX_CORRECTIONS
    for token in _rejoined(found, vocabulary):
        if symbol := SYMBOLS.get(token.key):
            words.append(Word(token, (symbol,)))
        elif (
            not token.key.isalpha()
            or vocabulary.knows(token.key)
            or token.key.startswith(_NEAR_ANOTHER_LEVEL)
        ):
            words.append(Word(token, (token.key,)))
        elif keys := _inflected(token.key, vocabulary):
            words.append(Word(token, keys))
        else:
            announced = bool(words) and words[-1].key in KINDS
            words.append(
                _corrected(token, vocabulary, announced) if corrections > 0 else Word(token, (token.key,))
            )
            corrections -= 1
    return words


def _corrected(token: Token, vocabulary: Vocabulary, announced: bool) -> Word:
    """A short word has too many neighbours, unless a kind of company announces a name: "Stadtwerke Unan"."""
    if announced or len(token.key) >= SAFELY_CORRECTED:
        keys, slips = vocabulary.meant(token.key)
        if not keys and (unfolded := fold(token.text)) != token.key:
            keys, slips = vocabulary.meant(unfolded)  # "Haenow": a letter is missing, and "ae" is no umlaut
    else:
        keys, slips = vocabulary.swapped(token.key), 1
    if keys and (symbol := SYMBOLS.get(keys[0])):
        keys = (symbol,)
    return Word(token, keys, slips) if keys else Word(token, (token.key,))


def _inflected(word: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """ "Amprions", "Westnetzes": the genitive of a name."""
    for ending in ("s", "es", "n"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 3 and (stem in vocabulary.forms or stem in vocabulary.lexemes):
            return (stem,)
    return ()


def _rejoined(found: Sequence[Token], vocabulary: Vocabulary) -> list[Token]:
    """Two words with a hyphen may be wrong only together: "Mein-Kinzig" is Main-Kinzig. "N ERGIE" is one name."""
    rejoined: list[Token] = []
    corrections = MAX_CORRECTIONS
    for token in found:
        if rejoined and _is_an_initial(rejoined[-1], token, vocabulary):
            initial = rejoined.pop()
            rejoined.append(Token(initial.key + token.key, initial.text + token.text, initial.gap))
            continue
        before = rejoined[-1] if rejoined and token.gap == "-" else None
        if before is None or corrections <= 0 or not _may_be_wrong(before, token, vocabulary):
            rejoined.append(token)
            continue
        corrections -= 1
        if whole := _whole(before, token, vocabulary):
            rejoined[-1] = whole
        else:
            rejoined.append(token)
    return rejoined


def _is_an_initial(before: Token, after: Token, vocabulary: Vocabulary) -> bool:
    """Whether a letter belongs to the word behind it, which alone is no word."""
    if len(before.key) > 1 or not before.key.isalpha() or after.gap != " " or vocabulary.knows(after.key):
        return False
    return before.key + after.key in vocabulary.forms


def _may_be_wrong(before: Token, after: Token, vocabulary: Vocabulary) -> bool:
    joined = before.key + after.key
    if before.key in vocabulary.lexemes and after.key in vocabulary.lexemes:
        return False
    return joined.isalpha() and len(joined) >= SURELY_CORRECTED and not vocabulary.knows(joined)


def _whole(before: Token, after: Token, vocabulary: Vocabulary) -> Token | None:
    joined = before.key + after.key
    near, slips = vocabulary.meant(joined)
    if slips != 1 or len(vocabulary.forms.get(near[0], ())) != 1:
        return None
    return Token(near[0], f"{before.text}-{after.text}", before.gap)
