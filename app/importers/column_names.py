"""The usual names of the columns of files, German and English, and the column that each stands for."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final

from app.domain.folding import compose
from app.importers.price_names import price_column
from app.importers.remarks import changes_price, includes_levies, is_gross, is_levy, is_of_other_use
from app.importers.spellings import folded
from app.importers.units import PRICE_IN_TEXT, Unit, fits, unit_of, unit_of_column

# Stands for the columns `start` and `end`.
WINDOW: Final = "window"

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "dno_slug": (
        "Betreibername", "Name des Betreibers", "Name des VNB", "DSO", "DSO name", "DNO name", "Netzbetreibername",
        "distribution system operator",
        "Netzbetreiber", "Verteilnetzbetreiber", "VNB", "VNB Name", "Betreiber", "Name des Netzbetreibers", "DNO",
        "operator", "grid operator", "network operator", "slug", "Name", "MaStR-Nr", "MaStR-Nummer", "BDEW-Code",
        "BDEW-Codenummer", "VNB-ID", "VNB-Code", "Verteilernetzbetreiber", "operator name", "BDEW-Nr", "BDEW-Nummer",
        "Marktstammdatenregister-Nummer", "Marktpartner-ID",
    ),
    "year": (
        "Preisjahr", "Bezugsjahr", "Gültigkeitsjahr", "Geltungsjahr", "Jahr der Gültigkeit", "year of validity",
        "Jahr", "Kalenderjahr", "gültig im Jahr", "Lieferjahr", "Abrechnungsjahr", "Entgeltjahr",
    ),
    "voltage_level": (
        "Spannungs-/Umspannebene", "Spannungsebene/Umspannebene", "Netz-/Umspannebene", "Netzebene/Umspannebene",
        "Spannungs- oder Umspannebene", "Spannungsebene/Netzebene", "Netzebene/Spannungsebene",
        "Netz-/Spannungsebene", "Spannung", "grid level", "network level", "Spannungsebene", "Netzebene",
        "Netz- oder Umspannebene", "Entnahmeebene", "Ebene", "level",
        "Netz- oder Umspannungsebene", "Spannungsebene/Umspannung", "Anschlussebene", "Netzanschlussebene",
        "Entnahmespannungsebene", "Entnahmenetzebene", "Entnahmestelle in", "Entnahme in", "Entnahme aus",
        "Netz- bzw. Umspannebene", "Spannungs- bzw. Umspannebene", "Spannungs- und Umspannebene", "Netz- und Umspannebene",
    ),
    "leistung": (
        "Leistungspreis ab 2500 h", "Leistungspreis ab 2500", "Leistungspreis >= 2500 h/a", "Leistungspreis ≥ 2500 h/a",
        "Leistungspreis ab 2.500 h/a", "Leistungspreis über 2500 h", "LP ab 2500 h",
    ),
    "arbeit": (
        "Arbeitspreis ab 2500 h", "Arbeitspreis ab 2500", "Arbeitspreis >= 2500 h/a", "Arbeitspreis ≥ 2500 h/a",
        "Arbeitspreis ab 2.500 h/a", "Arbeitspreis über 2500 h", "AP ab 2500 h",
    ),
    "leistung_unter_2500h": (
        "Leistungspreis unter 2500 h", "Leistungspreis unter 2500", "Leistungspreis < 2500 h/a", "Leistungspreis bis 2500 h",
        "LP unter 2500 h", "capacity price below 2500 h",
    ),
    "arbeit_unter_2500h": (
        "Arbeitspreis unter 2500 h", "Arbeitspreis unter 2500", "Arbeitspreis < 2500 h/a", "Arbeitspreis bis 2500 h",
        "AP unter 2500 h", "energy price below 2500 h",
    ),
    "season": ("Jahreszeiten", "Saison/Jahreszeit", "Jahreszeit/Saison", "Jahreszeit", "Saison"),
    "start": (
        "Zeit von", "Startzeit", "HLZF von", "Zeitfenster von", "Hochlastzeit von", "Beginn Zeitfenster",
        "start time", "Start", "von", "Beginn", "Uhrzeit von", "Anfang", "from", "begin",
    ),
    "end": (
        "Zeit bis", "Endzeit", "HLZF bis", "Zeitfenster bis", "Hochlastzeit bis", "Ende Zeitfenster", "end time",
        "bis", "Ende", "Uhrzeit bis", "to", "until",
    ),
    WINDOW: (
        "Hochlastzeit", "Hochlastzeiten", "HLZF", "Zeitfenster von bis", "Zeitfenster", "Fenster",
        "Hochlastzeitfenster", "von-bis", "Uhrzeit", "Zeitraum", "windows", "time window",
    ),
    "verification_status": ("Verifizierungsstatus", "verification", "Prüfstatus", "Status", "Verifizierung"),
    "source_url": (
        "Link zur Quelle", "Quellen-URL", "Quellenlink", "Quelle Link", "URL der Quelle", "source link",
        "Webseite", "Quelle", "URL", "Link", "source", "Quelle URL",
        "Quell-URL", "Preisblatt-URL", "Fundstelle",
    ),
    "source_title": (
        "Quelle Titel", "Dokument", "Dokumenttitel", "Titel des Dokuments", "source name", "Titel",
        "Titel der Quelle", "Quellentitel", "title",
    ),
    "publication": ("Stand", "Veröffentlichung", "vorläufig/endgültig"),
    "band": ("Tarifstufe", "Tarif", "Stufe"),
    "quarter": ("Quartal",),
    "module": ("Modul",),
    "price_ct_per_kwh": ("Preis", "Arbeitspreis", "price"),
    "kind": ("Preisart", "Art", "Umlage"),
    "levy": ("Umlage", "Abgabe", "Steuer", "Umlage oder Steuer"),
    "variant": ("Variante",),
    "amount": ("Preis", "Betrag", "price"),
    "value": ("Wert", "Satz", "Betrag"),
    "unit": ("Einheit",),
    "valid_from": ("gültig ab", "gültig von", "ab", "valid from"),
    "valid_to": ("gültig bis", "valid to", "valid until"),
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
    "website": ("Internetseite", "Homepage", "Webseite"),
    "grundpreis_eur_per_year": ("Grundpreis", "SLP Grundpreis"),
    "arbeitspreis_ct_per_kwh": ("Arbeitspreis", "SLP Arbeitspreis"),
    "module1_eur_per_year": ("Modul 1", "Pauschale Modul 1", "Modul 1 Pauschale"),
    "module2_ct_per_kwh": ("Modul 2", "Arbeitspreis Modul 2", "Modul 2 Arbeitspreis"),
    "module2_grundpreis_eur_per_year": ("Grundpreis Modul 2", "Modul 2 Grundpreis"),
    "acer_code": ("ACER-Code", ),
    "vnb_id": ("VNB-ID",),
    "closed_network": ("geschlossenes Verteilernetz", "geschlossenes Netz"),
    "transmission": ("Übertragungsnetzbetreiber", "ÜNB"),
    "date": ("Datum", "Tag"),
    "subject": ("Thema", "Gegenstand"),
    "rule": ("Regel", "Regelung", "Wortlaut"),
}  # fmt: skip

# A unit or a remark in brackets, or a unit at the end.
_BRACKETS: Final = re.compile(r"[(\[]((?:[^()\[\]]|[(\[][^()\[\]]{0,40}[)\]]){0,80})[)\]]?")
_AT_END: Final = re.compile(
    r"[\s,;:]+(?:in\s+)?((?:€|(?:EUR|Euro|ct|Cents?)\b).*)$|[\s,;:]+in\s+(\S+)\s*$", re.IGNORECASE | re.DOTALL
)
_PRICED: Final = re.compile(r"€|EUR|\bct|cent|brutto|gross", re.IGNORECASE)
_OTHER: Final = ("another",)  # a unit that is none of those that are known


@lru_cache(maxsize=1)
def _columns() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for column, names in _NAMES.items():
        for name in (column, *names):
            found.setdefault(_key(name), []).append(column)
    return {name: tuple(dict.fromkeys(columns)) for name, columns in found.items()}


def column_of(name: str, known: tuple[str, ...]) -> str | None:
    """The known column that a name stands for. A column's own name takes precedence over usual ones."""
    if name in known:
        return name
    return _column_of(name, known) if len(name) <= _MAX_LENGTH else None


