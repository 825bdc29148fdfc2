"""The operator that a sentence means, or those that it could mean."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from app.interpreter.corrected_words import Word
from app.interpreter.mentions import Mention
from app.interpreter.names import GLUE, KINDS, LEGAL, NO_PLACES, Fit
from app.interpreter.place_additions import names_another_place
from app.interpreter.sentence import Sentence
from app.interpreter.spelling import written
from app.interpreter.units import IN_KW, IN_KWH, SCALES
from app.interpreter.vocabulary import Readings, Vocabulary
from app.interpreter.words import AND_OR, Level, Sign, Topic

MAX_CANDIDATES = 10
MAX_COMPARED = 5
_CERTAINTY = {Fit.WHOLE: 0.99, Fit.SHORT: 0.97, Fit.PLACE: 0.95, Fit.SEAT: 0.88, Fit.NEAR: 0.5}
_SLIP, _OTHER_KIND, _EVERYDAY, _OTHER_PLACE = 0.04, 0.1, 0.1, 0.03
_AMBIGUOUS, _UNNAMED = 0.6, 0.8
UNKNOWN = 0.5
_BEFORE_NAMES = {"in", "bei", "beim", "von", "vom", "auf", "der", "at", "of", "from"}


class Choice(NamedTuple):
    """`several`: different operators are named. `unknown`: a name or code that no operator has. `by_seat`: a place is named, which is
    no part of the operator's name."""

    dno_id: UUID | None
    candidates: tuple[UUID, ...]
    certainty: float
    several: bool = False
    unknown: str | None = None
    by_seat: bool = False


def by_codes(vocabulary: Vocabulary, codes: Sequence[str]) -> Choice:
    """Exactly these; nothing else in the sentence is taken for an operator then."""
    found = [vocabulary.codes.get(code, ()) for code in codes]
    numbers = list(dict.fromkeys(number for of_code in found for number in of_code))
    ids = tuple(vocabulary.operators[number].id for number in numbers[:MAX_CANDIDATES])
    unknown = next((code for code, of_code in zip(codes, found, strict=True) if not of_code), None)
    if unknown is not None:
        return Choice(None, (), UNKNOWN, unknown=unknown.removeprefix("vnb ").upper())
    if len(ids) == 1:
        return Choice(ids[0], ids, 0.99)
    return Choice(None, ids, _AMBIGUOUS, several=len(set(codes)) > 1)


def compared(sentence: Sentence) -> list[Choice]:
    """Each of the operators that are named beside each other; one that is described by several words counts once."""
    mentions = sentence.kept(sentence.mentions)
    named = [mention for mention in mentions if not mention.place]
    if len(groups := _groups(named)) < 2:
        groups = _groups(mentions)
    return [_compared(sentence, group, mentions) for group in groups[:MAX_COMPARED]]


def _compared(sentence: Sentence, group: Sequence[Mention], mentions: Sequence[Mention]) -> Choice:
    at = mentions.index(group[-1])
    of_the_place = _after_initials_of_its_own(sentence, mentions[at : at + 2])
    return of_the_place or _chosen(sentence, group, group, several=False)


def unknown_beside(sentence: Sentence, *, compared: bool) -> str | None:
    """A word that nothing explains, joined to an operator: "Bayernwerk und Hinterdupfing"; `compared`: also by "oder", "vs"."""
    joining = _COMPARING if compared else _ADDING
    if not sentence.mentions:
        return None
    for i, key in enumerate(sentence.keys):
        if key not in sentence.strange:
            continue
        before, after = i - 1, i + 1
        while sentence[before] in _PASSED_OVER:
            before -= 1
        while sentence[after] in KINDS:
            after += 1
        follows = sentence[after] in joining and not _is_an_amount(sentence, after + 1)
        if sentence[before] in joining or follows:
            return sentence.words[i].token.text
    return None


