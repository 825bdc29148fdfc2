"""What titles, groups of columns and remarks in brackets state of figures: that they are gross, include levies, are others, or preliminary."""

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
# Words about figures that are elsewhere, or are no prices.
_ELSEWHERE: Final = r"siehe|klammer|anhang|anfrage|finden|\bauf (?:Seite|Blatt)\b|\bSpalten?\b|\b(?:ab)?rechnung(?:en|sstellung)?\b"
# A single figure, or a word about others.
_NOT_GROSS: Final = re.compile(
    rf"{_ELSEWHERE}|\bbruttopreise? ?=|\bbrutto:? ?(?!20[0-9]{{2}}\b)[0-9][0-9.,]*+(?! ?%)"
    rf"|\b(?:ohne|nicht|kein\w*) {_BY_LAW}{{0,4}}(?:inkl|incl|einschl|brutto)",
    re.IGNORECASE,
)


def is_gross(text: str) -> bool:
    return bool(_GROSS.search(text) and not NET.search(text) and not _NOT_GROSS.search(text))


def is_preliminary(text: str) -> bool:
    """Whether the operator may still change the figures; not of a final sheet that replaces a preliminary one."""
    return bool(_PRELIMINARY.search(text) and not _FINAL.search(text) and not _OF_OTHER_SHEETS.search(text))


_PRELIMINARY: Final = re.compile(
    r"\bvorläufig|\bvorl\.|\bvoraussichtlich|\bindikativ|\b(?:preliminary|provisional|indicative|draft|Entwurf)\b",
    re.IGNORECASE,
)
_FINAL: Final = re.compile(
    r"\bendgültig|\bfinal\b|\b(?:nicht|kein\w{0,2}|statt|ersetz\w{0,3}|not?)\b", re.IGNORECASE
)
_OF_OTHER_SHEETS: Final = re.compile(_ELSEWHERE, re.IGNORECASE)


def includes_levies(text: str) -> bool:
    """Whether levies, taxes or the concession fee are part of the prices: next to `inkl.`, and not those of what is not part of them."""
    text = text[:_MAX_SENTENCE]
    if _NO_LEVIES.search(text):
        return False
    # If the first of a sentence is of what is not part of the prices, the others are, too.
    return any(
        (match := _WITH_LEVIES.search(sentence)) and not _WITHOUT.search(sentence, 0, match.start())
        for sentence in _END_OF_SENTENCE.split(text)
    )


_MAX_SENTENCE: Final = 1_000


_INCLUDING: Final = r"\b(?:inkl|incl|einschl)\w{0,10}\.?:? ?"
_SOME: Final = r"(?:(?:all|d|sämtlich|gesetzl|staatl|weiter)\w{0,7}\.? ){0,3}"
# A short name of a law alone: not its plants, and not what else it rules.
_ALONE: Final = r"(?=-? *(?:$|[,;.:)\]/+&]|(?:und|sowie|oder)\b))(?![^,;.]{0,30}(?:anlage|einspeis|erzeug))"
_LEVY: Final = (
    r"(?:(?:(?:KWKG?|EEG|Offshore|StromNEV)[ -])?[\w-]{0,30}Umlagen?\b(?! (?:der|von) (?:\w{1,20} )?Kosten)"
    rf"|(?:[\w-]{{0,30}}Abgaben|Konzessionsabgabe|Stromsteuer)\b|§ ?19[^,;]{{0,24}}umlage\b|(?:KWKG?|EEG|Offshore){_ALONE}|KA\b(?!-))"
)
_WITH_LEVIES: Final = re.compile(rf"{_INCLUDING}{_SOME}{_LEVY}", re.IGNORECASE)
_NO_LEVIES: Final = re.compile(rf"{_ELSEWHERE}|abrechnungsentgelt|entfallen", re.IGNORECASE)
# In front of `inkl.`, which is then about what is not part of the prices; unless that is the tax on sales alone: `ohne USt., inkl. Umlagen`.
_WITHOUT: Final = re.compile(
    r"\A\W*(?:(?:die|alle|gesetzliche[nr]?) )*(?:Umlagen|Abgaben|Steuern)\W*\Z|"
    r"\b(?:zzgl|zuzügl|exkl|excl|ohne|kein|weder|nicht|hinzu|dazu|plus)\w*+\.?+,?+\s*+"
    rf"(?!{_BY_LAW}{{0,4}}{_RATE}?{_BY_LAW}{{0,4}}{_TAX}\W*(?:(?:und|aber|jedoch)\s+)?\Z)",
    re.IGNORECASE,
)
# Abbreviations as `zzgl.` and `USt.` do not end it.
_END_OF_SENTENCE: Final = re.compile(r";|(?<![bcdfghkstz]l)(?<!\bges)(?<!St)\.\s+(?=[A-ZÄÖÜ])")


