"""How people shorten, turn round and inflect the name of an operator."""

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from app.interpreter.spelling import key, normalise, tokens


class Fit(IntEnum):
    """How surely a form means an operator; a form that several share is theirs who fit best."""

    WHOLE = 0  # the name as the register has it, or an alias
    SHORT = 1  # the name without what is the same in many names
    PLACE = 2  # only the place, and the name has nothing but the place
    SEAT = 3  # only the place where the operator sits, or half of its name
    NEAR = 4  # the same, of an operator that is not known by its place: closed, tiny, for transmission


class Form(NamedTuple):
    """Lexemes that may stand for an operator, in their order."""

    lexemes: tuple[str, ...]
    fit: Fit


def _keys(words: str) -> frozenset[str]:
    return frozenset(key(word) for word in words.split())


# Words that join others; they may be left out or changed: "a. d. Donau", "an der Donau", "Donau".
GLUE = _keys(
    "a d i u b v ad id der die das des dem den an am in im ob vorm vor von vom zu zum zur und für auf bei beim"
    " the of at for and in on co c o"
    " lutherstadt heilbad hansestadt"
)
LEGAL = _keys("gmbh mbh ag kg eg ku ohg kgaa gbr se ab aör aor beschränkter haftung mit")
_NOUNS = _keys(
    "stadtwerk gemeindewerk kreiswerk stadtnetz netz netzwerk netzgesellschaft netzbetrieb netzservice"
    " netzdienst verteilnetz verteilernetz verteilungsnetz verteilungsnetzgesellschaft stromnetz"
    " stromverteilnetz stromnetzgesellschaft stromkontor energienetz energie energiewerk energiegesellschaft"
    " energieversorgung elektrizitätswerk elektrizitätsnetz elektrizitätsversorgung"
    " elektrizitätsgenossenschaft elektrizitätsvereinigung elektrogenossenschaft elektra elektrizität"
    " elektroenergieversorgung elektrizitätsversorgungsunternehmen energiegenossenschaft genossenschaft ewerk"
    " elektrizitäts stromversorgung versorgung versorgungs versorgungsgesellschaft versorgungsbetrieb"
    " versorgungswerk versorgungsunternehmen wasserversorgung wasserversorgungs wasserversorgungsgesellschaft"
    " wasserversorgungsgenossenschaft wasserwerk wassergesellschaft gasversorgung überlandwerk"
    " überlandzentrale überlandnetz kraftwerk werk betrieb betriebs betriebswerk eigenbetrieb gesellschaft"
    " dienstleistungsgesellschaft kommunalunternehmen gemeinschaftsstadtwerk stadt gemeinde ortsgemeinde"
    " gemeindlich städtisch technisch kommunal markt service infrastruktur regional"
    " regionalwerk regionalnetz strom gas wasser umgebung transmission vernetzt unternehmen"
    " wirtschaftsbetrieb entsorgungsgesellschaft verbandsgemeindewerk gasnetz energieversorgungs"
    " stromversorgungs eigenbetr utility utilities municipal grid network"
)
ENDINGS = ("", "e", "en", "es", "s", "n", "er")  # of German nouns
# Of nouns with one form in common, as "versorgung" and "versorgungs", the shorter one counts.
KINDS = {noun + ending: noun for noun in sorted(_NOUNS, reverse=True) for ending in ENDINGS} | {
    "sw": "stadtwerk",
    "stw": "stadtwerk",
    "stadtw": "stadtwerk",
    "gw": "gemeindewerk",
    "gmw": "gemeindewerk",
    "ew": "elektrizitatswerk",
    "evu": "evu",
    "tso": "tso",
}
SAME = {"sankt": "st", "munich": "munchen", "cologne": "koln", "nuremberg": "nurnberg"}
# After these stands a place: "Stadtwerke Aalen", "Stromnetz Pullach".
_MUNICIPAL = _keys(
    "stadtwerk gemeindewerk kreiswerk stadtnetz stromnetz netzgesellschaft energieversorgung stromversorgung"
    " elektrizitätswerk ewerk evu versorgungsbetrieb energienetz elektrizitätsgenossenschaft überlandwerk"
    " gemeinde markt stadt genossenschaft netzwerk kommunalunternehmen"
)
# What follows distinguishes a place from another of its name: "Neustadt an der Donau", "Haslach i.K."
_TURNS_ASIDE = _keys("a d i b v ad id odt ik an am in im ob vorm o unter bei")
# Parts of what places are called, and no places themselves.
NO_PLACES = _keys("flughafen st sankt bad see wald main groß alt neu ober unter")
REGIONS = _keys(
    "BadenWürttemberg Bayern Berlin Brandenburg Bremen Hamburg Hessen MecklenburgVorpommern Niedersachsen"
    " NordrheinWestfalen RheinlandPfalz Saarland Sachsen SachsenAnhalt SchleswigHolstein Thüringen"
    " Deutschland Pfalz Franken"
)