def _is_an_amount(sentence: Sentence, i: int) -> bool:
    """ "300 kW Leistung und 5 GWh", "… und 5 Mio. kWh"; "50Hertz" is a name."""
    unit = sentence[i + 2] if sentence[i + 1] in SCALES else sentence[i + 1]
    return sentence[i][:1].isdigit() and (unit in IN_KW or unit in IN_KWH)


_PASSED_OVER = KINDS.keys() | {"der", "die", "den", "dem", "the"}
_ADDING = {"und", "and", "sowie"}
_COMPARING = _ADDING | {"oder", "or", "vs", "versus", "gegen", "mit", "with", "als", "than"}


def _groups(mentions: Sequence[Mention]) -> list[list[Mention]]:
    groups: list[list[Mention]] = []
    common: Readings = {}
    for mention in mentions:
        if groups and (both := _both(common, mention)):
            groups[-1].append(mention)
            common = both
        else:
            groups.append([mention])
            common = mention.readings
    return groups


def choose(sentence: Sentence) -> Choice:
    mentions = sentence.kept([one for one in sentence.mentions if not _is_elsewhere(sentence, one)])
    if not mentions:
        unknown = _unknown_name(sentence)
        return Choice(None, (), _UNNAMED if unknown is None else UNKNOWN, unknown=unknown)
    if (place := _after_initials_of_its_own(sentence, mentions)) is not None:
        return place
    named = [mention for mention in mentions if not mention.place] or mentions
    choice = _chosen(sentence, named, mentions, several=_common(named)[1])
    return choice._replace(several=choice.several or _is_beside_a_place(sentence, named, mentions))


def _after_initials_of_its_own(sentence: Sentence, mentions: Sequence[Mention]) -> Choice | None:
    """ "SWT Tübingen" is no SWT in Trier: companies of other towns have the same initials. Of "SW…" and a place with one Stadtwerke
    it is that one, else all are asked back for; None of "SWT Trier", "EWE Emden", "Syna Stade"."""
    if len(mentions) != 2:
        return None
    initials, place = mentions
    letters = sentence[initials.start]
    if (
        len(letters) not in _LENGTHS_OF_INITIALS
        or initials.end != initials.start + 1
        or initials.fit is not Fit.SHORT
        or initials.slips
        or not place.place
        or letters[-1] != sentence[place.start][:1]
        or not _stand_together(sentence, initials, place)
        or _both(initials.readings, place)
        or _have_in_their_name(sentence.vocabulary, initials, "".join(sentence.keys[place.start : place.end]))
        or not _end_with_a_place(sentence.vocabulary, initials, letters)
    ):
        return None
    its_own = _chosen(sentence, [place], [place], several=False)
    if its_own.dno_id is not None and letters[:-1] == "sw":
        operators = (sentence.vocabulary.operators[number] for number in place.readings)
        if any(one.id == its_own.dno_id and "stadtwerk" in one.words for one in operators):
            return its_own._replace(certainty=its_own.certainty - _OTHER_KIND)
    others = _chosen(sentence, [initials], [initials], several=False)
    candidates = tuple(dict.fromkeys((*its_own.candidates, *others.candidates)))
    return Choice(None, candidates[:MAX_CANDIDATES], _AMBIGUOUS)


def _have_in_their_name(vocabulary: Vocabulary, initials: Mention, town: str) -> bool:
    """ "EWF Frankenberg" is of Waldeck-Frankenberg."""
    return any(town in word for number in initials.readings for word in vocabulary.operators[number].words)


def _stand_together(sentence: Sentence, initials: Mention, place: Mention) -> bool:
    """ "SWT Tübingen", "SWT (Tübingen)", "SWT Netzentgelte MS in Tübingen", but not "SWT, Tübingen"."""
    keywords = sentence.covered(mark for mark in sentence.marks if isinstance(mark.meaning, Topic | Level))
    return all(
        (i == place.start or i in keywords or sentence[i] == "in") and sentence.gap(i).strip() in {"", "("}
        for i in range(initials.end, place.start + 1)
    )


