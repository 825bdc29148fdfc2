"""A sentence as it was probably meant: every word corrected, with what grammar and vocabulary say of it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

from app.domain.folding import fold
from app.interpreter import grammar
from app.interpreter.grammar import Mark
from app.interpreter.names import GLUE, KINDS, LEGAL, Fit
from app.interpreter.spelling import Token, tokens, written
from app.interpreter.state_names import WORDS as STATE_WORDS
from app.interpreter.vocabulary import (
    MAX_FORM_WORDS,
    MAX_REORDERED_WORDS,
    Readings,
    Vocabulary,
    in_any_order,
)
from app.interpreter.words import EVERYDAY, ORDINARY, Sign, Topic

MAX_CORRECTIONS = 12  # words of one sentence; in a text with more, the rest is not about us
SAFELY_CORRECTED = 5  # letters from which any misspelling is corrected
SURELY_CORRECTED = 7  # letters from which a corrected word alone is taken for a name
NEGATED_WITHIN = 3  # tokens: "nicht für die Netze BW"

_BEFORE_PLACES = {"in", "auf", "von", "bei", "fur", "aus", "stadt", "of", "at", "for"}
_ENERGY_UNITS = {"kwh", "mwh", "gwh", "kilowattstunden", "megawattstunden", "gigawattstunden"}
_RANKING = (Sign.RANKS, Sign.CHEAPEST, Sign.DEAREST)
_PAUSES = frozenset("?!,;.:-–—")
_EXCEPT = {
    "ausser",
    "ausserhalb",
    "ausgenommen",
    "ohne",
    "except",
    "excepting",
    "excluding",
    "outside",
    "without",
}
_NOT = {"nicht", "not"}
_NEITHER = frozenset({"weder", "neither"})
_NOR = {"noch", "nor"}
# "Gilt das nicht in der Mittelspannung?" asks about that level.
_WHETHER_OR_WHY = {
    "ist", "sind", "war", "hat", "haben", "gilt", "gelten", "gibt", "liegt", "kann", "darf", "muss", "warum", "wieso",
    "weshalb", "is", "are", "was", "has", "have", "does", "do", "can", "why",
}  # fmt: skip
# "Falls nicht MS", "noch nicht bei Westnetz", "ich finde nicht die Westnetz": nothing is left out.
_BEFORE_NO_PART = {
    "falls", "wenn", "if", "noch", "bin", "am", "finde", "finden", "kenne", "kennen", "sehe", "sehen", "weiss", "wissen",
}  # fmt: skip
_BEFORE_PARTS = {
    "in", "im", "auf", "von", "vom", "bei", "beim", "aus", "fur", "der", "die", "das", "den", "dem", "des", "jahr", "jahre",
    "bundesland", "stadtwerke", "stadtwerken", "netz", "netze", "of", "at", "for", "from", "the", "year",
}  # fmt: skip
_BETWEEN_CLAUSES = frozenset("?!,;:()")
_AND = {"und", "and"}
# They begin names of places: "Bad Harzburg", "Hohen Neuendorf", "Neu-Isenburg". Behind the first ones stands a place of its own,
# behind the others perhaps one that is spelt like another place: Groß-Gerau is not Gera, but "Netzentgelte neu Hamburg" is Hamburg's.
_OF_PLACES = frozenset({"bad", "st", "sankt"})
_BEFORE_NAMES = _OF_PLACES | {
    "neu", "alt", "gross", "klein", "hohe", "hohen", "hoher", "ober", "nieder", "markt", "burg", "konigs",
}  # fmt: skip
_WITHIN_PLACES = frozenset({" ", "-"})
_BEHIND_SAINT = _WITHIN_PLACES | {".", ". "}
_BEFORE_AN_ADJECTIVE = frozenset({"it", "too", "so", "how", "very"})  # "too bad", "is it bad"
_PLAIN = ORDINARY | STATE_WORDS | GLUE | LEGAL | KINDS.keys()


class Word(NamedTuple):
    token: Token
    keys: tuple[str, ...]  # several when it was corrected and the nearest are equally near
    slips: int = 0  # of the pen, by which the keys differ from what is written

    @property
    def key(self) -> str:
        return self.keys[0]


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


class Placed(Protocol):
    """Whatever stands somewhere in the sentence."""

    @property
    def start(self) -> int: ...


P = TypeVar("P", bound=Placed)


class Sentence:
    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        words = _spelt(tokens(text), vocabulary)
        found = _mentions(words, vocabulary)
        halves = [mention for mention in found if _is_half_a_place(mention, words, vocabulary)]
        found = [mention for mention in found if mention not in halves]
        as_written = self.covered(halves)
        self.words = [
            Word(word.token, (word.token.key,)) if i in as_written else word for i, word in enumerate(words)
        ]
        self.keys = [word.key for word in self.words]
        self.marks = _with_bills(grammar.marks(_without(self.words, found)), self.keys)
        # Everyday words are examined by what surrounds them, among it the names that are certain.
        self.mentions = [m for m in found if not m.everyday]
        self.mentions = [m for m in found if not m.everyday or self._stands_for_a_place(m)]

    def __getitem__(self, index: int) -> str:
        return self.keys[index] if 0 <= index < len(self.keys) else ""

    def take_for_a_place(self, tokens: range) -> None:
        """Words of its name mean nothing else: "Hohen Neuendorf" compares nothing, and "Neu Zittau" is not Zittau."""
        self.marks = [mark for mark in self.marks if mark.start not in tokens]
        self.mentions = [m for m in self.mentions if m.start not in tokens or self._is_all_of(tokens, m)]

    def _is_all_of(self, tokens: range, mention: Mention) -> bool:
        return mention.start == tokens.start or has_in_its_name(
            mention, self.words[tokens.start], self.vocabulary
        )

    def gap(self, index: int) -> str:
        """What stands before a token."""
        return self.words[index].token.gap if 0 <= index < len(self.words) else ""

    def has(self, sign: Sign) -> bool:
        """Whether the sign stands there and is not denied."""
        return any(not self.denied(mark.start) for mark in self.marks if mark.meaning is sign)

    def has_any(self, *signs: Sign) -> bool:
        return any(map(self.has, signs))

    @property
    def of_the_grid(self) -> bool:
        """Whether it speaks of a grid, or of a kind of company."""
        return self.has(Sign.GRID) or any(key in KINDS for key in self.keys)

    def denied(self, start: int) -> bool:
        """Whether "nicht", "statt" or "instead of" stands shortly before, and denies nothing else: "nicht Modul 2, sondern Modul 1"."""
        return self._is_neither(start) or any(
            mark.meaning is Sign.NOT
            and 0 <= start - mark.end <= NEGATED_WITHIN
            and mark.start not in self.corrections
            and self[mark.end] not in {"nur", "only", "just"}
            and not self._means_something(mark.end, start)
            and not any(mark.end <= correction < start for correction in self.corrections)
            for mark in self.marks
        )

    def _is_neither(self, start: int) -> bool:
        """ "Weder Westnetz noch die Syna", "neither Westnetz nor Syna"."""
        before = start - 1
        while self[before] in _BEFORE_PARTS:
            before -= 1
        return self[before] in _NEITHER or (
            self[before] in _NOR and not _NEITHER.isdisjoint(self.keys[:before])
        )

    def leaves_out(self, start: int) -> bool:
        """Whether "außer", "ohne", "nicht" or "weder" stands directly before, but for articles and prepositions."""
        if self._is_neither(start):
            return True
        before = start - 1
        while self[before] in _BEFORE_PARTS and _BETWEEN_CLAUSES.isdisjoint(self.gap(before + 1)):
            before -= 1
        if not _BETWEEN_CLAUSES.isdisjoint(self.gap(before + 1)):
            return False
        if self.spells(before, _EXCEPT):
            return True
        if self[0] in _WHETHER_OR_WHY or self[before - 1] in _BEFORE_NO_PART:
            return False
        we_are = {self[before - 2], self[before - 1]} == {"wir", "sind"}
        return self.spells(before, _NOT) and not we_are

    def spells(self, index: int, keys: Collection[str]) -> bool:
        """Whether one of these words stands there as it is written: "wohne" is no "ohne"."""
        return self[index] in keys and not self.words[index].slips

    def _means_something(self, start: int, end: int) -> bool:
        starts = [mark.start for mark in self.marks if isinstance(mark.meaning, Topic)]
        starts += [mention.start for mention in self.mentions]
        return any(start <= one < end for one in starts)

    def kept(self, placed: Sequence[P]) -> list[P]:
        """Without what is denied or taken back, unless nothing would be left."""
        kept = [one for one in placed if not self.denied(one.start)] or list(placed)
        for correction in self.corrections:
            after = [one for one in kept if one.start > correction]
            if len(after) < len(kept) and after:
                kept = after
        return kept

    @cached_property
    def corrections(self) -> list[int]:
        """Where something is taken back: "sondern", "sorry", and "no" where it stands for itself."""
        return [
            mark.start
            for mark in self.marks
            if mark.meaning is Sign.CORRECTION
            or (mark.meaning is Sign.NOT and self[mark.start] == "no" and self._is_set_off(mark))
        ]

    def _is_set_off(self, mark: Mark) -> bool:
        """ "TenneT? No - Amprion", but not "no gas"."""
        return mark.start > 0 and bool(_PAUSES & set(self.gap(mark.start) + self.gap(mark.end)))

    @staticmethod
    def covered(placed: Iterable[Mark | Mention]) -> set[int]:
        """The tokens that belong to what was found."""
        return {i for one in placed for i in range(one.start, one.end)}

    @cached_property
    def strange(self) -> list[str]:
        """Words that neither grammar nor vocabulary can explain."""
        explained = self.covered(self.marks) | self.covered(self.mentions)
        return [
            key
            for i, key in enumerate(self.keys)
            if i not in explained and key.isalpha() and len(key) > 1 and key not in _PLAIN
        ]

    def _stands_for_a_place(self, mention: Mention) -> bool:
        """ "Waren" is a town only after "in" or in a list of keywords, where no verb can stand."""
        before, word = self[mention.start - 1], self[mention.start]
        if before in _BEFORE_PLACES:
            return word in self.vocabulary.seats
        explained = self.covered(self.marks) | self.covered([mention])
        return not self.has(Sign.ASKS) and not any(
            key.isalpha() for i, key in enumerate(self.keys) if i not in explained
        )


def _spelt(found: Sequence[Token], vocabulary: Vocabulary) -> list[Word]:
    words: list[Word] = []
    corrections = MAX_CORRECTIONS
    for token in _rejoined(found, vocabulary):
        if not token.key.isalpha() or vocabulary.knows(token.key):
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


def _mentions(words: Sequence[Word], vocabulary: Vocabulary) -> list[Mention]:
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


def begins_a_name(words: Sequence[Word], i: int) -> bool:
    """Whether it is such a word, and joined to the next one."""
    key, gap = words[i].token.key, words[i + 1].token.gap if i + 1 < len(words) else ""
    return key in _BEFORE_NAMES and gap in (_BEHIND_SAINT if key == "st" else _WITHIN_PLACES)


def always_begins_a_name(word: Word) -> bool:
    """Whether what stands behind it is never a place alone."""
    return word.token.key in _OF_PLACES


def has_in_its_name(mention: Mention, word: Word, vocabulary: Vocabulary) -> bool:
    """Whether an operator has the word in its name or its seat, too: Stadtwerke Ulm/Neu-Ulm Netze."""
    key = written(word.token.text)
    return any(key in vocabulary.operators[number].written for number in mention.readings)


def _is_half_a_place(mention: Mention, words: Sequence[Word], vocabulary: Vocabulary) -> bool:
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


def _is_a_unit(words: Sequence[Word], i: int) -> bool:
    """ "3500 kWh": no part of the name KWH Netz."""
    return words[i].key in _ENERGY_UNITS and i > 0 and words[i - 1].key[:1].isdigit()


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


def _with_bills(marks: Sequence[Mark], keys: Sequence[str]) -> list[Mark]:
    """A bill is one of the grid only where a consumption is named, or where operators are ranked."""
    if not _ENERGY_UNITS.isdisjoint(keys) or any(mark.meaning in _RANKING for mark in marks):
        return list(marks)
    return [m._replace(meaning=Sign.OTHER_MATTER) if m.meaning is Sign.INVOICE else m for m in marks]


def _without(words: Sequence[Word], mentions: Sequence[Mention]) -> list[str]:
    """The keys with a gap where an operator is named, so that no phrase reaches across it."""
    keys = [word.key for word in words]
    for mention in mentions:
        if not mention.everyday:
            keys[mention.start : mention.end] = [" "] * (mention.end - mention.start)
    return keys
