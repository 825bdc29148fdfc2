"""The usual spellings of the words of files, German and English, and the word that each stands for."""

import re
from collections.abc import Collection, Mapping
from typing import Final

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
    "WINTER": (),
    "SPRING": ("Frühling", "Frühjahr"),
    "SUMMER": ("Sommer",),
    "AUTUMN": ("Herbst", "fall"),
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
    "true": ("ja", "wahr", "yes"),
    "false": ("nein", "falsch", "no"),
}  # fmt: skip

# In place of a number or a time: none is published.
_NOTHING: Final = frozenset(
    {
        "keine",
        "keines",
        "keins",
        "kein",
        "entfällt",
        "entfaellt",
        "k.a.",
        "n/a",
        "none",
        "-",
        "–",
        "—",
        "‐",
        "−",
    }
)


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
    """Whether the cell states, in words or by a dash, that there is no figure."""
    return cell.strip().casefold() in _NOTHING
