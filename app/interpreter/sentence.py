"""A sentence as it was probably meant, with what grammar and vocabulary say of its words."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Protocol, TypeVar

from app.domain.entry import VoltageLevel
from app.domain.levy import LevyKind
from app.domain.question import QuestionTopic
from app.interpreter import grammar
from app.interpreter.corrected_words import Word, corrected_words
from app.interpreter.grammar import Mark
from app.interpreter.mentions import Mention, mentions_in
from app.interpreter.names import GLUE, KINDS, LEGAL
from app.interpreter.place_names import has_in_its_name, is_half_a_place
from app.interpreter.spelling import key as key_of
from app.interpreter.spelling import tokens
from app.interpreter.state_names import WORDS as STATE_WORDS
from app.interpreter.units import IN_KW, IN_KWH, SCALES
from app.interpreter.vocabulary import Vocabulary
from app.interpreter.words import (
    AND_OR,
    EACH,
    LEFT_OUT_OF,
    NONE,
    ORDINARY,
    Level,
    Position,
    Role,
    Sign,
    Topic,
    Weight,
)

NEGATED_WITHIN = 3  # tokens: "nicht für die Netze BW"

_BEFORE_PLACES = {"in", "auf", "von", "bei", "fur", "aus", "stadt", "of", "at", "for"}
_RANKING = (Sign.RANKS, Sign.CHEAPEST, Sign.DEAREST)
_PAUSES = frozenset("?!,;.:-–—")
_GRIDS = frozenset({"netz", "netze", "netzes", "netzen", "grid", "network"})
_ARTICLES = frozenset({"das", "die", "des", "the"})
_EXCEPT = {
    "ausser",
    "ausserhalb",
    "ausgenommen",
    "ohne",
    "except",
    "excepting",
    "excluding",
    "excl",
    "exkl",
    "exklusive",
    "outside",
    "without",
    "ausnahme",
    "exception",
    "besides",
}
# "Bis auf Westnetz", "abgesehen von Westnetz": the preposition belongs to it.
_EXCEPT_WITH = {"bis": {"auf"}, "abgesehen": {"von", "vom"}, "apart": {"from"}, "aside": {"from"}}
_ANYWHERE = frozenset({"everywhere", "anywhere"})
_NOT = {"nicht", "not"}
_NEITHER = frozenset({"weder", "neither"})
_NOR = {"noch", "nor"}
# "Gilt das nicht in der Mittelspannung?" asks about that level.
_WHETHER_OR_WHY = {
    "ist", "sind", "war", "hat", "haben", "gilt", "gelten", "gibt", "liegt", "kann", "darf", "muss", "warum", "wieso",
    "weshalb", "is", "are", "was", "has", "have", key_of("does"), "do", "can", "why",
}  # fmt: skip
# "Falls nicht MS", "noch nicht bei Westnetz", "ich finde nicht die Westnetz": nothing is left out.
_BEFORE_NO_PART = {
    "falls", "wenn", "if", "noch", "bin", "am", "finde", "finden", "kenne", "kennen", "sehe", "sehen", "weiss", "wissen",
}  # fmt: skip
_BEFORE_PARTS = {
    "in", "im", "auf", "von", "vom", "bei", "beim", "aus", "fur", "der", "die", "das", "den", "dem", "des", "jahr", "jahre",
    "bundesland", "stadtwerke", "stadtwerken", "netz", "netze", "of", "at", "for", "from", "the", "year",
}  # fmt: skip
_NOT_THIS = frozenset({"nicht", "kein", "keine", "keinen"})
_DAYS = frozenset({"gestern", "heute", "morgen", "ubermorgen"})
_INSTEAD = frozenset({"statt", "anstatt", "anstelle", "instead"})
_BEFORE_WHAT_IS_MEANT = frozenset({"bitte", "lieber", "fur"})
_COMPARING = (Sign.COMPARES, Sign.COMPARED, Sign.CHANGES, Sign.CHEAP, Sign.CHEAPEST, Sign.DEAREST)
_OF_DIFFERENCES = frozenset({
    "spare", "sparen", "spart", "ersparnis", "mehr", "weniger", "unterschied", "differenz", "more", "less", "save", "saving", "savings",
    "difference",
})  # fmt: skip
_NOT_DENIED = {"only", "just", "sure", "certain"}
_BETWEEN_CLAUSES = frozenset("?!,;:()")
_ENDS = frozenset("?!;:().")
_CLAUSES = _ENDS | {","}
_IN_LISTS = AND_OR | {"der", "die", "den", "the"}
_SECTIONS = frozenset({"paragraf", "paragraph", "section"})
_EXEMPTIONS = ("befrei", "ermassig", "entlast", "erstatt", "exempt", "relief", "refund", "reduc", "rebate")
_PLAIN = ORDINARY | STATE_WORDS | GLUE | LEGAL | KINDS.keys()


class Placed(Protocol):
    """Whatever stands somewhere in the sentence."""

    @property
    def start(self) -> int: ...


P = TypeVar("P", bound=Placed)


class Sentence:
    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        words = corrected_words(tokens(text), vocabulary)
        found = mentions_in(words, vocabulary)
        halves = [mention for mention in found if is_half_a_place(mention, words, vocabulary)]
        found = [mention for mention in found if mention not in halves]
        as_written = self.covered(halves)
        self.words = [
            Word(word.token, (word.token.key,)) if i in as_written else word for i, word in enumerate(words)
        ]
        self.keys = [word.key for word in self.words]
        marks = grammar.marks(_without(self.words, found))
        marks = _without_other_wp(marks, self.keys)
        marks = _with_energy_prices(_with_bills(marks, self.keys), self.keys, found)
        self.marks = _without_asides(marks, self.keys, found)
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

    @property
    def names_the_grid(self) -> bool:
        """ "Das Netz in Jena", "Netz Jena", but not "das 5G Netz", "im Netz"."""
        return any(
            mark.start == 0 or self[mark.start] not in _GRIDS or self[mark.start - 1] in _ARTICLES
            for mark in self.marks
            if mark.meaning is Sign.GRID and not self.denied(mark.start)
        )

    def denied(self, start: int) -> bool:
        """Whether "nicht", "statt" or "instead of" stands shortly before, and denies nothing else: "nicht Modul 2, sondern Modul 1"."""
        return self._is_neither(start) or any(
            mark.meaning is Sign.NOT
            and 0 <= start - mark.end <= NEGATED_WITHIN
            and mark.start not in self.corrections
            and self[mark.end] not in {"nur", "only", "just"}
            and not self._means_something(mark.end, start)
            and not any(mark.end <= correction < start for correction in self.corrections)
            and not (self[mark.start] in _NOT_THIS and self._begins_a_clause(mark.end, start))
            and not (self[mark.start] in _NOT and self._is_instead_of_a_medium(mark.end, start))
            for mark in self.marks
        )

    def _is_instead_of_a_medium(self, end: int, start: int) -> bool:
        """ "Nicht Gas, Wärmepumpe"."""
        return any(
            mark.start == end and mark.end == start and "," in self.gap(start)
            for mark in self.marks
            if mark.meaning in (Sign.GAS, Sign.OTHER_MEDIUM)
        )

    def _begins_a_clause(self, end: int, start: int) -> bool:
        """ "Nicht dringend, günstigster Netzbetreiber", "keine Wallbox, aber eine Wärmepumpe"."""
        if "aber" in self.keys[end:start]:
            return True
        if all(_BETWEEN_CLAUSES.isdisjoint(self.gap(i)) for i in range(end, start + 1)):
            return False
        return any(
            mark.start == start and mark.meaning in (Sign.CHEAPEST, Sign.DEAREST) for mark in self.marks
        )

    def _is_neither(self, start: int) -> bool:
        """ "Weder Westnetz noch die Syna", "neither Westnetz nor Syna"."""
        before = self._before(start)
        return self[before] in _NEITHER or (
            self[before] in _NOR and not _NEITHER.isdisjoint(self.keys[:before])
        )

    def _before(self, start: int) -> int:
        """The token directly before, but for articles and prepositions; -1 where a pause stands between."""
        before = start - 1
        while self[before] in _BEFORE_PARTS and _BETWEEN_CLAUSES.isdisjoint(self.gap(before + 1)):
            before -= 1
        return before if _BETWEEN_CLAUSES.isdisjoint(self.gap(before + 1)) else -1

    def leaves_out(self, start: int) -> bool:
        """Whether "außer", "ohne", "bis auf", "nicht" or "weder" stands directly before, but for articles and prepositions."""
        if self._is_neither(start):
            return True
        before = self._before(start)
        if self.spells(before, _EXCEPT) or self._is_all_but(before, start):
            return True
        if self[before + 1] in _EXCEPT_WITH.get(self[before], ()) and not self._is_of_none(before):
            return True
        if self[0] in _WHETHER_OR_WHY or self[before - 1] in _BEFORE_NO_PART:
            return False
        we_are = {self[before - 2], self[before - 1]} == {"wir", "sind"}
        return self.spells(before, _NOT) and not we_are

    def all_left_out(self, parts: Sequence[range]) -> bool:
        """Whether nothing else is named: "alle außer Westnetz und Syna", "all but MV, LV and HV"."""
        pending = False  # joined by a comma, which only a later "and" joins
        for i, part in enumerate(parts):
            if self.leaves_out(part.start):
                pending = False
                continue
            joining = range(parts[i - 1].stop, part.start + 1) if i else range(0)
            if not joining or any(not _ENDS.isdisjoint(self.gap(j)) for j in joining):
                return False
            words = set(self.keys[joining.start : part.start])
            by_word = not AND_OR.isdisjoint(words)
            by_mark = not words - _BEFORE_PARTS and not {",", "/"}.isdisjoint(self.gap(joining.start))
            if words - AND_OR - _BEFORE_PARTS or not (by_word or by_mark):
                return False
            pending = not by_word and (pending or "/" not in self.gap(joining.start))
        return bool(parts) and not pending

    def _is_all_but(self, before: int, start: int) -> bool:
        """ "All operators but Syna", "anywhere but in Bavaria", "any other than Westnetz"; not "no operator other than
        Westnetz", "all prices of Westnetz, but in MV", which name what is meant, nor "I have all data but MV"."""
        if self[before] == "but":
            each = before - 1
            while self[each] in LEFT_OUT_OF:
                each -= 1
            within = EACH if self[start - 1] in {"but", "the"} else _ANYWHERE
            if self[each] not in within or self._has_a_pause(each + 1, before):
                return False
        elif (self[before - 1], self[before]) != ("other", "than"):
            return False
        return not self._is_of_none(before)

    def _is_of_none(self, end: int) -> bool:
        """Whether "no", "not" or the like stands before it in the clause; a comma directly before it ends none."""
        first = end
        while first > 0 and (first == end or not self._has_a_pause(first, first)):
            first -= 1
        return not NONE.isdisjoint(self.keys[first:end])

    def _has_a_pause(self, first: int, last: int) -> bool:
        return any(not _CLAUSES.isdisjoint(self.gap(i)) for i in range(first, last + 1))

    @cached_property
    def levies_left_out(self) -> frozenset[LevyKind]:
        """Of all: "alle Umlagen außer KWKG und Offshore"; none where what is meant is named behind ("not KWKG but offshore"), or where
        nothing would be left."""
        marks = [(m, frozenset(m.meaning.levies)) for m in self.marks if isinstance(m.meaning, Position)]
        named = [(mark, levies) for mark, levies in marks if levies]
        named = sorted([*named, *self._sections_of_levies()], key=lambda one: one[0].start)
        first = next((mark.end for mark, levies in named if len(levies) > 1), len(self.keys))
        left_out: frozenset[LevyKind] = frozenset()
        end = -1
        for mark, levies in named:
            if mark.start < first or len(levies) > 1:
                continue
            if self._leaves_out_levy(mark) or (left_out and self._goes_on_with(end, mark.start)):
                left_out |= levies
                end = mark.end
        if LevyKind.STROMSTEUER in left_out:
            left_out |= {LevyKind.STROMSTEUER_ENTLASTUNG}
        return left_out if any(levies - left_out for _, levies in named) else frozenset()

    def _sections_of_levies(self) -> Iterator[tuple[Mark, frozenset[LevyKind]]]:
        """ "§ 19" alone, among levies."""
        marked = self.covered(self.marks)
        for i, key in enumerate(self.keys):
            named = self[i - 1] in _SECTIONS
            if key == "19" and i not in marked and (named or "§" in self.gap(i)):
                levy = LevyKind.PARAGRAF_19_STROM_NEV
                yield Mark(i - named, i + 1, Position(Role.LEVY, levies=(levy,))), frozenset({levy})

    def _leaves_out_levy(self, mark: Mark) -> bool:
        """Not "ohne KWKG-Befreiung", "no levies except KWKG"."""
        return (
            self.leaves_out(mark.start)
            and not self._is_of_none(self._before(mark.start))
            and not any(part in self[mark.end] for part in _EXEMPTIONS)
            and not any(correction > mark.start for correction in self.corrections)
        )

    def _goes_on_with(self, end: int, start: int) -> bool:
        return _IN_LISTS.issuperset(self.keys[end:start]) and all(
            _ENDS.isdisjoint(self.gap(i)) for i in range(end, start + 1)
        )

    def spells(self, index: int, keys: Collection[str]) -> bool:
        """Whether one of these words stands there as it is written: "wohne" is no "ohne"."""
        return self[index] in keys and not self.words[index].slips

    def _means_something(self, start: int, end: int) -> bool:
        starts = [mark.start for mark in self.marks if isinstance(mark.meaning, Topic)]
        starts += [mention.start for mention in self.mentions]
        return any(start <= one < end for one in starts)

    def kept(self, placed: Sequence[P]) -> list[P]:
        """Without what is denied or taken back, unless nothing would be left."""
        kept = [one for one in placed if not self.denied(one.start)] or self._in_the_place_of(placed)
        for correction in self.corrections:
            after = [one for one in kept if one.start > correction]
            if len(after) < len(kept) and after:
                kept = after
        return kept

    def not_denied(self, marks: Sequence[Mark]) -> list[Mark]:
        """Without what is denied; "statt Modul 1 bitte Modul 2" asks for Modul 2."""
        left = [mark for mark in marks if not self.denied(mark.start)]
        if left:
            return left
        meant = self._in_the_place_of(marks)
        return meant if len(meant) < len(marks) else []

    def is_directly_denied(self, start: int) -> bool:
        """ "Grundpreis statt Arbeitspreis": not what stands behind what is denied, as in "statt Grundpreis Arbeitspreis"."""
        before = self._before(start)
        return any(mark.meaning is Sign.NOT and mark.end == before + 1 for mark in self.marks)

    def _in_the_place_of(self, placed: Sequence[P]) -> list[P]:
        """ "Statt 2025 bitte 2024", "nicht heute, morgen": what stands directly behind what is denied; else, and where both are
        compared, all of them."""
        if len(placed) < 2:
            return list(placed)
        first, second = sorted(placed, key=lambda one: one.start)[:2]
        is_replaced = any(
            self[mark.start] in _INSTEAD and _BEFORE_PARTS.issuperset(self.keys[mark.end : first.start])
            for mark in self.marks
            if mark.meaning is Sign.NOT and mark.end <= first.start
        )
        end = first.end if isinstance(first, Mark) else first.start + 1
        if len(placed) == 2 and self._is_not_but(first, second):
            return [one for one in placed if one is not first]
        is_next = _BEFORE_WHAT_IS_MEANT.issuperset(self.keys[end : second.start]) and all(
            _PAUSES.isdisjoint(self.gap(i)) for i in range(end, second.start + 1)
        )
        as_written = {word.token.key for word in self.words}  # "spare" is corrected to "share"
        are_compared = not _OF_DIFFERENCES.isdisjoint(as_written) or any(
            mark.meaning in _COMPARING for mark in self.marks
        )
        if not (is_replaced and is_next) or are_compared:
            return list(placed)
        return [one for one in placed if one is not first]

    def _is_not_but(self, first: Placed, second: Placed) -> bool:
        """ "Nicht heute, morgen" at the beginning of a clause; "nicht 2024, 2025" may leave out both."""
        before, end = first.start - 1, first.start + 1
        return (
            self[before] == "nicht"
            and (before == 0 or not _PAUSES.isdisjoint(self.gap(before)))
            and second.start == end
            and self.gap(end).strip() == ","
            and _DAYS.issuperset(self.keys[first.start : end + 1])
            and self[end + 1] not in AND_OR
        )

    @cached_property
    def corrections(self) -> list[int]:
        """Where something is taken back: "sondern", "sorry", "not … but", and "no" where it stands for itself."""
        found = [
            mark.start
            for mark in self.marks
            if mark.meaning is Sign.CORRECTION
            or (mark.meaning is Sign.NOT and self[mark.start] == "no" and self._is_set_off(mark))
        ]
        return found + [i for i, key in enumerate(self.keys) if key == "but" and self._is_of_not(i)]

    def _is_of_not(self, i: int) -> bool:
        """ "Not 2025 but 2024", "not in MV but in LV"; not "not only MV but also LV", "not sure but"."""
        return any(
            self[start] == "not"
            and self[start + 1] not in _NOT_DENIED
            and all(_PAUSES.isdisjoint(self.gap(j)) for j in range(start + 1, i + 1))
            for start in range(max(i - 1 - NEGATED_WITHIN, 0), i - 1)
        )

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


