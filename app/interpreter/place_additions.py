"""What stands behind the name of a place to distinguish it from others: "Frankfurt am Main", "Freiburg in Niedersachsen"."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

from app.interpreter.federal_states import states_of
from app.interpreter.mentions import Mention
from app.interpreter.names import content
from app.interpreter.sentence import Sentence
from app.interpreter.vocabulary import Operator
from app.interpreter.words import EVERYDAY, ORDINARY

_PREPOSITIONS: Final = frozenset(
    {"an", "am", "a", "ad", "ob", "unter", "vor", "bei", "b", "in", "im", "i", "id"}
)
_ARTICLES: Final = frozenset({"der", "dem", "den", "d"})
_JOINING: Final = frozenset({"", "(", "/", ".", ","})
_MIN_LENGTH: Final = 3  # letters of a word that is compared
_ABBREVIATION: Final = 4  # letters up to which the name of an operator may abbreviate: "i.d.OPf.", "o.d.T."


def names_another_place(sentence: Sentence, mention: Mention, operators: Collection[Operator]) -> bool:
    """Whether none of these operators is where the sentence speaks of: "Frankfurt am Main" is not Frankfurt (Oder).

    Not known of an operator whose name and seat have no addition: "Freiburg im Breisgau".
    """
    if mention.place and (state := _state_behind(sentence, mention.end)):
        return all(operator.region != state for operator in operators)
    if sentence.vocabulary.seats.isdisjoint(_lexemes(sentence, mention)):
        return False
    addition = _addition(sentence, mention.end)
    return bool(addition) and all(
        operator.additions and not any(_is_meant(each, addition) for each in operator.additions)
        for operator in operators
    )


def _lexemes(sentence: Sentence, mention: Mention) -> set[str]:
    return {sentence.vocabulary.lexeme(key) for key in sentence.keys[mention.start : mention.end]}


def _state_behind(sentence: Sentence, i: int) -> str:
    if sentence[i] in {"in", "im"}:
        i += 1
    if sentence.gap(i).strip() not in _JOINING:
        return ""
    state = next((one.state for one in states_of(sentence) if one.start == i), "")
    return "".join(content(state))


def _addition(sentence: Sentence, i: int) -> Sequence[str]:
    """The words of it; of "a.M." the letter."""
    start = i
    gap = sentence.gap(i).strip()
    if sentence[i] == "am" and (i + 1 == len(sentence.keys) or sentence.gap(i + 1)[:1] == "."):
        return "m"
    if gap not in {"(", "/"}:
        if gap or sentence[i] not in _PREPOSITIONS:
            return ()
        i += 1
        if sentence[i] in _ARTICLES:
            i += 1
    word = sentence.words[i].token.key if i < len(sentence.words) else ""
    if len(word) < _MIN_LENGTH or not word.isalpha() or _means_something_else(sentence, i, word):
        return ()
    return [*sentence.keys[start:i], word]


def _means_something_else(sentence: Sentence, i: int, word: str) -> bool:
    """ "In der Mittelspannung", "am Montag", "bei Westnetz"."""
    if i in sentence.covered([*sentence.marks, *sentence.mentions]):
        return True
    return word in ORDINARY and word not in EVERYDAY and word != "oder"


def _is_meant(written: str, addition: Sequence[str]) -> bool:
    """Whether the operator's name has the same, perhaps abbreviated."""
    word = addition[-1]
    if len(word) == 1:
        return written.startswith(word)
    if written.startswith(word) or word.startswith(written):
        return True
    initials = "".join(each[0] for each in addition)
    return len(written) <= _ABBREVIATION and (written == initials or _abbreviates(written, word))


def _abbreviates(short: str, word: str) -> bool:
    """Whether its letters stand in the word, in their order, from the first one on: "opf" in "oberpfalz"."""
    places = [-1]
    for letter in short:
        places.append(word.find(letter, places[-1] + 1))
    return places[1:2] == [0] and all(before < after for before, after in pairwise(places))
