"""What titles, groups of columns and remarks in brackets state of prices: that they are gross, include levies, or are others."""

import re
from typing import Final

_TAX: Final = "(?:USt|MwSt|Umsatzsteuer|Mehrwertsteuer|VAT)"
_BY_LAW: Final = r"(?:(?:der|die|den|dem|ges\w*|jeweil\w*|derzeit\w*|gültig\w*|geltend\w*)\.?,? )"
_RATE: Final = r"(?:[0-9]{1,2} ?(?:%|Prozent) )"
_GROSS: Final = re.compile(
    # Looked ahead for, and then to the end of the word at once: a long word is searched once, not from each of the parts that it repeats.
    r"\bbrutto(?:-?(?=\w*(?:preis|entgelt|betr[aä]g))\w*+)?(?!-?\w)|\bgross prices\b"
    rf"|\b(?:inkl|incl|einschl)\w*\.?,? (?:[^\s;]{{1,40}} ){{0,6}}{_TAX}\b",
    re.IGNORECASE,
)
# Also for the rows above and below: a sentence may have two.
NET: Final = re.compile(
    rf"netto|\bnet\b|\b(?:zzgl|zuzügl|exkl|excl|plus|ohne|nicht|kein)\w*\.?,? {_BY_LAW}{{0,4}}{_RATE}?{_BY_LAW}{{0,4}}{_TAX}",
    re.IGNORECASE,
)
# A single figure, or a word about others.
_NOT_GROSS: Final = re.compile(
    r"siehe|klammer|anhang|anfrage|finden|\bauf (?:Seite|Blatt)\b|\bbruttopreise? ?="
    r"|\b(?:ab)?rechnung(?:en|sstellung)?\b|\bbrutto:? ?(?!20[0-9]{2}\b)[0-9][0-9.,]*+(?! ?%)"
    rf"|\b(?:ohne|nicht|kein\w*) {_BY_LAW}{{0,4}}(?:inkl|incl|einschl|brutto)",
    re.IGNORECASE,
)


def is_gross(text: str) -> bool:
    return bool(_GROSS.search(text) and not NET.search(text) and not _NOT_GROSS.search(text))


def includes_levies(text: str) -> bool:
    """Whether levies, taxes or the concession fee are part of the prices: next to `inkl.`, in front of another clause."""
    text = text[:_MAX_SENTENCE]
    return _WITH_LEVIES.search(text) is not None and not _ELSEWHERE.search(text)


_MAX_SENTENCE: Final = 1_000


_LEVY: Final = r"(?:(?:[\w§-]{0,30} ?)?(?:Umlagen?|Abgaben?|Konzessionsabgaben?|Stromsteuer)|KWKG?|Offshore|§ ?19|EEG|KA)\b"
_WITH_LEVIES: Final = re.compile(
    rf"(?<!nicht )\b(?:inkl|incl|einschl)\w{{0,10}}\.?:? ?(?:(?:aller?|der|die|den|sämtlicher?|gesetzlicher?n?|staatlicher?n?|weiterer) ){{0,3}}{_LEVY}",
    re.IGNORECASE,
)
_ELSEWHERE: Final = re.compile(r"siehe|anhang|anfrage|klammer", re.IGNORECASE)


def is_levy(name: str) -> bool:
    return _OF_LEVY.search(name[:_MAX_LENGTH]) is not None


_OF_LEVY: Final = re.compile(rf"\b{_LEVY}", re.IGNORECASE)


def is_of_other_price(text: str) -> bool:
    """Whether a remark or title states nothing but that the prices are those of a module, a use or a system beside the usual ones.

    Each word has to be known: sentences name other prices for many reasons.
    """
    return len(text) <= _MAX_LENGTH and _OTHERS.fullmatch(" ".join(text.split())) is not None


_MAX_LENGTH: Final = 120
_OTHER: Final = (
    r"Modul [123]|Monats(?:leistungs)?preis(?:e|system|en)?|Wärmepumpen?(?:strom)?|(?:Nacht)?Speicherheizung(?:en)?"
    r"|(?:steuerbare|unterbrechbare)[nr]? Verbrauchseinrichtung(?:en)?|(?:Elektro|E-)mobilität|Ladesäulen?|Straßenbeleuchtung"
    r"|Netzreserve(?:kapazität|leistung)?|Reserve(?:netz)?kapazität|Schwachlast(?:zeit)?|Einspeisung"
)
_AROUND: Final = (
    r"Preisblatt|Blatt|[0-9]{1,2}[a-z]?|Netz(?:nutzungs)?entgelte?|Entgelte?|Preise?|Strom|Netznutzung|für|der|die|das|den|nur"
    r"|bei|nach|im|in|gemäß|gem|von|Kunden|mit|Anlagen|§ ?14 ?a|EnWG|Netto|20[0-9]{2}"
)
_BETWEEN: Final = r"(?:[ .,:;/–()-]+|\Z)"
_OTHERS: Final = re.compile(
    rf"\W*(?:(?:{_AROUND}){_BETWEEN})*(?:{_OTHER}){_BETWEEN}(?:(?:{_OTHER}|{_AROUND}){_BETWEEN})*",
    re.IGNORECASE,
)