def is_levy(name: str) -> bool:
    """Whether a name without its unit is that of levies and nothing else."""
    return _is_whole(_OF_LEVY, name)


_OF_LEVY: Final = re.compile(_LEVY, re.IGNORECASE)


def changes_price(remark: str) -> bool:
    """Whether a remark in brackets is nothing but a short statement of taxes or levies, in forms that titles have for other reasons, too."""
    return _is_whole(_CHANGES, remark)


_LEVIES: Final = r"(?:Umlagen|Abgaben|Steuern|KA|Konzessionsabgaben?|Stromsteuer)"
_SEVERAL: Final = rf"{_SOME}{_LEVIES}(?:(?:, | und | & ){_SOME}{_LEVIES}){{0,3}}"
_CHANGES: Final = re.compile(
    rf"mit {_BY_LAW}{{0,4}}{_RATE}?{_TAX}\.?|(?:mit|{_INCLUDING}) ?[0-9]{{1,2}} ?(?:%|Prozent)"
    rf"|(?:mit |{_INCLUDING}){_SEVERAL}|{_SEVERAL} (?:sind )?enthalten|incl\w*\.? (?:all )?(?:levies|taxes)(?: and (?:levies|taxes))?",
    re.IGNORECASE,
)


def is_of_other_price(text: str) -> bool:
    """Whether a title or group states nothing but that the prices are those of a module, a use or a system beside the usual ones.

    Each word has to be known: sentences name other prices for many reasons.
    """
    return _is_whole(_OTHERS, text)


def is_of_other_use(remark: str) -> bool:
    """As `is_of_other_price`, for a remark in brackets, which may also be short for one."""
    return _is_whole(_OTHERS_IN_BRACKETS, remark)


def _is_whole(pattern: re.Pattern[str], text: str) -> bool:
    return len(text) <= _MAX_LENGTH and pattern.fullmatch(" ".join(text.split())) is not None


_MAX_LENGTH: Final = 120
_OTHER: Final = (
    r"Modul [23]|Monats(?:leistungs)?preis(?:e|system|en)?|Wärmepumpen?(?:strom)?|(?:Nacht)?Speicherheizung(?:en)?"
    r"|(?:steuerbare|unterbrechbare)[nr]? Verbrauchseinrichtung(?:en)?|(?:Elektro|E-)mobilität|Ladesäulen?"
    r"|Netzreserve(?:kapazität|leistung)?|Reserve(?:netz)?kapazität|Schwachlast(?:zeit)?"
    r"|vermiedene[nr]? Netz(?:nutzungs)?entgelte?n?|(?:Erd)?gas(?:netz(?:e[sn]?)?)?|Fernwärme"
)
_SHORT: Final = r"[HN]T(?! ?/ ?[HN]T)|SteuVE|WP|Nachtspeicher|Nachtstrom|Elektrospeicherheizung(?:en)?"
_AROUND: Final = (
    r"Preisblatt|Blatt|[0-9]{1,2}[a-z]?|Netz(?:nutzungs)?entgelte?|Entgelte?|Preise?|Strom|Netznutzung|für|der|die|das|den|nur"
    r"|bei|nach|im|in|gemäß|gem|von|Kunden|mit|Anlagen|§ ?14 ?a|EnWG|Netto|20[0-9]{2}"
)
_BETWEEN: Final = r"(?:[ .,:;/–()-]+|\Z)"


def _nothing_but(others: str) -> re.Pattern[str]:
    return re.compile(
        rf"\W*(?:(?:{_AROUND}){_BETWEEN})*(?:{others}){_BETWEEN}(?:(?:{others}|{_AROUND}){_BETWEEN})*",
        re.IGNORECASE,
    )


_OTHERS: Final = _nothing_but(_OTHER)
_OTHERS_IN_BRACKETS: Final = _nothing_but(rf"{_OTHER}|{_SHORT}")
