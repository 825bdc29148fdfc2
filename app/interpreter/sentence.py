"""A sentence as it was probably meant: every word corrected, with what grammar and vocabulary say of it."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

from app.interpreter import grammar
from app.interpreter.grammar import Mark
from app.interpreter.names import GLUE, KINDS, LEGAL, Fit
from app.interpreter.spelling import Token, tokens
from app.interpreter.vocabulary import LONGEST_FORM, Readings, Vocabulary
from app.interpreter.words import EVERYDAY, ORDINARY, Sign, Topic

MOST_CORRECTIONS = 12  # words of one sentence; in a text with more, the rest is not about us
SAFELY_CORRECTED = 5  # letters
SURELY_CORRECTED = 7  # letters from which a corrected word alone is taken for a name
_BEFORE_PLACES = {"in", "auf", "von", "bei", "fur", "aus", "stadt", "of", "at", "for"}
_PLAIN = ORDINARY | GLUE | LEGAL | KINDS.keys()
NEGATED_WITHIN = 3  # tokens: "nicht für die Netze BW"


class Word(NamedTuple):
    token: Token
    keys: tuple[
        str, ...
    ]  # the likeliest first; several when the word was corrected and the nearest are equal
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
        self.words = _spelt(tokens(text), vocabulary)
        self.keys = [word.key for word in self.words]
        found = _mentions(self.words, vocabulary)
        self.marks = grammar.marks(_without(self.words, found))
        self.mentions = [m for m in found if not m.everyday or self._stands_for_a_place(m)]

    def __getitem__(self, index: int) -> str:
        return self.keys[index] if 0 <= index < len(self.keys) else ""

    def gap(self, index: int) -> str:
        """What stands before a token."""
        return self.words[index].token.gap if 0 <= index < len(self.words) else ""

    def has(self, sign: Sign) -> bool:
        """Whether the sign stands there and is not denied."""
        return any(not self.denied(mark.start) for mark in self.marks if mark.meaning is sign)

    def has_any(self, *signs: Sign) -> bool:
        return any(map(self.has, signs))

    def denied(self, start: int) -> bool:
        """Whether "nicht", "statt", "instead of" stands shortly before, with nothing between that it could mean."""
        for mark in self.marks:
            if mark.meaning is Sign.NOT and 0 <= start - mark.end <= NEGATED_WITHIN and self._denies(mark):
                between = (
                    m for m in self.marks if mark.end <= m.start < start and isinstance(m.meaning, Topic)
                )
                if not any(between) and not any(mark.end <= m.start < start for m in self.mentions):
                    return True
        return False

    def _denies(self, mark: Mark) -> bool:
        return self[mark.end] not in {"nur", "only", "just"} and mark.start not in self.corrections

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
        """Where something is taken back: "sondern", "sorry"; "no" only where it stands for itself."""
        return [
            mark.start
            for mark in self.marks
            if mark.meaning is Sign.CORRECTION or (mark.meaning is Sign.NOT and self._is_no(mark))
        ]

    def _is_no(self, mark: Mark) -> bool:
        if self[mark.start] not in {"no", "not", "nicht"} or mark.end >= len(self.words):
            return False
        before, after = self.words[mark.start].token.gap, self.words[mark.end].token.gap
        return self[mark.start] == "no" and bool(set("?!,;.-–—:") & set(before + after)) and mark.start > 0

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
    budget = MOST_CORRECTIONS
    for token in _rejoined(found, vocabulary):
        word = Word(token, (token.key,))
        if not (token.key.isalpha() and not vocabulary.knows(token.key)):
            words.append(word)
            continue
        if keys := _inflected(token.key, vocabulary):
            word = Word(token, keys)
        elif budget and _is_correctable(word, words):
            keys, slips = vocabulary.meant(token.key)
            word = Word(token, keys or word.keys, slips)
            budget -= 1
        words.append(word)
    return words


def _is_correctable(word: Word, before: Sequence[Word]) -> bool:
    """A short word has too many neighbours, unless a kind of company announces a name: "Stadtwerke Unan"."""
    return len(word.key) >= SAFELY_CORRECTED or bool(before and before[-1].key in KINDS)


def _inflected(word: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """ "Amprions", "Westnetzes": the genitive of a name."""
    for ending in ("s", "es", "n"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 3 and (stem in vocabulary.forms or stem in vocabulary.lexemes):
            return (stem,)
    return ()


def _rejoined(found: Sequence[Token], vocabulary: Vocabulary) -> Iterable[Token]:
    """Words glued by hyphens that are wrong only together: "Mein-Kinzig" is Main-Kinzig."""
    i = 0
    while i < len(found):
        end = i + 1
        while end < len(found) and found[end].gap == "-":
            end += 1
        group = found[i:end]
        joined = "".join(token.key for token in group)
        named = all(token.key in vocabulary.lexemes for token in group)
        if (
            len(group) == 2
            and joined.isalpha()
            and len(joined) > 6
            and not (named or vocabulary.knows(joined))
        ):
            near, slips = vocabulary.meant(joined)
            if slips == 1 and len(vocabulary.forms.get(near[0], ())) == 1:
                group = [Token(near[0], "-".join(token.text for token in group), group[0].gap)]
        yield from group
        i = end


def _mentions(words: Sequence[Word], vocabulary: Vocabulary) -> list[Mention]:
    """The longest runs of words that are a form, none over another."""
    content = [i for i, word in enumerate(words) if word.key not in GLUE and word.key not in LEGAL]
    hits: list[tuple[int, int, Mention]] = []
    for at, start in enumerate(content):
        joined: list[tuple[str, int]] = [("", 0)]
        for length, i in enumerate(content[at : at + LONGEST_FORM], 1):
            word = words[i]
            joined = [
                (before + vocabulary.lexeme(k), slips + word.slips)
                for before, slips in joined
                for k in word.keys
            ]
            if readings := _readings(joined, vocabulary):
                everyday = length == 1 and _is_everyday(word)
                slips = joined[0][1]
                hits.append((-length, slips, Mention(start, i + 1, readings, slips, everyday)))
    taken: set[int] = set()
    chosen: list[Mention] = []
    for _, _, mention in sorted(hits, key=lambda hit: (hit[0], hit[1], hit[2].start)):
        run = set(range(mention.start, mention.end))
        if not run & taken:
            taken |= run
            chosen.append(mention)
    return sorted(chosen)


def _is_everyday(word: Word) -> bool:
    """Also a short word that had to be corrected: it may have been meant as anything."""
    if word.slips and len(word.token.key) < SURELY_CORRECTED:
        return True
    return word.token.text in EVERYDAY or word.token.key in ORDINARY


def _readings(joined: Sequence[tuple[str, int]], vocabulary: Vocabulary) -> Readings:
    found: dict[int, Fit] = {}
    for form, _ in joined:
        for number, fit in vocabulary.forms.get(form, {}).items():
            found[number] = min(fit, found.get(number, fit))
    return found


def _without(words: Sequence[Word], mentions: Sequence[Mention]) -> list[str]:
    """The keys with a gap where an operator is named, so that no phrase reaches across it."""
    keys = [word.key for word in words]
    for mention in mentions:
        if not mention.everyday:
            keys[mention.start : mention.end] = [" "] * (mention.end - mention.start)
    return keys