_APART = re.compile(r"\(|/| a\.|\ba\.? ?d\.| i\.| in | an der | am | im | o\.| vorm ")


class _Word(NamedTuple):
    key: str
    kind: bool = False
    place: bool = False
    region: bool = False  # a federal state in which no operator sits under that name: "Energienetze Bayern"
    aside: bool = False  # distinguishes places or companies of one name: "(Oder)", "a. d. Donau"


class Places(NamedTuple):
    """Where operators sit: the only places that the register knows."""

    seats: frozenset[str]
    adjectives: dict[str, str]  # "dortmunder" -> "dortmund"

    @classmethod
    def of(cls, cities: Iterable[str]) -> "Places":
        words = {word for city in cities for word in content(city)}
        seats = frozenset(words - KINDS.keys() - NO_PLACES)
        found: dict[str, str] = {}
        for seat in sorted(seats):
            for adjective in _adjectives_of(seat):
                # "Haller" may be of Hall or of Halle: then it is a word of its own.
                found[adjective] = adjective if adjective in found or adjective in seats else seat
        return cls(seats, found)

    def lexeme(self, word: str) -> str:
        """What is the same in "Stadtwerke" and "Stadtwerken", in "Dortmund" and "Dortmunder"."""
        return KINDS.get(word) or self.adjectives.get(word) or SAME.get(word, word)


def _adjectives_of(place: str) -> Iterator[str]:
    """ "Dortmunder", "Bremer", "Hallesche"; also the genitive: "Dortmunds"."""
    if len(place) < 3:
        return
    yield place + "er"
    yield place + "s"
    if place.endswith("en"):
        yield from (place[:-2] + "er", place[:-2] + "ner")
    elif place.endswith("e"):
        yield place + "r"
        yield place + "sche"
    if place.endswith(("er", "el")):
        yield place[:-2] + place[-1] + "er"


def content(name: str) -> list[str]:
    """The keys of a name without its glue."""
    return [token.key for token in tokens(normalise(name)) if token.key not in GLUE]


def _words_of(name: str, places: Places) -> list[_Word]:
    """The name word by word, each with its part in it."""
    words: list[_Word] = []
    aside = in_brackets = after_municipal = False
    for spelt, _, gap in tokens(normalise(name)):
        in_brackets = (in_brackets or "(" in gap) and ")" not in gap
        word = places.lexeme(spelt)
        kind = spelt in KINDS
        named = any(not w.kind for w in words)
        if named and (gap == "/" or spelt in _TURNS_ASIDE):
            aside = True
        elif kind or not (aside or named):
            aside = False
        if spelt in GLUE or spelt in LEGAL:
            continue
        place = not kind and (word in places.seats or (after_municipal and not aside and not in_brackets))
        region = word in REGIONS and word not in places.seats
        words.append(_Word(word, kind, place, region, (aside and not kind) or in_brackets))
        after_municipal = (kind and word in _MUNICIPAL) or (after_municipal and not kind)
    return words


def forms_of(name: str, city: str | None, places: Places) -> Iterator[Form]:
    """Every way to call the operator that needs no knowledge beyond its own name."""
    words = _words_of(name.split(" c/o ")[0], places)
    yield _form(words, Fit.WHOLE)
    if len(words) < 2 and not (words and words[0].aside):
        return
    acronym, rest = _acronym(words)
    plain = [word for word in rest if not word.aside]
    trimmed = _trimmed(plain)
    for shorter in (plain, trimmed, rest, _trimmed(rest)):
        yield from _short(shorter)
        yield from _short([*acronym, *shorter])
    yield from _of_acronym(acronym, plain)
    yield from _of_brand(plain)
    yield from _of_halves(trimmed, name, city)
    for word in words:
        if word.aside and _is_acronym(word.key, name):
            yield Form((word.key,), Fit.SHORT)


def _form(words: list[_Word], fit: Fit) -> Form:
    return Form(tuple(word.key for word in words), fit)


