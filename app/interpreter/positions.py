"""Which positions of a price sheet, or which levies, a sentence asks for."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.domain.question import NotHeld, QuestionTopic
from app.interpreter.asked import Asked, Frame
from app.interpreter.grammar import Mark
from app.interpreter.names import KINDS
from app.interpreter.sentence import Sentence
from app.interpreter.separation import are_set_apart, keys_between
from app.interpreter.units import IN_KWH
from app.interpreter.words import DEVICES, Position, Role, Sign, Topic, Weight

_N, _T = QuestionTopic.NETZENTGELTE, QuestionTopic.TIME_OF_USE
_K = PriceKind
_ASIDE: Final = frozenset({Role.ASIDE, Role.LEVY, Role.SOME_LEVY})
_LEVIES: Final = frozenset({Role.LEVY, Role.SOME_LEVY})
_CUSTOMERS: Final = frozenset({Role.CUSTOMER, Role.METERING})
# Nothing but the grid has such prices.
_OF_THE_GRID: Final = frozenset({Role.METERING, Role.MODULE, Role.PERIOD, Role.PRICE})
_PLAIN: Final = frozenset({Role.METERING, Role.MODULE, Role.CUSTOMER, Role.BASE_PRICE})
_PARTS_OF_PRICES: Final = frozenset({Role.BASE_PRICE, Role.PERIOD})
# "Inkl. Umlagen": of something else.
_INCLUDING: Final = frozenset(
    [
        "inkl", "inklusive", "einschliesslich", "incl", "including", "included", "mit", "with", "plus", "zzgl",
        "zuzuglich", "samt", "excl", "exkl", "exklusive", "excluding", "vor", "before", "nach", "after",
    ]
)  # fmt: skip
_WITH: Final = _INCLUDING - {
    "plus",
    "excl",
    "exkl",
    "exklusive",
    "excluding",
    "vor",
    "before",
    "nach",
    "after",
}
_INCLUDED_WITHIN: Final = 3  # tokens
_ENERGY_PRICES: Final = re.compile("(?:arbeitspreis|verbrauchspreis).*|aps?|energy")
_CAPACITY_PRICES: Final = re.compile("leistungspreis.*|lps?|capacity|demand")
# Beside these, or a load, "Messung" is how the customer is measured: "Entgelt Messung mit Arbeitspreis".
_PRICES_OF_THE_GRID: Final = re.compile("(?:arbeits|leistungs)preis.*")


def names_a_device(sentence: Sentence) -> bool:
    """A heat pump, storage heating or an electric vehicle."""
    return bool(devices_of(sentence))


def devices_of(sentence: Sentence) -> list[Mark]:
    return [
        mark
        for mark in sentence.marks
        if isinstance(mark.meaning, Position)
        and DEVICES.issuperset(mark.meaning.kinds)
        and mark.meaning.kinds
    ]


def names_another_product(sentence: Sentence) -> bool:
    """Electricity and the like, beside the words that are also positions of a price sheet: "Haushalt", "Umlage"."""
    starts = {mark.start for mark in sentence.marks if isinstance(mark.meaning, Position)}
    return any(
        mark.meaning is Sign.OTHER_PRODUCT and mark.start not in starts and not sentence.denied(mark.start)
        for mark in sentence.marks
    )


def modules_of(sentence: Sentence) -> tuple[PriceKind, ...]:
    """Modul 1 and 2 as far as they are named."""
    marks = [m for m in sentence.marks if isinstance(m.meaning, Position) and m.meaning.role is Role.MODULE]
    return _union(position(mark).kinds for mark in sentence.not_denied(marks))


def customers_of(sentence: Sentence) -> tuple[PriceKind, ...]:
    """The prices of the customers that are named: households, heat pumps."""
    marks = [m for m in sentence.marks if isinstance(m.meaning, Position) and m.meaning.role in _CUSTOMERS]
    return _union(position(mark).kinds for mark in marks if not sentence.denied(mark.start))


def position(mark: Mark) -> Position:
    assert isinstance(mark.meaning, Position)
    return mark.meaning


def position_asked_for(
    sentence: Sentence, kept: Sequence[Mark], found: Asked | None, frame: Frame
) -> Asked | NotHeld | int:
    """The positions or levies that are asked for; else how many of them are asked for beside `found`, at most 1.

    `kept`: the marks of other topics.
    """
    marks = _marks(sentence, kept, frame)
    if not marks:
        return 0
    if found is None:
        return _read(sentence, marks) if _is_about_charges(sentence, kept, marks, frame) else 0
    topics = [mark for mark in kept if _topic(mark).topic is found.topic]
    beside = 0
    for mark in marks:
        named = [topic for topic in topics if _stands_for_itself(sentence, topic, mark)]
        apart = bool(named) and all(are_set_apart(sentence, mark, topic) for topic in named)
        if _is_an_alternative(sentence, mark, named, found):
            return NotHeld.MODULE_CHOICE
        if found.topic is _N and _is_charged_on(sentence, mark):
            return _read(sentence, [mark])
        if not _is_asked_for(sentence, mark, found):
            beside += apart and found.topic is _T and _is_a_module(mark)
        elif apart and named[0].start < mark.start:
            beside += 1
        elif not (position(mark).role in _ASIDE and named):
            return _read_beside(sentence, marks, mark, named=bool(named))
        else:  # "Konzessionsabgabe und Netzentgelte"
            beside += apart
    return min(beside, 1)


def _read_beside(sentence: Sentence, marks: Sequence[Mark], mark: Mark, *, named: bool) -> Asked | NotHeld:
    """ "Netzentgelte SLP und Umlagen": what stands aside is another question."""
    if not named:
        return _read(sentence, marks)
    aside = [one for one in marks if position(one).role in _ASIDE]
    read = _read(sentence, [one for one in marks if one not in aside])
    if isinstance(read, Asked) and any(are_set_apart(sentence, mark, one) for one in aside):
        return read._replace(further=1)
    return read


def _marks(sentence: Sentence, kept: Sequence[Mark], frame: Frame) -> list[Mark]:
    marks = [mark for mark in sentence.marks if isinstance(mark.meaning, Position)]
    modules = [mark for mark in marks if position(mark).role is Role.MODULE]
    replacing = sentence.not_denied(modules)
    marks = [
        mark
        for mark in marks
        if (mark in replacing or not sentence.denied(mark.start)) and not _is_of_levies(sentence, mark)
    ]
    if frame.load or any(map(_PRICES_OF_THE_GRID.fullmatch, sentence.keys)):
        marks = [mark for mark in marks if sentence[mark.end - 1] != "messung"]
    if left_out := sentence.levies_left_out:
        marks = [
            mark
            for mark in marks
            if not (position(mark).levies and left_out.issuperset(position(mark).levies))
        ]
    asked = [mark for mark in marks if not _is_included(sentence, mark)]
    marks = asked if asked or frame.named or frame.load else marks
    marks = [mark for mark in marks if not _is_of_a_consumption(sentence, mark)]
    if sentence.has(Sign.OF_A_FLEET):  # electric vehicles that are charged with load metering
        marks = [mark for mark in marks if not DEVICES.issuperset(position(mark).kinds or (None,))]
    for correction in sentence.corrections:
        marks = [mark for mark in marks if mark.start > correction] if kept else marks
    return marks


def _is_of_a_consumption(sentence: Sentence, mark: Mark) -> bool:
    """ "300 kWh pro Monat": no prices by the month."""
    if position(mark).role is not Role.PERIOD or sentence[mark.start - 1] not in IN_KWH:
        return False
    return sentence[mark.start - 2][:1].isdigit()


def _is_of_levies(sentence: Sentence, mark: Mark) -> bool:
    """ "Befreit von der Stromsteuer": nothing about charges of the grid."""
    return sentence[mark.start] in {"befreit", "exempt"} and any(
        isinstance(one.meaning, Position)
        and one.meaning.role in _LEVIES
        and (abs(one.start - mark.end) <= _INCLUDED_WITHIN or abs(mark.start - one.end) <= _INCLUDED_WITHIN)
        for one in sentence.marks
    )


def _is_included(sentence: Sentence, mark: Mark) -> bool:
    """ "Grundpreis inkl. MwSt": net or gross, but no question about a tax; "Betrieb mit Einspeisung"."""
    if sentence[mark.start].startswith(("einspeis", "feed")):
        before = sentence.keys[max(mark.start - _INCLUDED_WITHIN, 0) : mark.start]
        return not {"mit", "with", "trotz"}.isdisjoint(before)
    if position(mark).role not in _ASIDE:
        return False
    return not _INCLUDING.isdisjoint(_directly_before(sentence, mark))


def includes_levies(sentence: Sentence) -> bool:
    """ "Inkl. Konzessionsabgabe": a cost that contains levies."""
    return any(
        isinstance(mark.meaning, Position)
        and mark.meaning.role in _LEVIES
        and not _WITH.isdisjoint(_directly_before(sentence, mark))
        and not sentence.denied(mark.start)
        for mark in sentence.marks
    )


def names_included_levies_alone(sentence: Sentence) -> bool:
    """Whether levies that are included are all that could be no matter of the grid: "5 GWh inkl. Konzessionsabgabe"."""
    included = {
        mark.start
        for mark in sentence.marks
        if isinstance(mark.meaning, Position) and _is_included(sentence, mark)
    }
    others = [mark.start for mark in sentence.marks if mark.meaning is Sign.OTHER_PRODUCT]
    return included.issuperset(others)


def _directly_before(sentence: Sentence, mark: Mark) -> Sequence[str]:
    """The words before it, but not across an amount: "mit 3500 kWh, Stromsteuer"."""
    start = mark.start
    while start > max(mark.start - _INCLUDED_WITHIN, 0) and not sentence[start - 1][:1].isdigit():
        start -= 1
    return sentence.keys[start : mark.start]


def _topic(mark: Mark) -> Topic:
    assert isinstance(mark.meaning, Topic)
    return mark.meaning


def _stands_for_itself(sentence: Sentence, topic: Mark, mark: Mark) -> bool:
    """Whether the topic is more than the price of a position: "Arbeitspreis SLP", "KWKG in ct/kWh"."""
    weight = _topic(topic).weight
    if position(mark).role in _ASIDE:
        return weight is Weight.PLAIN
    return weight > Weight.HINT and not _ENERGY_PRICES.fullmatch(sentence[topic.start])


def _is_asked_for(sentence: Sentence, mark: Mark, found: Asked) -> bool:
    """A heat pump or a household is the customer of § 14a; windows have nothing to do with either."""
    if found.topic is _N:
        return True
    if found.topic is _T and _is_a_module(mark):
        return not sentence.has(Sign.OF_MODULE_3)
    return False


def _is_a_module(mark: Mark) -> bool:
    return position(mark).role is Role.MODULE or position(mark).not_held is NotHeld.OTHER_POSITION


def _is_charged_on(sentence: Sentence, mark: Mark) -> bool:
    """ "Umsatzsteuer auf Netzentgelte": the tax is asked for, not what it is charged on."""
    return position(mark).role in _LEVIES and sentence[mark.end] in _ON


_ON: Final = frozenset({"auf", "on"})


def _is_an_alternative(sentence: Sentence, mark: Mark, topics: Sequence[Mark], found: Asked) -> bool:
    """ "Modul 1 oder Modul 3?": one of them is no answer without the other."""
    if found.topic is not _T or not _is_a_module(mark):
        return False
    between = {key for topic in topics for key in keys_between(sentence, mark, topic)}
    return sentence.has(Sign.COMPARES) or not _ALTERNATIVES.isdisjoint(between)


_ALTERNATIVES: Final = frozenset({"oder", "or", "vs", "versus"})


def _is_about_charges(sentence: Sentence, kept: Sequence[Mark], marks: Sequence[Mark], frame: Frame) -> bool:
    """Not where electricity itself or a device is asked for: "Stromtarif für Haushalte", "Was kostet eine Wallbox?"."""
    if sentence.has(Sign.OTHER_MATTER):
        return False
    roles = {position(mark).role for mark in marks}
    if Role.LEVY in roles:
        return True
    if names_another_product(sentence) and roles.isdisjoint(_OF_THE_GRID):
        return False
    grid, priced = sentence.has(Sign.GRID), any(_topic(one).weight > Weight.HINT for one in kept)
    explained = not sentence.strange
    plain = not roles.isdisjoint({Role.METERING, Role.MODULE}) and roles <= _PLAIN
    if explained and (plain or "umlagen" in sentence.keys):
        return True
    if roles == {Role.SOME_LEVY}:
        of_power = frame.operator or grid or sentence.has(Sign.POWER) or bool(sentence.levies_left_out - _VAT)
        return of_power or (frame.year and explained)
    if roles <= {Role.CUSTOMER, Role.BASE_PRICE} and not (grid or priced):
        if Role.BASE_PRICE in roles:
            return frame.operator or frame.level or (frame.place and explained)
        of_the_place = frame.place and frame.energy and _POWER.isdisjoint(sentence.keys)
        if frame.energy and _POWER.isdisjoint(sentence.keys) and _names_a_company(sentence):
            return True  # also one that is not known
        return (frame.operator or of_the_place) and explained and not sentence.has(Sign.CHARGES_A_DEVICE)
    return frame.named or grid or priced


_VAT: Final = frozenset({LevyKind.UMSATZSTEUER})


def _names_a_company(sentence: Sentence) -> bool:
    """ "Stadtwerke Hinterdupfing"."""
    return any(KINDS.get(key) in _COMPANIES for key in sentence.keys)


_COMPANIES: Final = frozenset({"stadtwerk", "gemeindewerk", "kreiswerk", "elektrizitatswerk"})
_POWER: Final = frozenset({"strom", "elektrizitat", "electricity", "power"})


def _read(sentence: Sentence, marks: Sequence[Mark]) -> Asked | NotHeld:
    positions = [position(mark) for mark in marks]
    if any(one.role is Role.AVERAGE for one in positions):
        return NotHeld.AVERAGE
    left_out = sentence.levies_left_out
    if levies := _levies(positions, all_of_them=bool(left_out)):
        left = tuple(one for one in levies if one not in left_out)
        return Asked(QuestionTopic.LEVIES, 0.95, levies=left or levies)
    of_feeding = any(kind in _OF_FEEDING_IN for one in positions for kind in one.kinds)
    ranked = sorted(positions, key=lambda one: of_feeding and one.not_held is not None)
    first = next((one for one in ranked if one.role not in _CUSTOMERS | _PARTS_OF_PRICES), ranked[0])
    if first.not_held is not None:
        return first.not_held
    kinds = _kinds(sentence, positions)
    modules = {kind for kind in kinds if kind in (_K.MODUL_1, _K.MODUL_2_ARBEITSPREIS)}
    if len(modules) > 1 and not _CHOOSING.isdisjoint(sentence.keys):
        return NotHeld.MODULE_CHOICE
    return Asked(QuestionTopic.PRICES, 0.95, kinds=kinds) if kinds else NotHeld.OTHER_POSITION


_OF_FEEDING_IN: Final = frozenset({_K.VERMIEDENE_NETZENTGELTE_LEISTUNG, _K.VERMIEDENE_NETZENTGELTE_ARBEIT})
_CHOOSING: Final = frozenset(
    ["gunstiger", "billiger", "besser", "lohnt", "lohnen", "better", "cheaper", "worth", "oder", "or"]
)


def _levies(positions: Sequence[Position], *, all_of_them: bool) -> tuple[LevyKind, ...]:
    """Those that are named; where only "Umlagen" stands there, and where only some are left out of them, all. None beside a price: "Grundpreis und Umlagen"."""
    prices = any(one.role not in _LEVIES | _CUSTOMERS for one in positions)
    if prices and positions[0].role not in _LEVIES:
        return ()
    if not any(one.role is Role.LEVY for one in positions):
        return _union(one.levies for one in positions if one.role is Role.SOME_LEVY)
    named = [one.levies for one in positions if one.role in _LEVIES]
    return _union(levies for levies in named if len(levies) == 1) or _union(named if all_of_them else ())


def _kinds(sentence: Sentence, positions: Sequence[Position]) -> tuple[PriceKind, ...]:
    """ "Wallbox mit Modul 2" asks for Modul 2; "Grundpreis" and "Arbeitspreis" choose among the prices of a customer."""
    for roles in ({Role.MODULE}, {Role.PRICE, Role.ASIDE}, _CUSTOMERS, {Role.PERIOD}):
        if kinds := _union(one.kinds for one in positions if one.role in roles):
            return _of_named_parts(sentence, _of_hours(sentence, kinds), positions)
    return _of_named_parts(sentence, (_K.SLP_GRUNDPREIS, _K.SLP_ARBEITSPREIS), positions)


def _of_named_parts(
    sentence: Sentence, kinds: tuple[PriceKind, ...], positions: Sequence[Position]
) -> tuple[PriceKind, ...]:
    base = any(one.role is Role.BASE_PRICE for one in positions)
    energy = any(
        _ENERGY_PRICES.fullmatch(key) and not sentence.is_directly_denied(i)
        for i, key in enumerate(sentence.keys)
    )
    capacity = any(map(_CAPACITY_PRICES.fullmatch, sentence.keys))
    parts = [part for part, named in (("GRUNDPREIS", base), ("ARBEITSPREIS", energy)) if named]
    if capacity and not parts:
        parts = ["LEISTUNGSPREIS"]
    if not parts or not any(kind.endswith(_PARTS) for kind in kinds):
        return kinds
    return tuple(kind for kind in kinds if kind.endswith(tuple(parts)))


_PARTS: Final = ("GRUNDPREIS", "ARBEITSPREIS", "LEISTUNGSPREIS")
_RESERVES: Final = {_K.RESERVE_200H: "200", _K.RESERVE_400H: "400", _K.RESERVE_600H: "600"}


def _of_hours(sentence: Sentence, kinds: tuple[PriceKind, ...]) -> tuple[PriceKind, ...]:
    """ "Netzreserve 200 h" is one of three prices."""
    named = tuple(kind for kind in kinds if _RESERVES.get(kind) in sentence.keys)
    return named or kinds


T = TypeVar("T")


def _union(groups: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(one for group in groups for one in group))
