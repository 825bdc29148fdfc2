"""Runs of words that mean an operator: its name, or the place that it is named after."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.interpreter.corrected_words import SURELY_CORRECTED, Word
from app.interpreter.names import GLUE, LEGAL, Fit
from app.interpreter.units import IN_KWH, SCALES
from app.interpreter.vocabulary import (
    MAX_FORM_WORDS,
    MAX_REORDERED_WORDS,
    Readings,
    Vocabulary,
    in_any_order,
)
from app.interpreter.words import EVERYDAY, ORDINARY

_AND = {"und", "and"}
_UNITS = IN_KWH.keys() - {"twh"}
# Before the unit of a price: "ct/kWh", "Cent pro kWh", "eine kWh".
_PER = {"ct", "cent", "cents", "eur", "euro", "euros", "je", "pro", "per", "eine"}


class Mention(NamedTuple):
    """A run of words that means an operator."""

    start: int
    end: int
    readings: Readings
    slips: int
    everyday: bool  # it could as well be a word like any other

    @property
    def fit(self) -> Fit:
        return min(self.readings.values())

    @property
    def place(self) -> bool:
        return self.fit >= Fit.PLACE


def mentions_in(words: Sequence[Word], vocabulary: Vocabulary) -> list[Mention]:
    """The longest runs of words that are a form, none over another; of equals the better spelt, then those without "und", then
    the first: "N-ERGIE und Netze BW" are two operators, although N-ERGIE Netz is one, too."""
    runs = sorted(
        _runs(words, vocabulary),
        key=lambda run: (-run[0], run[1].slips, _is_joined(words, run[1]), run[1].start),
    )
    taken: set[int] = set()
    chosen: list[Mention] = []
    for _, mention in runs:
        tokens_of_it = set(range(mention.start, mention.end))
        if not tokens_of_it & taken:
            taken |= tokens_of_it
            chosen.append(mention)
    return sorted(chosen, key=lambda mention: mention.start)


def _is_joined(words: Sequence[Word], mention: Mention) -> bool:
    return any(word.key in _AND for word in words[mention.start : mention.end])


def _runs(words: Sequence[Word], vocabulary: Vocabulary) -> Iterator[tuple[int, Mention]]:
    """All runs that are a form, with their length; words that only join others do not count."""
    content = [
        i
        for i, word in enumerate(words)
        if word.key not in GLUE and word.key not in LEGAL and not _is_a_unit(words, i)
    ]
    for at, start in enumerate(content):
        joined, slips = [""], 0
        for length, i in enumerate(content[at : at + MAX_FORM_WORDS], 1):
            joined = [before + vocabulary.lexeme(key) for before in joined for key in words[i].keys]
            slips += words[i].slips
            if readings := _readings(joined, vocabulary) or _reordered(
                words, content[at : at + length], vocabulary
            ):
                everyday = length == 1 and _is_everyday(words[i])
                yield length, Mention(start, i + 1, readings, slips, everyday)


def _is_a_unit(words: Sequence[Word], i: int) -> bool:
    """ "3500 kWh", "2,5 Millionen Kilowattstunden", "ct/kWh": no part of the name KWH Netz; "2025 TWH" may be a year and a
    name."""
    word, before = words[i], words[i - 1].key if i > 0 else ""
    is_written_out = word.key != word.token.key
    is_counted = before[:1].isdigit() or before in SCALES
    is_price = before in _PER or word.token.gap.replace(" ", "").endswith("€/")
    return word.key in _UNITS and (is_written_out or is_counted or is_price)


def _reordered(words: Sequence[Word], run: Sequence[int], vocabulary: Vocabulary) -> Readings:
    """The words of a form in another order, none of them spelt in several ways."""
    if not 2 <= len(run) <= MAX_REORDERED_WORDS or any(len(words[i].keys) > 1 for i in run):
        return {}
    return vocabulary.reordered.get(in_any_order(vocabulary.lexeme(words[i].key) for i in run), {})


def _is_everyday(word: Word) -> bool:
    """Also a short word that had to be corrected: it may have been meant as anything."""
    if word.slips and len(word.token.key) < SURELY_CORRECTED:
        return True
    return word.token.text in EVERYDAY or word.token.key in ORDINARY


def _readings(joined: Sequence[str], vocabulary: Vocabulary) -> Readings:
    if len(joined) == 1:
        return vocabulary.forms.get(joined[0], {})
    found: dict[int, Fit] = {}
    for form in joined:
        for number, fit in vocabulary.forms.get(form, {}).items():
            found[number] = min(fit, found.get(number, fit))
    return found