def _without_other_wp(marks: Sequence[Mark], keys: Sequence[str]) -> list[Mark]:
    """ "WP Netzentgelt", "WP Modul 2" and "für WP" speak of a heat pump, "300 Wp", "Windpark (WP)" and "WP Netzentgelt MS" do not."""
    if "wp" not in keys:
        return list(marks)
    above = any(isinstance(mark.meaning, Level) and mark.meaning.level != VoltageLevel.NS for mark in marks)
    return [
        mark
        for mark in marks
        if keys[mark.start : mark.end] != ["wp"] or not (above or _is_another_wp(keys, mark.start))
    ]


def _is_another_wp(keys: Sequence[str], i: int) -> bool:
    before, behind = keys[i - 1] if i else "", keys[i + 1] if i + 1 < len(keys) else ""
    if before[:1].isdigit():
        return True
    return not (before.startswith("netzentgelt") or before in _BEFORE_WP or behind.startswith(_BEHIND_WP))


_BEFORE_WP = frozenset({"fur", "eine", "meine"})
_BEHIND_WP = ("netzentgelt", "modul")


def _with_bills(marks: Sequence[Mark], keys: Sequence[str]) -> list[Mark]:
    """A bill is one of the grid only where a consumption is named, or where operators are ranked."""
    if not IN_KWH.keys().isdisjoint(keys) or any(mark.meaning in _RANKING for mark in marks):
        return list(marks)
    return [m._replace(meaning=Sign.OTHER_MATTER) if m.meaning is Sign.INVOICE else m for m in marks]


