"""The customers whose rates a question about levies asks for: "§ 19-Umlage Gruppe B'", "Stromsteuer für Schienenbahnen"."""

import re
from typing import Final

from app.domain.levy import LevyKind
from app.interpreter.sentence import Sentence

_STANDARD: Final = "standard"
_TARIFF: Final = ("S_TARIF_25000", "S_TARIF_100000", "S_TARIF_500000", "S_TARIF_G_500000")
_RELIEVED: Final = ("manufacturing_and_agriculture_9b", "public_transport_9c")
_MILLION: Final = (
    r"(?:1 gwh|1[., ]?000[., ]?000 kwh|1[., ]?000 mwh|(?:1|ein|eine|einer|one|a) (?:mio|million)\b(?: kwh)?)"
)
# The groups as they are published, and the words for them in both languages.
_GROUPS: Final = tuple(
    (groups, re.compile(rf"\b(?:{words})\b"))
    for groups, words in (
        (
            ("A'", "A"),
            rf"(?:\w*gruppe|group) a|erste[nr]? (?:mio|million)|first million|(?:ersten?|first|bis|bis zu|up to) {_MILLION}",
        ),
        (("B'", "B"), rf"(?:\w*gruppe|group) b|(?:uber|mehr als|above|over|more than) {_MILLION}"),
        (("C'", "C"), r"(?:\w*gruppe|group) c|(?:strom|energie)intensiv\w*|(?:energy|electricity) intensive"),
        (
            ("S_SONDERKUNDE",),
            r"sonder(?:vertrags)?kunde\w*|sondervertrag\w*|special (?:contract|customer)\w*",
        ),
        (_TARIFF, r"tarifkunde\w*|tariff customers?"),
        (
            (*_TARIFF, _STANDARD, "A'", "A", "non_privileged"),
            r"(?:privat)?haushalt\w*|privatkunde\w*|households?|private customers?",
        ),
        (("S_SCHWACHLAST",), r"schwachlast\w*|off peak"),
        (
            ("rail_and_trolleybus",),
            r"schienenbahn\w*|eisenbahn\w*|bahnstrom|oberleitungsbus\w*|railways?|trolleybus\w*",
        ),
        (
            ("shore_power_commercial_shipping",),
            r"landstrom\w*|schifffahrt|shore power|commercial shipping",
        ),
        (
            (_RELIEVED[0], _STANDARD),
            r"produzierende\w* gewerbe\w*|landwirtschaft\w*|forstwirtschaft\w*|manufacturing|manufacturers?|agriculture|9b",
        ),
        (
            (_RELIEVED[1], _STANDARD),
            r"nahverkehr\w*|personennahverkehr\w*|public transport|9c",
        ),
    )
)


def groups_of(sentence: Sentence) -> tuple[str, ...]:
    """Several where several are named; none: the rates of all customers are asked for."""
    text = " ".join(sentence.keys)
    found = [
        groups
        for groups, words in _GROUPS
        for match in words.finditer(text)
        if not sentence.denied(text.count(" ", 0, match.start()))
    ]
    return tuple(dict.fromkeys(group for groups in found for group in groups))


def with_relief(levies: tuple[LevyKind, ...], groups: tuple[str, ...]) -> tuple[LevyKind, ...]:
    """What some companies pay of the electricity tax is the tax and its relief."""
    if LevyKind.STROMSTEUER not in levies or set(groups).isdisjoint(_RELIEVED):
        return levies
    return tuple(dict.fromkeys((*levies, LevyKind.STROMSTEUER_ENTLASTUNG)))