@lru_cache(maxsize=5_000)
def _column_of(name: str, known: tuple[str, ...]) -> str | None:
    name = compose(name).replace("_", " ")
    plain, unit = split_unit(name)
    own = {_key(column): column for column in known}
    price = price_column(_without_units(name))
    if price in known:  # before the name without brackets, which may have the hours of use
        return price if _fits(price, unit) else None
    net = _NET.sub(" ", plain)  # of a price beside a gross one
    for key in dict.fromkeys(map(_key, [name, plain, net])):
        candidates = [own[key]] if key in own else [each for each in _columns().get(key, ()) if each in known]
        if WINDOW in _columns().get(key, ()) and {"start", "end"}.issubset(known):
            candidates.append(WINDOW)
        if candidates:
            is_figure = candidates[0] in ("amount", "value") or unit_of_column(candidates[0]) is not None
            if key not in (_key(name), _key(plain)) and not is_figure:
                return None
            is_other = is_figure and has_changing_remark(candidates[0], name)
            return candidates[0] if _fits(candidates[0], unit) and not is_other else None
    return None


# Of which a sheet has others, too, for modules, uses and systems that remarks name.
USUAL_PRICES: Final = frozenset(
    ["leistung", "arbeit", "leistung_unter_2500h", "arbeit_unter_2500h", "grundpreis_eur_per_year", "arbeitspreis_ct_per_kwh"]
)  # fmt: skip


def has_changing_remark(column: str, name: str) -> bool:
    """Whether a remark in brackets states that the figures are not those of the column: last year's, gross, with levies, or others."""
    remarks = [match[1] for match in _BRACKETS.finditer(name)]
    return any(
        is_of_last_year(remark)
        or is_gross(remark)
        or includes_levies(remark)
        or changes_price(remark)
        or (column in USUAL_PRICES and is_of_other_use(remark))
        for remark in remarks
    )


