"""The usual names of the columns of files, German and English, and the column that each stands for."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

from app.importers.spellings import folded

# Stands for the columns `start` and `end`.
WINDOW: Final = "window"

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "dno_slug": (
        "Netzbetreiber", "Verteilnetzbetreiber", "VNB", "VNB Name", "Betreiber", "Name des Netzbetreibers", "DNO",
        "operator", "grid operator", "network operator", "slug", "Name", "MaStR-Nr", "MaStR-Nummer", "BDEW-Code",
        "BDEW-Codenummer", "VNB-ID", "VNB-Code",
    ),
    "year": ("Jahr", "Kalenderjahr", "gültig im Jahr"),
    "voltage_level": ("Spannungsebene", "Netzebene", "Netz- oder Umspannebene", "Entnahmeebene", "Ebene", "level"),
    "leistung": (
        "Leistungspreis ab 2500 h", "Leistungspreis ab 2500", "Leistungspreis >= 2500 h/a", "Leistungspreis ≥ 2500 h/a",
        "Leistungspreis ab 2.500 h/a", "Leistungspreis über 2500 h", "LP ab 2500 h", "capacity price",
    ),
    "arbeit": (
        "Arbeitspreis ab 2500 h", "Arbeitspreis ab 2500", "Arbeitspreis >= 2500 h/a", "Arbeitspreis ≥ 2500 h/a",
        "Arbeitspreis ab 2.500 h/a", "Arbeitspreis über 2500 h", "AP ab 2500 h", "energy price",
    ),
    "leistung_unter_2500h": (
        "Leistungspreis unter 2500 h", "Leistungspreis unter 2500", "Leistungspreis < 2500 h/a", "Leistungspreis bis 2500 h",
        "LP unter 2500 h", "capacity price below 2500 h",
    ),
    "arbeit_unter_2500h": (
        "Arbeitspreis unter 2500 h", "Arbeitspreis unter 2500", "Arbeitspreis < 2500 h/a", "Arbeitspreis bis 2500 h",
        "AP unter 2500 h", "energy price below 2500 h",
    ),
    "season": ("Jahreszeit", "Saison"),
    "start": ("von", "Beginn", "Uhrzeit von", "Anfang", "from", "begin"),
    "end": ("bis", "Ende", "Uhrzeit bis", "to", "until"),
    WINDOW: ("Zeitfenster", "Fenster", "Hochlastzeitfenster", "von-bis", "Uhrzeit", "Zeitraum", "windows", "time window"),
    "verification_status": ("Prüfstatus", "Status", "Verifizierung"),
    "source_url": ("Quelle", "URL", "Link", "source", "Quelle URL"),
    "source_title": ("Titel", "Titel der Quelle", "Quellentitel", "title"),
    "publication": ("Stand", "Veröffentlichung", "vorläufig/endgültig"),
    "band": ("Tarifstufe", "Tarif", "Stufe"),
    "quarter": ("Quartal",),
    "module": ("Modul",),
    "price_ct_per_kwh": ("Preis", "Arbeitspreis", "price"),
    "kind": ("Preisart", "Art", "Umlage"),
    "variant": ("Variante",),
    "amount": ("Preis", "Betrag", "price"),
    "value": ("Wert", "Satz", "Betrag"),
    "unit": ("Einheit",),
    "valid_from": ("gültig ab", "gültig von"),
    "valid_to": ("gültig bis",),
    "customer_group": ("Kundengruppe", "Letztverbrauchergruppe"),
    "postal_code": ("PLZ", "Postleitzahl", "zip", "zip code", "postcode"),
    "municipality": ("Ort", "Gemeinde", "Stadt", "city"),
    "city": ("Ort", "Sitz", "Stadt"),
    "locations": ("Anzahl", "Lokationen"),
    "region": ("Bundesland", "federal state"),
    "name": ("Kurzname",),
    "official_name": ("Firma", "Firmenname"),
    "mastr_nr": ("MaStR-Nummer",),
    "bdew_code": ("BDEW-Codenummer",),
    "website": ("Internetseite", "Homepage"),
}  # fmt: skip

# What a unit in a column's name must be; others, such as EUR/MWh, would be read as a wrong price.
_UNITS: Final[Mapping[str, frozenset[str]]] = {
    "leistung": frozenset({"eurkwa", "eurkw", "eurkwjahr", "eurprokwundjahr", "€kwa", "€kw", "€kwjahr"}),
    "arbeit": frozenset({"ctkwh", "centkwh"}),
    "price_ct_per_kwh": frozenset({"ctkwh", "centkwh"}),
}
_BRACKETS: Final = re.compile(
    r"[(\[]([^)\]]*)[)\]]|\s+in\s+(\S+)\s*$|\s+((?:€|EUR|ct|Cent)/\S+)\s*$", re.IGNORECASE
)


@lru_cache(maxsize=1)
def _columns() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for column, names in _NAMES.items():
        for name in (column, *names):
            found.setdefault(_key(name), []).append(column)
    return {name: tuple(dict.fromkeys(columns)) for name, columns in found.items()}


def column_of(name: str, known: Collection[str]) -> str | None:
    """The known column that a name stands for. A column's own name takes precedence over usual ones."""
    if name in known:
        return name
    if len(name) > _MAX_LENGTH:
        return None
    plain, unit = _BRACKETS.sub("", name), _unit(name)
    own = {_key(column): column for column in known}
    for key in (_key(name), _key(plain)):
        candidates = [own[key]] if key in own else [each for each in _columns().get(key, ()) if each in known]
        if WINDOW in _columns().get(key, ()) and {"start", "end"}.issubset(known):
            candidates.append(WINDOW)
        if candidates and _fits(candidates[0], unit):
            return candidates[0]
    return None


_MAX_LENGTH: Final = 200


def unclear(name: str, known: Collection[str]) -> Sequence[str]:
    """Columns between which a name leaves the choice: a price of which the hours of use are not stated."""
    key = _key(_BRACKETS.sub("", name)) if len(name) <= _MAX_LENGTH else ""
    return [column for column in _UNCLEAR.get(key, ()) if column in known]


_UNCLEAR: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("leistungspreis", "lp"), ("leistung", "leistung_unter_2500h")),
    **dict.fromkeys(("arbeitspreis", "ap"), ("arbeit", "arbeit_unter_2500h")),
}


def _fits(column: str, unit: str) -> bool:
    units = _UNITS.get(column.removesuffix("_unter_2500h"))
    return units is None or not unit or unit in units


def _unit(name: str) -> str:
    """Of the brackets that hold one, not those that hold a remark."""
    for match in _BRACKETS.finditer(name):
        text = next(filter(None, match.groups()), "")
        if "/" in text or re.search(r"€|EUR|ct|cent|brutto", text, re.IGNORECASE):
            return re.sub(r"[\s/().·*_-]|\d", "", text.casefold())
    return ""


def _key(name: str) -> str:
    """A comparison is part of the name: prices below and above a limit have different columns."""
    return folded(name.replace("<", "unter").replace(">=", "ab").replace("≥", "ab").replace("2.500", "2500"))