def _short(words: list[_Word]) -> Iterator[Form]:
    """The words, turned round, and without the kind of company."""
    named = [word for word in words if not word.kind]
    if not named or not words:
        return
    only_place = all(word.place or word.aside for word in named)
    if len(named) < len(words):
        yield _form(words, Fit.SHORT)
        if words[0].kind and len(words) - len(named) == 1:
            yield _form([*words[1:], words[0]], Fit.SHORT)
        elif only_place and len(words) - len(named) == 1 and words[-1].kind:
            yield _form([words[-1], *words[:-1]], Fit.SHORT)
    if only_place and not (len(named) == 1 and named[0].region):
        yield _form(named, Fit.PLACE)
    elif words[0].kind or len(named) == len(words):
        yield from _bare(named)


def _bare(named: list[_Word]) -> Iterator[Form]:
    """A brand that stands for the whole: "Avacon", "wesernetz"; regions and two letters do not."""
    joined = "".join(word.key for word in named)
    if len(joined) > 2 and joined not in NO_PLACES | REGIONS:
        yield _form(named, Fit.SHORT)


def _trimmed(words: list[_Word]) -> list[_Word]:
    """Without the kinds at the end, as long as a name is left: "Stadtwerke Heidelberg (Netze)"."""
    end = len(words)
    while end and words[end - 1].kind:
        end -= 1
    return words[:end]


def _acronym(words: list[_Word]) -> tuple[list[_Word], list[_Word]]:
    """ "SWT Stadtwerke Trier": initials that the rest spells out."""
    first, *rest = words
    spelt_out = rest and not first.kind and len(first.key) <= 5 and first.key[0] == rest[0].key[0]
    if spelt_out and any(word.kind for word in rest) and any(not word.kind for word in rest):
        return [first], rest
    return [], words


def _of_acronym(acronym: list[_Word], plain: list[_Word]) -> Iterator[Form]:
    if not acronym:
        return
    places = [word for word in plain if not word.kind]
    yield _form([*acronym, *places], Fit.SHORT)
    yield _form([*places, *acronym], Fit.SHORT)
    if len(acronym[0].key) > 2:
        yield _form(acronym, Fit.SHORT)


def _of_brand(plain: list[_Word]) -> Iterator[Form]:
    """ "wesernetz" of "wesernetz Bremen", "SWE Netz" of "SWE Netz (Erfurt)"."""
    brand = [word for word in plain if not word.place]
    named = [word for word in brand if not word.kind]
    if named and len(brand) < len(plain):
        if len(brand) > len(named):
            yield _form(brand, Fit.SHORT)
        yield from _bare(named)


def _of_halves(trimmed: list[_Word], name: str, city: str | None) -> Iterator[Form]:
    """ "Bietigheim-Bissingen", "Ulm/Neu-Ulm": each half is a place that the operator serves."""
    named = [word for word in trimmed if not word.kind]
    kinds = [word.key for word in trimmed if word.kind]
    if len(named) < 2 or not all(word.place for word in named) or not set("-/") & set(name):
        return
    for half in (word.key for word in named if len(word.key) > 3 and word.key not in NO_PLACES | REGIONS):
        yield Form((half,), Fit.PLACE if [half] == content(city or "") else Fit.SEAT)
        if len(kinds) == 1 and trimmed[0].kind:
            yield Form((*kinds, half), Fit.PLACE)


def _is_acronym(word: str, name: str) -> bool:
    return 2 < len(word) <= 5 and word.upper() in name


def seats_of(city: str | None) -> list[tuple[str, ...]]:
    """The seat as people write it: "Limburg a.d. Lahn", "Limburg"."""
    city = city or ""
    spellings = [tuple(content(part)) for part in (city, _APART.split(city)[0])]
    return [spelling for spelling in dict.fromkeys(spellings) if spelling]


def additions_of(name: str, city: str | None, places: Places) -> Iterator[str]:
    """What distinguishes its place from another of the same name: "oder" of "(Oder)"; not "Neu-Ulm" of "Ulm/Neu-Ulm"."""
    if "/" not in name:
        yield from (word.key for word in _words_of(name, places) if word.aside and word.key.isalpha())
    if len(spellings := seats_of(city)) > 1:
        whole, short = spellings
        yield from whole[len(short) :]


def distinguishes_place(name: str) -> re.Match[str] | None:
    """Where the part of a name begins that distinguishes its place from another of the same name: "(Oder)", "a. d. Donau"."""
    return _APART.search(name)