def is_of_last_year(remark: str) -> bool:
    return _LAST_YEAR.fullmatch(remark.strip("[]() ")) is not None


_LAST_YEAR: Final = re.compile(
    r"(?:(?:preise?|werte?|entgelte?|stand) )?(?:(?:des|im|vom) )?"
    r"(?:vorjahr(?:e?s)?|vorj\.?|VJ|letzte[sn] jahr(?:es)?|previous year|last year)(?: 20[0-9]{2})?"
    r"|vorjahres(?:preise?|werte?|entgelte?)|bisher(?:ige[rs]?(?: preise?)?)?",
    re.IGNORECASE,
)


def column_of_other_unit(name: str, known: tuple[str, ...]) -> str | None:
    """The column of which the name has another unit."""
    plain, unit = _apart(name)
    column = column_of(plain, known) if unit is not None else None
    return None if column is None or _fits(column, unit) else column


def column_of_other_price(name: str, known: tuple[str, ...]) -> str | None:
    """The column of which a remark in brackets states other prices."""
    column = column_of(_apart(name)[0], known)
    return column if column is not None and has_changing_remark(column, name) else None


def is_column_of_levies(name: str) -> bool:
    return is_levy(_apart(name)[0])


def _apart(name: str) -> tuple[str, Unit | None]:
    """A name as a file has it, and its unit; the whole of one that is too long for a column."""
    return split_unit(compose(name).replace("_", " ")) if len(name) <= _MAX_LENGTH else (name, None)


_MAX_LENGTH: Final = 200


def unclear(name: str, known: Collection[str]) -> Sequence[str]:
    """Columns between which a name leaves the choice: a price of which the hours of use are not stated."""
    if len(name) > _MAX_LENGTH:
        return ()
    name = compose(name).replace("_", " ")
    _, unit = split_unit(name)
    key = _key(_NET.sub(" ", _without_units(name)))
    return [column for column in _UNCLEAR.get(key, ()) if column in known and _fits(column, unit)]


_NET: Final = re.compile(r"\b(?:netto|net)\b", re.IGNORECASE)
_UNCLEAR: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("leistungspreis", "lp", "capacityprice"), ("leistung", "leistung_unter_2500h")),
    **dict.fromkeys(("arbeitspreis", "ap", "energyprice"), ("arbeit", "arbeit_unter_2500h")),
}


def _fits(column: str, unit: Unit | None) -> bool:
    expected = unit_of_column(column)
    return unit is None or expected is None or fits(unit, expected)


def _without_units(name: str) -> str:
    """What is in other brackets stays: hours of use."""
    name, _ = _split_end(_split_middle(name)[0])
    text = _BRACKETS.sub(lambda match: " " if _is_unit(match[1]) else f" {match[1]} ", name)
    return _split_end(text)[0]


def _split_end(name: str) -> tuple[str, list[str]]:
    """The name without the unit behind it, which may have brackets of its own: €/(kW·a)."""
    match = _AT_END.search(name)
    text = (match[1] or match[2]) if match else ""
    return (name[: match.start()], [text]) if match and unit_of(text) is not None else (name, [])


def _split_middle(name: str) -> tuple[str, list[str]]:
    """The name without a unit in front of the hours of use, outside of brackets: `Leistungspreis in €/kW und Jahr < 2.500 h`."""
    name = " ".join(name.split())  # names may have line breaks and no-break blanks
    match = PRICE_IN_TEXT.search(name)
    if match is None or not _HOURS.search(name, match.end()):
        return name, []
    before, text, after = name[: match.start()], match[0], name[match.end() :]
    if any(before.count(first) > before.count(last) for first, last in ("()", "[]")):
        return name, []
    if text.count("(") > text.count(")"):
        after = after.lstrip().removeprefix(")")
    if unit_of(text) is None or after[:1].strip(" <>=≥≤,;:"):
        return name, []
    return f"{_IN.sub('', before)} {after}", [text]


_HOURS: Final = re.compile(r"2[.,\s]?500(?![0-9])")
_IN: Final = re.compile(r"\s+in\s+$", re.IGNORECASE)


def _is_unit(text: str) -> bool:
    return unit_of(text) is not None or bool(_PRICED.search(text))


@lru_cache(maxsize=1_000)
def split_unit(name: str) -> tuple[str, Unit | None]:
    """The name without brackets and without a unit, and the unit; None: there is none."""
    name, texts = _split_middle(name)
    name, last = _split_end(name)
    texts += last
    texts += [match[1] for match in _BRACKETS.finditer(name)]
    plain, last = _split_end(_BRACKETS.sub(" ", name))
    texts += last
    units = [unit for text in texts if (unit := unit_of(text) or (_OTHER if _PRICED.search(text) else None))]
    return plain.strip(), units[0] if len(set(units)) == 1 else (_OTHER if units else None)


def _key(name: str) -> str:
    """A comparison is part of the name: prices below and above a limit have different columns."""
    return folded(name.replace("<", "unter").replace(">=", "ab").replace("≥", "ab").replace("2.500", "2500"))
