"""A postal code in a sentence, with the place that stands beside it: "80331 München"."""

from typing import Final, NamedTuple

from app.interpreter.mentions import Mention
from app.interpreter.place_names import always_begins_a_name, begins_a_name, has_in_its_name
from app.interpreter.sentence import Sentence
from app.interpreter.words import AND_OR, POSTAL_CODE_LABELS, UNITS

_DIGITS: Final = 5
_FIRST, _LAST = "01001", "99998"
_CONSUMPTIONS: Final = frozenset({"verbrauch", "jahresverbrauch", "stromverbrauch", "consumption"})
_JOINING_GAPS: Final = frozenset({",", "/"})
_MEASURES: Final = frozenset("€%$£#§")


class PostalCode(NamedTuple):
    """`city`: as it is written behind the code; None: nothing that can be a place stands there."""

    code: str
    city: str | None
    token: int
    end: int  # the token behind the city
    number: int = 1  # of postal codes that are named


def postal_code_of(sentence: Sentence, taken: set[int]) -> PostalCode | None:
    """The first number of five digits that counts nothing. `taken`: tokens that were read as an amount."""
    found = [
        i
        for i, key in enumerate(sentence.keys)
        if len(key) == _DIGITS and i not in taken and _is_a_code(sentence, i)
    ]
    if not found:
        return None
    i = found[0]
    end = _end_of_city(sentence, i + 1)
    city = " ".join(word.token.text for word in sentence.words[i + 1 : end])
    return PostalCode(sentence[i], city or None, i, end, len(_joined(sentence, found, end)))


def _joined(sentence: Sentence, found: list[int], end: int) -> set[str]:
    """The codes that are asked for side by side, "80331 und 50667 Köln"; not "80331 Kundennummer 12345". `end`: of the first place."""
    codes = {sentence[found[0]]}
    for i in found[1:]:
        labelled = sentence[i - 1] in POSTAL_CODE_LABELS
        first = i - 1 if labelled else i
        joined_by = first - 1 if sentence[first - 1] == "in" else first
        by_a_word = joined_by - 1 == end and sentence[end] in AND_OR
        # Not "Kundennummer 12345, PLZ 80331".
        alike = not labelled or sentence[found[0] - 1] in POSTAL_CODE_LABELS
        if not (by_a_word or (alike and joined_by == end and sentence.gap(end).strip() in _JOINING_GAPS)):
            break
        codes.add(sentence[i])
        end = _end_of_city(sentence, i + 1)
    return codes


def _is_a_code(sentence: Sentence, i: int) -> bool:
    key = sentence[i]
    if not key.isdecimal() or not key.isascii() or not _FIRST <= key <= _LAST:
        return False
    before = sentence[i - 2] if sentence[i - 1] in {"von", "of"} else sentence[i - 1]
    if before in _CONSUMPTIONS and _end_of_city(sentence, i + 1) == i + 1:
        return False  # "Jahresverbrauch 50000"
    return sentence[i + 1] not in UNITS and not _MEASURES & {*sentence.gap(i), *sentence.gap(i + 1)[:1]}


def _end_of_city(sentence: Sentence, start: int) -> int:
    """Behind the words from `start` on that are a place, or that nothing explains; `start`: there are none."""
    for mention in sentence.mentions:
        if mention.start == start and mention.place:
            return mention.end
    if _begins_a_name(sentence, start):
        return start + 2
    return start + 1 if sentence[start] in sentence.strange else start


def _begins_a_name(sentence: Sentence, start: int) -> bool:
    """Whether the word belongs to a place, with the next one."""
    after = start + 1
    if after >= len(sentence.words) or not begins_a_name(sentence.words, start):
        return False
    return sentence[after] in sentence.strange or any(
        mention.start == after
        and mention.end == after + 1
        and mention.place
        and not _is_a_place_itself(sentence, mention)
        for mention in sentence.mentions
    )


def _is_a_place_itself(sentence: Sentence, mention: Mention) -> bool:
    """ "20095 neu Hamburg" is Hamburg, where this code can be; "15537 Neu Zittau" is not Zittau, and "89231 Neu-Ulm" a name."""
    before = sentence.words[mention.start - 1]
    if mention.slips or always_begins_a_name(before):
        return False
    vocabulary, code = sentence.vocabulary, sentence[mention.start - 2]
    if has_in_its_name(mention, before, vocabulary):
        return False
    return any(vocabulary.operators[number].postal_code[:1] == code[:1] for number in mention.readings)
