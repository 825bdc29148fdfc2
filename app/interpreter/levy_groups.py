"""The customers whose rates a question about levies asks for: "§ 19-Umlage Gruppe B'", "Stromsteuer für Schienenbahnen"."""

import re
from collections.abc import Iterator
from typing import Final

from app.domain.levy import LevyKind
from app.interpreter.sentence import Sentence
from app.interpreter.words import AND_OR, DASHES

_STANDARD: Final = "standard"
_TARIFF: Final = ("S_TARIF_25000", "S_TARIF_100000", "S_TARIF_500000", "S_TARIF_G_500000")
_RELIEVED: Final = ("manufacturing_and_agriculture_9b", "public_transport_9c")
_MILLION: Final = (
    r"(?:1 gwh|1[., ]?000[., ]?000 kwh|1[., ]?000 mwh|(?:1|ein|eine|einer|one|a) (?:mio|million)\b(?: kwh)?)"
)
_MILLIONS: Final = (  # one or more
    rf"(?:{_MILLION}|[1-9]\d*(?:[.,]\d+)? (?:gwh|mio|millions?|millionen)|[1-9]\d{{0,2}}[., ]?\d{{3}} mwh"
    r"|[1-9]\d{0,2}[., ]?\d{3}[., ]?\d{3} kwh)"
)
# "Gruppe B'", "Gruppen A', B' und C'", "groups A to C"; the English "a" is an article as well.
_A: Final = r"a(?=$| (?:\d|[bc]\b|(?:and|or|to|in|for|of|customers?|rates?|levy|levies)\b))"
_LETTERS: Final = tuple(
    re.compile(rf"\b{head} (?P<letters>{letter}\b(?: (?:(?:{joined}) )?{letter}\b)*)")
    for head, letter, joined in (
        (r"\w*gruppen?", "[abc]", "und|oder|sowie|bis"),
        ("groups?", f"(?:[bc]|{_A})", "and|or|to"),
    )
)
_LETTER: Final = re.compile(r"\b[abc]\b")
_TO: Final = re.compile(r"\b(?:bis|to)\b")
# The groups as they are published, and the words for them in both languages.
_GROUPS: Final = tuple(
    (groups, re.compile(rf"\b(?:{words})\b"))
    for groups, words in (
        (
            ("A'", "A"),
            rf"erste[nr]? (?:mio|million)|first million|(?:ersten?|first|bis|bis zu|up to) {_MILLION}",
        ),
        (("B'", "B"), rf"(?:uber|mehr als|ab|above|over|more than|from) {_MILLIONS}"),
        (("C'", "C"), r"(?:strom|energie)intensiv\w*|(?:energy|electricity) intensive"),
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
            r"produzierende\w* gewerbe\w*|landwirtschaft\w*|forstwirtschaft\w*|manufacturing|manufacturers?|agriculture|9 ?b",
        ),
        (
            (_RELIEVED[1], _STANDARD),
            r"nahverkehr\w*|personennahverkehr\w*|public transport|9 ?c",
        ),
    )
)


# Customers of whom it is not known which rates are theirs.
_OTHERS: Final = re.compile(
    r"unternehmen|firm(?:a|en)|betriebe?|gewerb(?:e|liche[nr]?)|gewerbe(?:kunden?|betriebe?)|industrie(?:kunden?|betriebe?|unternehmen)?"
    r"|compan(?:y|ies)|business(?:es)?|industry|industrial|commercial"
)
_BESIDE: Final = 3  # tokens: "Haushalte und für kleine Unternehmen"
_SEPARATORS: Final = frozenset(",/&+;")


def groups_of(sentence: Sentence) -> tuple[str, ...]:
    """Several where several are named; none: the rates of all customers are asked for."""
    found: list[str] = []
    named: set[int] = set()  # tokens
    for groups, tokens in _named(sentence):
        if not sentence.denied(tokens.start):
            found += groups
            named.update(tokens)
    if any(
        _OTHERS.fullmatch(key) and not sentence.denied(i) and _stands_beside(sentence, i, named)
        for i, key in enumerate(sentence.keys)
    ):
        return ()
    return tuple(dict.fromkeys(found))


def _named(sentence: Sentence) -> Iterator[tuple[tuple[str, ...], range]]:
    text = " ".join(sentence.keys)
    for groups, words in _GROUPS:
        for match in words.finditer(text):
            yield groups, _tokens(match)
    for letters in _LETTERS:
        for match in letters.finditer(text):
            tokens = _tokens(match)
            dashes = any(not DASHES.isdisjoint(sentence.gap(i)) for i in tokens[2:])
            yield _of_letters(match["letters"], to=dashes or bool(_TO.search(match["letters"]))), tokens


def _tokens(match: re.Match[str]) -> range:
    start = match.string.count(" ", 0, match.start())
    return range(start, start + match[0].count(" ") + 1)


def _of_letters(text: str, *, to: bool) -> tuple[str, ...]:
    letters = "".join(_LETTER.findall(text)).upper()
    if to:
        letters = "ABC"["ABC".index(min(letters)) : "ABC".index(max(letters)) + 1]
    return tuple(group for letter in letters for group in (f"{letter}'", letter))


def _stands_beside(sentence: Sentence, i: int, named: set[int]) -> bool:
    """ "Haushalte und Unternehmen", "Unternehmen/Haushalte"; not "stromintensive Unternehmen"."""
    if i in named or (i - 1 in named and _SEPARATORS.isdisjoint(sentence.gap(i))):
        return False
    before = max((one for one in named if one < i), default=None)
    after = min((one for one in named if one > i), default=None)
    spans = [(before, i)] if before is not None else []
    spans += [(i, after)] if after is not None else []
    return any(
        last - first <= _BESIDE + 1
        and (
            not AND_OR.isdisjoint(sentence.keys[first:last])
            or any(not _SEPARATORS.isdisjoint(sentence.gap(one)) for one in range(first + 1, last + 1))
        )
        for first, last in spans
    )


def with_relief(levies: tuple[LevyKind, ...], groups: tuple[str, ...]) -> tuple[LevyKind, ...]:
    """What some companies pay of the electricity tax is the tax and its relief."""
    if LevyKind.STROMSTEUER not in levies or set(groups).isdisjoint(_RELIEVED):
        return levies
    return tuple(dict.fromkeys((*levies, LevyKind.STROMSTEUER_ENTLASTUNG)))