def _end_with_a_place(vocabulary: Vocabulary, initials: Mention, letters: str) -> bool:
    """Whether the last letter is that of a town, as in "SWT" and "EVH", and not in "EWE", "LEW" and "E.DIS"."""
    return letters[:-1] == "sw" or any(
        word.startswith(letters[-1]) and word != letters and word not in KINDS
        for number in initials.readings
        for word in vocabulary.operators[number].written
    )


_LENGTHS_OF_INITIALS = {3, 4}


def _is_beside_a_place(sentence: Sentence, named: Sequence[Mention], mentions: Sequence[Mention]) -> bool:
    """ "Stadtwerke Heidelberg und Mannheim": a place of another operator is asked for as well; not "Westnetz in Essen und Köln"."""
    return any(
        sentence[first.end] in AND_OR
        and first.end + 1 == second.start
        and (first in named) != (second in named)
        and not _both(first.readings, second)
        for first, second in pairwise(mentions)
    )


def names_unknown_place(sentence: Sentence) -> bool:
    """ "in Österreich", "in der Lausitz", "im Ruhrgebiet": a word that nothing explains, after a preposition, or a part of Germany."""
    return any(
        (sentence[i - 1] == "im" and sentence.words[i].token.key in _PARTS_OF_GERMANY)
        or (key in sentence.strange and _is_behind_a_preposition(sentence, i))
        for i, key in enumerate(sentence.keys)
    )


def is_like_a_region(key: str) -> bool:
    """ "Sauerland", "Ruhrgebiet"."""
    return key.endswith(_LIKE_REGIONS) and not key.endswith(_NO_REGIONS)


def _is_behind_a_preposition(sentence: Sentence, i: int) -> bool:
    before = sentence[i - 1]
    if before == "im":
        return is_like_a_region(sentence[i])
    return before in _BEFORE_PLACES or (before in _ARTICLES and sentence[i - 2] in _BEFORE_PLACES)


_PARTS_OF_GERMANY = {
    "norden", "osten", "suden", "westen", "harz", "taunus", "hunsruck", "spessart", "solling", "ruhrpott",
}  # fmt: skip
_LIKE_REGIONS = ("gebiet", "gebirge", "land", "wald", "gau", "kreis", "raum", "tal")
# "Im Bundesgebiet", "im ganzen Land", "im Abrechnungszeitraum", "im Vergleichsportal", "im Quartal", "im Gewerbegebiet".
_NO_REGIONS = (
    "bundesgebiet", "versorgungsgebiet", "marktgebiet", "stadtgebiet", "gewerbegebiet", "industriegebiet", "wohngebiet", "baugebiet",
    "inland", "zeitraum", "serverraum", "kundenkreis", "portal", "quartal",
)  # fmt: skip
_ARTICLES = {"der", "den", "dem", "the"}


_BEFORE_PLACES = {"in", "aus", "von", "of", "from", "at"}


def _unknown_name(sentence: Sentence) -> str | None:
    """A word that nothing explains, beside a kind of company or after a preposition: "Stadtwerke Hinterdupfing"."""
    for i, key in enumerate(sentence.keys):
        if key not in sentence.strange or sentence.words[i].slips or key in _QUANTITIES:
            continue
        before, after = sentence[i - 1], sentence[i + 1]
        if before in KINDS or after in KINDS or before in _BEFORE_NAMES or key.endswith(_OF_COMPANIES):
            return sentence.words[i].token.text
    if any(_is_elsewhere(sentence, mention) for mention in sentence.mentions):
        return None  # "66424 Homburg (Saar)"
    strange = [key for key in sentence.strange if key not in _QUANTITIES]
    if len(strange) == 1 and not sentence.has(Sign.ASKS) and len(sentence.keys) <= _KEYWORDS:
        return sentence.words[sentence.keys.index(strange[0])].token.text
    return None


