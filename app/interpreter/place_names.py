"""Names of places of two words, of which the first begins many: "Bad Homburg", "Neu-Ulm"."""

from collections.abc import Sequence

from app.interpreter.corrected_words import Word
from app.interpreter.mentions import Mention
from app.interpreter.spelling import written
from app.interpreter.vocabulary import Vocabulary

# "Bad Harzburg", "Hohen Neuendorf", "Neu-Isenburg": `_BEFORE_NAMES` begin names of places. Behind `_OF_PLACES` stands a place of
# its own, behind the others perhaps one that is spelt like another place: Groß-Gerau is not Gera, but "Netzentgelte neu Hamburg" is Hamburg's.
_OF_PLACES = frozenset({"bad", "st", "sankt"})
_BEFORE_NAMES = _OF_PLACES | {
    "neu", "alt", "gross", "klein", "hohe", "hohen", "hoher", "ober", "nieder", "markt", "burg", "konigs",
}  # fmt: skip
_WITHIN_PLACES = frozenset({" ", "-"})
_BEHIND_SAINT = _WITHIN_PLACES | {".", ". "}
_BEFORE_AN_ADJECTIVE = frozenset({"it", "too", "so", "how", "very"})  # "too bad", "is it bad"


def begins_a_name(words: Sequence[Word], i: int) -> bool:
    """Whether the word begins names of places, and is joined to the next one."""
    key, gap = words[i].token.key, words[i + 1].token.gap if i + 1 < len(words) else ""
    return key in _BEFORE_NAMES and gap in (_BEHIND_SAINT if key == "st" else _WITHIN_PLACES)


def always_begins_a_name(word: Word) -> bool:
    """Whether what stands behind it is never a place alone."""
    return word.token.key in _OF_PLACES


def has_in_its_name(mention: Mention, word: Word, vocabulary: Vocabulary) -> bool:
    """Whether an operator has the word in its name or its seat, too: Stadtwerke Ulm/Neu-Ulm Netze."""
    key = written(word.token.text)
    return any(key in vocabulary.operators[number].written for number in mention.readings)


def is_half_a_place(mention: Mention, words: Sequence[Word], vocabulary: Vocabulary) -> bool:
    """Whether the word before it is no part of it, and yet of the name: Bad Homburg is neither Homburg nor a Hamburg misspelt."""
    before = mention.start - 1
    if not mention.place or before < 0 or not begins_a_name(words, before):
        return False
    if has_in_its_name(mention, words[before], vocabulary):
        return False
    if mention.slips:
        return True
    is_adjective = before > 0 and words[before - 1].token.key in _BEFORE_AN_ADJECTIVE
    return always_begins_a_name(words[before]) and not is_adjective