def _with_energy_prices(
    marks: Sequence[Mark], keys: Sequence[str], mentions: Sequence[Mention]
) -> list[Mark]:
    """ "Capacity price and energy price", and with an operator "base price and energy price": that of the grid."""
    of_an_operator = any(not mention.everyday for mention in mentions)
    if not any(
        _is_of_capacity(mark, keys) or (of_an_operator and _is_a_base_price_beside(mark, keys))
        for mark in marks
    ):
        return list(marks)
    return [
        mark._replace(meaning=_ENERGY_CHARGE)
        if mark.meaning is Sign.OTHER_PRODUCT and keys[mark.start : mark.end] in _ENERGY_PRICES
        else mark
        for mark in marks
    ]


def _is_of_capacity(mark: Mark, keys: Sequence[str]) -> bool:
    return isinstance(mark.meaning, Topic) and keys[mark.start] in _OF_CAPACITY


def _is_a_base_price_beside(mark: Mark, keys: Sequence[str]) -> bool:
    """Joined to an energy price by "and"."""
    if not isinstance(mark.meaning, Position) or mark.meaning.role is not Role.BASE_PRICE:
        return False
    before, after = keys[max(mark.start - 3, 0) : mark.start], keys[mark.end : mark.end + 3]
    return (before[2:] == ["and"] and before[:2] in _ENERGY_PRICES) or (
        after[:1] == ["and"] and after[1:] in _ENERGY_PRICES
    )


