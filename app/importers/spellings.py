"""The usual spellings of the words of files, German and English, and the word that each stands for."""

import re
from collections.abc import Collection, Mapping
from typing import Final


def _season(name: str, *months: tuple[str, str]) -> tuple[str, ...]:
    """With the months that it has here; other months in a name would be another season."""
    return (
        name,
        *(f"{name} {first} {joined} {last}" for first, last in months for joined in ("", "bis", "to")),
    )


_PARAGRAF_19: Final = ("§ 19 StromNEV", "§ 19 StromNEV-Umlage", "§ 19-Umlage", "StromNEV-Umlage")
_VAT: Final = ("Umsatzsteuer", "Mehrwertsteuer", "MwSt.", "USt.", "value added tax")
_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "HOES": ("Höchstspannung", "HöS", "HÖSP", "NE 1", "Netzebene 1", "extra-high voltage", "EHV"),
    "HOES_HS": (
        "HöS/HS", "Höchstspannung/Hochspannung", "Höchst-/Hochspannung", "Umspannung HöS/HS",
        "Umspannung Höchst-/Hochspannung", "Umspannung Höchstspannung/Hochspannung", "NE 2", "Netzebene 2",
    ),
    "HS": ("Hochspannung", "HSP", "NE 3", "Netzebene 3", "high voltage", "HV"),
    "HS_MS": (
        "HS/MS", "Hochspannung/Mittelspannung", "Hoch-/Mittelspannung", "Umspannung HS/MS",
        "Umspannung Hoch-/Mittelspannung", "Umspannung Hochspannung/Mittelspannung", "NE 4", "Netzebene 4",
    ),
    "MS": ("Mittelspannung", "MSP", "NE 5", "Netzebene 5", "medium voltage", "MV"),
    "MS_NS": (
        "MS/NS", "Mittelspannung/Niederspannung", "Mittel-/Niederspannung", "Umspannung MS/NS",
        "Umspannung Mittel-/Niederspannung", "Umspannung Mittelspannung/Niederspannung", "NE 6", "Netzebene 6",
    ),
    "NS": ("Niederspannung", "NSP", "NE 7", "Netzebene 7", "low voltage", "LV"),
    "WINTER": _season("Winter", ("Dez", "Feb"), ("Dezember", "Februar"), ("December", "February")),
    "SPRING": _season("Spring", ("Mar", "May"), ("March", "May"))
    + _season("Frühling", ("Mrz", "Mai"), ("Mär", "Mai"), ("März", "Mai"), ("March", "May"))
    + _season("Frühjahr", ("Mrz", "Mai"), ("Mär", "Mai"), ("März", "Mai"))
    + ("Frühj.",),
    "SUMMER": _season("Summer", ("Jun", "Aug"), ("June", "August"))
    + _season("Sommer", ("Jun", "Aug"), ("Juni", "August"), ("June", "August")),
    "AUTUMN": _season("Autumn", ("Sep", "Nov"), ("September", "November"))
    + _season("Herbst", ("Sep", "Nov"), ("Sept", "Nov"), ("September", "November")) + ("fall",),
    "PRELIMINARY": ("vorläufig", "provisional"),
    "FINAL": ("endgültig", "final"),
    "verified": ("geprüft", "verifiziert"),
    "unverified": ("ungeprüft", "nicht geprüft", "unverifiziert"),
    "flagged": ("markiert",),
    "HT": ("Hochtarif", "Hochlasttarif", "Hochlasttarifstufe", "Hochtarifstufe"),
    "ST": ("Standardtarif", "Standardtarifstufe"),
    "NT": ("Niedertarif", "Niedriglasttarif", "Niedriglasttarifstufe", "Niedertarifstufe"),
    "1": ("Q1", "1. Quartal", "Quartal 1"),
    "2": ("Q2", "2. Quartal", "Quartal 2"),
    "3": ("Q3", "3. Quartal", "Quartal 3", "Modul 3"),
    "4": ("Q4", "4. Quartal", "Quartal 4"),
    "KWKG": ("KWKG-Umlage", "KWK-Umlage", "KWK"),
    "OFFSHORE": ("Offshore-Netzumlage", "Offshore-Umlage", "Offshore-Haftungsumlage"),
    "STROMNEV_19": _PARAGRAF_19,
    "PARAGRAF_19_STROM_NEV": _PARAGRAF_19,
    "ABLAV": ("AbLaV-Umlage", "Umlage für abschaltbare Lasten"),
    "EEG": ("EEG-Umlage",),
    "KONZESSIONSABGABE": ("KA",),
    "VAT": _VAT,
    "UMSATZSTEUER": _VAT,
    "true": ("ja", "wahr", "yes"),
    "false": ("nein", "falsch", "no"),
}  # fmt: skip

# In place of a number or a time: none is published. Folded.
_NOTHING: Final = frozenset(
    [
        "keine",
        "keines",
        "keins",
        "kein",
        "keiner",
        "entfaellt",
        "entf",
        "ka",
        "na",
        "nv",
        "none",
        "ohne",
        "nichtvorhanden",
        "nichtveroeffentlicht",
        "nichtzutreffend",
        "keineangabe",
        "keineangaben",
        "keinehochlastzeit",
        "keinehochlastzeiten",
        "keinhochlastzeitfenster",
        "keinehochlastzeitfenster",
        "keinhlzf",
        "keinehlzf",
        "keinzeitfenster",
        "keinezeitfenster",
        "keinfenster",
        "keinefenster",
        "notpublished",
        "nowindow",
        "nowindows",
        "notapplicable",
        "nichtbelegt",
    ]
)
# Of these, words that do not state that there is none, or may not. Folded.
_UNKNOWN: Final = frozenset(
    ["ka", "na", "nv", "keineangabe", "keineangaben", "nichtveroeffentlicht", "notpublished"]
)
_DASHES: Final = re.compile(r"[-–—‐‑−_]{1,5}|\./\.|/")


def spellings_of(allowed: Collection[str]) -> dict[str, str]:
    """The allowed word of each folded spelling. A spelling of two allowed words is left out."""
    found: dict[str, str] = {}
    ambiguous: set[str] = set()
    for word in allowed:
        for spelling in dict.fromkeys(map(folded, (word, *_SPELLINGS.get(word, ())))):
            if spelling in found:
                ambiguous.add(spelling)
            found[spelling] = word
    return {spelling: word for spelling, word in found.items() if spelling and spelling not in ambiguous}


def folded(text: str) -> str:
    """Letters and digits only, in lower case, umlauts as two letters."""
    plain = text.casefold().translate(_UMLAUTS)
    return re.sub(r"[\W_]+", "", plain)


_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "\u0308": "e"})


def is_nothing(cell: str) -> bool:
    """Whether the cell states, in words or by a dash, that there is no figure; a spreadsheet's error (#NV) does not."""
    text = cell.strip()
    return (
        len(text) <= _MAX_NOTHING
        and not text.startswith("#")
        and (bool(_DASHES.fullmatch(text)) or folded(text) in _NOTHING)
    )


def is_unknown(cell: str) -> bool:
    """Whether the cell states that a figure is not known or published, rather than that there is none."""
    return is_nothing(cell) and folded(cell) in _UNKNOWN


_MAX_NOTHING: Final = 40