# "Netzentgelte aller Netzbetreiber", "bei jedem Netzbetreiber": no names.
_QUANTITIES = {
    "aller", "allen", "jeder", "jedem", "jeden", "jedes", "meisten", "samtlicher", "samtlichen", "samtliche", "mehrerer",
    "mehreren", "einiger", "einigen", "every", "most", "several", "grosster", "grossten", "grosste", "largest", "biggest",
}  # fmt: skip
_OF_COMPANIES = ("werk", "werke", "netz", "netze", "energie", "strom")
_KEYWORDS = 6  # a sentence of so many words that asks nothing is a list of keywords


def _chosen(
    sentence: Sentence, named: Sequence[Mention], mentions: Sequence[Mention], *, several: bool
) -> Choice:
    readings, _ = _common(named)
    if not several:
        readings = _narrowed(sentence, readings, mentions)
    best = min(readings.values())
    finalists = [number for number, fit in readings.items() if several or fit == best]
    finalists.sort(key=lambda number: _rank(sentence.vocabulary, readings, number))
    ids = tuple(sentence.vocabulary.operators[number].id for number in finalists[:MAX_CANDIDATES])
    operators = [sentence.vocabulary.operators[number] for number in finalists]
    may_be_another = all(
        _may_be_another_place(sentence, mention)
        or names_another_place(sentence, mention, operators)
        or (best is Fit.SEAT and _of_a_town(sentence, mention))
        for mention in named
    )
    if len(finalists) > 1 or best is Fit.NEAR or may_be_another:
        return Choice(None, ids, _AMBIGUOUS, several)
    certainty = _certainty(sentence, named, mentions, finalists[0], best)
    return Choice(ids[0], ids, certainty, by_seat=best is Fit.SEAT)


def _may_be_another_place(sentence: Sentence, mention: Mention) -> bool:
    """Whether it is the name of a place only with another letter in its place, or with two slips: Homburg is no Hamburg.

    A further word of its own shows that it is meant: "Villingen-Schwenninken".
    """
    words = [word for word in sentence.words[mention.start : mention.end] if word.key not in _OF_MANY_NAMES]
    return bool(words) and all(_is_another_place(sentence.vocabulary, word) for word in words)


def _is_elsewhere(sentence: Sentence, mention: Mention) -> bool:
    """ "66424 Homburg": a code where the place that is spelt like it cannot be."""
    code, operators = sentence[mention.start - 1], sentence.vocabulary.operators
    if len(code) != _DIGITS_OF_POSTAL_CODES or not code.isdecimal():
        return False
    areas = {operators[number].postal_code[:1] for number in mention.readings}
    return areas.isdisjoint({"", code[0]}) and _may_be_another_place(sentence, mention)


def _is_another_place(vocabulary: Vocabulary, word: Word) -> bool:
    places = [key for key in word.keys if word.slips and vocabulary.lexeme(key) in vocabulary.seats]
    return bool(places) and (word.slips > 1 or all(_has_another_letter(word, key) for key in places))


_DIGITS_OF_POSTAL_CODES = 5
_OF_MANY_NAMES = KINDS.keys() | GLUE | LEGAL | NO_PLACES


def _has_another_letter(word: Word, key: str) -> bool:
    """Instead of one; a letter too few or too many, two in each other's place, or in a long word one that sounds alike, are
    slips of the pen."""
    spelt = word.token.key
    if len(spelt) != len(key) or sorted(spelt) == sorted(key):
        return False
    other = [{*letters} for letters in zip(spelt, key, strict=True) if letters[0] != letters[1]]
    return len(key) < _LONG or len(other) != 1 or other[0] not in _ALIKE


_LONG = 8  # letters
_ALIKE = ({"b", "p"}, {"d", "t"}, {"g", "k"})


def _common(mentions: Sequence[Mention]) -> tuple[Readings, bool]:
    """What all mentions have in common; where they have nothing in common, several operators are meant: the best of each."""
    readings: Readings = mentions[0].readings
    several = False
    for mention in mentions[1:]:
        if common := _both(readings, mention):
            readings = common
        else:
            readings = {**(readings if several else _best(readings)), **_best(mention.readings)}
            several = True
    return readings, several


def _best(readings: Readings) -> Readings:
    best = min(readings.values())
    return {n: fit for n, fit in readings.items() if fit == best}