_ENERGY_CHARGE = Topic(QuestionTopic.NETZENTGELTE, Weight.LIKELY)
_ENERGY_PRICES = ([key_of("energy"), key_of("price")], [key_of("energy"), key_of("prices")])
_OF_CAPACITY = {key_of("capacity"), key_of("demand")}


def _without_asides(marks: Sequence[Mark], keys: Sequence[str], mentions: Sequence[Mention]) -> list[Mark]:
    """ "What does Westnetz charge?" asks for no definition, and a heat pump "mit eigenem Zähler" for nothing about meters."""
    return [
        mark
        for mark in marks
        if not (_asks_what_is_charged(mark, keys, mentions) or _is_its_own_meter(mark, keys))
    ]


def _asks_what_is_charged(mark: Mark, keys: Sequence[str], mentions: Sequence[Mention]) -> bool:
    """Not "What does the grid charge depend on?": before "charge" stands who charges."""
    if mark.meaning is not Sign.DEFINITION or keys[mark.start : mark.end] != _WHAT_DOES:
        return False
    if _has_cost_as_a_verb(keys, mark.end) and "mean" not in keys and _names_an_amount(keys):
        return True  # "What does 5 GWh cost?"
    until = mark.end + _CHARGED_WITHIN
    if "charge" not in keys[mark.end : until] or "mean" in keys:
        return False
    last = keys.index("charge", mark.end) - 1
    while last > mark.end and keys[last] in LEGAL:
        last -= 1
    is_named = any(mention.start <= last < mention.end for mention in mentions if not mention.everyday)
    return last >= mark.end and (is_named or keys[last] in _WHO_CHARGES)


