"""The federal state that a sentence names, in German or English."""

from typing import Final, NamedTuple

from app.interpreter.sentence import Sentence
from app.interpreter.state_names import STATES

_MAX_WORDS: Final = 3


class NamedState(NamedTuple):
    start: int
    end: int
    state: str


def states_of(sentence: Sentence) -> list[NamedState]:
    """The longest names: "Sachsen-Anhalt" is not "Sachsen"."""
    found: list[NamedState] = []
    start = 0
    while start < len(sentence.keys):
        end = start + 1
        for stop in range(min(start + _MAX_WORDS, len(sentence.keys)), start, -1):
            if state := STATES.get("".join(sentence.keys[start:stop])):
                found.append(NamedState(start, stop, state))
                end = stop
                break
        start = end
    return found