def _both(readings: Readings, mention: Mention) -> Readings:
    return {n: min(fit, mention.readings[n]) for n, fit in readings.items() if n in mention.readings}


def _narrowed(sentence: Sentence, readings: Readings, mentions: Sequence[Mention]) -> Readings:
    """Among several that fit, those of whom the rest of the sentence speaks too."""
    for mention in mentions:  # all before the spelling: "SWN Neuwied", although another one is written "SWN"
        readings = _both(readings, mention) or readings
    for mention in mentions:
        readings = _as_written(sentence, readings, mention) or readings
    for speaks_of in (_by_further_name, _by_legal_form, _by_place):
        if _are_tied(readings):
            readings = speaks_of(sentence, readings) or readings
    return readings


def _are_tied(readings: Readings) -> bool:
    best = min(readings.values())
    return sum(fit == best for fit in readings.values()) > 1


def _as_written(sentence: Sentence, readings: Readings, mention: Mention) -> Readings:
    """ "Fürth" is not "Furth": where a name is spelt exactly so, the others are not meant."""
    words = {written(word.token.text) for word in sentence.words[mention.start : mention.end]} - KINDS.keys()
    operators = sentence.vocabulary.operators
    return {n: fit for n, fit in readings.items() if words <= operators[n].written}


def _by_further_name(sentence: Sentence, readings: Readings) -> Readings:
    """With a further word of their name: "SWE … Ettlingen"."""
    for key in _outside(sentence):
        known = sentence.vocabulary.named.get(sentence.vocabulary.lexeme(key), frozenset())
        readings = {n: fit for n, fit in readings.items() if n in known} or readings
    return readings


def _by_legal_form(sentence: Sentence, readings: Readings) -> Readings:
    legal = LEGAL.intersection(sentence.keys)
    operators = sentence.vocabulary.operators
    return {n: fit for n, fit in readings.items() if legal and legal <= operators[n].legal}


def _by_place(sentence: Sentence, readings: Readings) -> Readings:
    """In the federal state or with the postal code that is named."""
    outside = _outside(sentence)
    places = {*outside, *map("".join, pairwise(outside))}
    operators = sentence.vocabulary.operators
    return {n: f for n, f in readings.items() if {operators[n].region, operators[n].postal_code} & places}


def _outside(sentence: Sentence) -> list[str]:
    """The words that are no part of a name already."""
    inside = sentence.covered(sentence.mentions)
    return [key for i, key in enumerate(sentence.keys) if i not in inside and key not in KINDS]


def _rank(vocabulary: Vocabulary, readings: Readings, number: int) -> tuple[Fit, int, int]:
    return readings[number], -vocabulary.operators[number].size, number


def _certainty(
    sentence: Sentence, named: Sequence[Mention], mentions: Sequence[Mention], number: int, fit: Fit
) -> float:
    certainty = _CERTAINTY[fit]
    certainty -= _SLIP * min(mention.slips for mention in named)
    if any(mention.everyday for mention in named):
        certainty -= _EVERYDAY
    if fit >= Fit.PLACE and any(_of_another_kind(sentence, mention) for mention in named):
        certainty -= _OTHER_KIND
    if any(number not in mention.readings for mention in mentions):
        certainty -= _OTHER_PLACE
    return certainty


def _of_a_town(sentence: Sentence, mention: Mention) -> bool:
    """ "Stadtwerke Schwerin", where no operator is called so, are not who else has its seat there."""
    return KINDS.get(sentence[mention.start - 1]) in {"stadtwerk", "gemeindewerk", "stadtnetz", "kreiswerk"}


def _of_another_kind(sentence: Sentence, mention: Mention) -> bool:
    """ "Stadtwerke Kiel", where no operator is called so: the place identifies the operator, with less confidence."""
    before = KINDS.get(sentence[mention.start - 1])
    return before is not None and before not in {"netz", "strom", "stromnetz", "energie", "stadt", "gemeinde"}