def _has_cost_as_a_verb(keys: Sequence[str], start: int) -> bool:
    """Not "What does 5 GWh in the grid cost of Westnetz stand for?"."""
    return any(keys[i] == "cost" and keys[i - 1] not in _BEFORE_A_COST for i in range(start, len(keys)))


def _names_an_amount(keys: Sequence[str]) -> bool:
    """ "5 GWh", "2.5 million kWh", but not "kW" alone."""
    return any(
        unit in _UNITS and (before[:1].isdigit() or before in SCALES) for before, unit in pairwise(keys)
    )


def _is_its_own_meter(mark: Mark, keys: Sequence[str]) -> bool:
    if mark.meaning is not Sign.OTHER_MATTER or keys[mark.start : mark.end] not in _METERS:
        return False
    before = keys[max(mark.start - _OWN_WITHIN, 0) : mark.start]
    return bool(before) and before[-1] in _OF_ITS_OWN and not _WITH.isdisjoint(before)


_OWN_WITHIN = 3  # tokens: "mit meinem eigenen Zähler"
_UNITS = IN_KWH.keys() | IN_KW.keys()
_BEFORE_A_COST = frozenset(
    map(key_of, ("the", "a", "of", "in", "about", "and", "my", "our", "grid", "network", "annual"))
)
_WHAT_DOES = [key_of("what"), key_of("does")]
_CHARGED_WITHIN = 6  # tokens: "What does the Westnetz GmbH charge?"
_WHO_CHARGES = frozenset(
    {"it", "they", "operator", "company", "utility", "dso", "dno", "tso", "vnb", "netzbetreiber"}
)
_METERS = (["zahler"], ["meter"])
_WITH = frozenset({"mit", "uber", "with"})
_OF_ITS_OWN = frozenset({
    "eigenem", "eigenen", "separatem", "separaten", "getrenntem", "getrennten", "extra", "zweitem", "zweiten", "own", "separate",
})  # fmt: skip


def _without(words: Sequence[Word], mentions: Sequence[Mention]) -> list[str]:
    """The keys with a gap where an operator is named, so that no phrase reaches across it."""
    keys = [word.key for word in words]
    for mention in mentions:
        if not mention.everyday:
            keys[mention.start : mention.end] = [" "] * (mention.end - mention.start)
    return keys
