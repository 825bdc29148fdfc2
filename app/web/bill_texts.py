"""What a bill states in English, in both languages of the pages: what is missing for its totals, and its warnings."""

import re
from collections.abc import Callable, Mapping
from re import Match
from typing import Final

from app.web.language import LANGUAGES, Language
from app.web.names import LEVELS, LEVY_KINDS, PRICE_KINDS

# `{}`: the names of positions, which follow the colon of the API's text.
WARNINGS: Final[Mapping[str, tuple[str, str]]] = {
    "IMPOSSIBLE_UTILISATION": (
        "Mehr als 8.784 Benutzungsstunden: Verbrauch oder Höchstlast kann nicht stimmen.",
        "More than 8,784 hours of use: consumption or peak load cannot be right.",
    ),
    "UNUSED_INPUT": (
        "Eine Angabe hat auf diese Rechnung keinen Einfluss.",
        "A value has no effect on this bill.",
    ),
    "MONTHS_ASSUMED": (
        "Die Höchstlast wird in jedem Monat berechnet.",
        "The peak load is charged in each month.",
    ),
    "LOAD_METERING_USUAL": (
        "Über 100.000 kWh im Jahr ist Leistungsmessung üblich (§ 12 Abs. 1 StromNZV).",
        "Above 100,000 kWh a year load metering is usual (§ 12 (1) StromNZV).",
    ),
    "METERING_NOT_INCLUDED": (
        "Der Messstellenbetrieb ist nicht enthalten.",
        "Metering point operation is not included.",
    ),
    "CONCESSION_FEE_NOT_CHARGED": (
        "Die Konzessionsabgabe ist nicht enthalten: Dafür wird die Einwohnerzahl der Gemeinde gebraucht.",
        "The concession fee is not included: it needs the number of inhabitants of the municipality.",
    ),
    "CONCESSION_FEE_HIGHEST": (
        "Die Konzessionsabgabe ist mit dem Höchstsatz von § 2 KAV berechnet; der Vertrag der Gemeinde kann weniger vorsehen.",
        "The concession fee is the highest of § 2 KAV; the contract of the municipality may have less.",
    ),
    "CONCESSION_GROUP_ASSUMED": (
        "Für die Konzessionsabgabe sind mehr als 30 kW in mindestens zwei Monaten angenommen (§ 2 Abs. 7 KAV).",
        "For the concession fee a load above 30 kW in at least two months is assumed (§ 2 (7) KAV).",
    ),
    "LEVY_GROUP_ASSUMED": (
        "Über 1.000.000 kWh ist die Gruppe B' angenommen: Eigenverbrauch, der dem Netzbetreiber gemeldet wurde.",
        "Above 1,000,000 kWh group B' is assumed: own consumption that was reported to the operator.",
    ),
    "REDUCTION_LIMITED": (
        "Die Pauschale von Modul 1 ist höher als die Entgelte, die sie mindert.",
        "The lump sum of module 1 is more than the charges that it reduces.",
    ),
    "PART_OF_YEAR": (
        "Modul 3 begann am 1. April 2025; seine Preise sind für das ganze Jahr berechnet.",
        "Module 3 began on 1 April 2025; its prices are charged for the whole year.",
    ),
    "NO_GRUNDPREIS": (
        "Ein Grundpreis ist nicht bekannt und nicht berechnet.",
        "No base price is known, and none is charged.",
    ),
    "PRELIMINARY_PRICES": (
        "Vorläufig, der Netzbetreiber kann es noch ändern: {}",
        "Preliminary, so the operator may still change it: {}",
    ),
    "DERIVED_PRICES": (
        "Nach einer Regel abgeleitet, nicht veröffentlicht: {}",
        "Derived by a rule, not published: {}",
    ),
    "FLAGGED_FIGURES": ("Beanstandet: {}", "Flagged as being in doubt: {}"),
    "UNVERIFIED_LEVIES": (
        "Ungeprüft, aus Berichten übernommen: {}",
        "Unverified, as quoted in reports: {}",
    ),
    "VAT_CHANGED": (
        "Die Umsatzsteuer änderte sich im Jahr; berechnet ist der Satz vom 31. Dezember.",
        "VAT changed within the year; the rate of 31 December is charged.",
    ),
}


def warning(code: str, message: str, language: Language) -> str:
    """The warning in that language; as the API has it, if its code is new."""
    if code not in WARNINGS:
        return message
    return WARNINGS[code][LANGUAGES.index(language)].format(message.partition(": ")[2])


def missing(sentence: str, language: Language) -> str:
    """What a total needs and is not held; as the API has it, if its kind is new."""
    for pattern, written in _MISSING:
        if found := pattern.fullmatch(sentence):
            return written(found, LANGUAGES.index(language))
    return sentence


def _tariff(found: Match[str], index: int) -> str:
    level = LEVELS[found["level"]][index]
    return (f"Netzentgelte {found['year']}, {level}", f"Grid charges {found['year']}, {level}")[index]


def _price(found: Match[str], index: int) -> str:
    text = f"{PRICE_KINDS[found['kind']][index]} {found['year']}, {LEVELS[found['level']][index]}"
    if (variants := found["variants"]) is None:
        return text
    return f"{text} ({('veröffentlicht nur für', 'published only for')[index]}: {variants})"


def _tariff_price(found: Match[str], index: int) -> str:
    condition = (
        found["condition"]
        if index == 0
        else found["condition"].replace("unter", "below").replace("ab", "from")
    )
    price = (
        found["price"]
        if index == 0
        else {"Leistungspreis": "Capacity price", "Arbeitspreis": "Energy price"}[found["price"]]
    )
    return f"{price} {condition} {found['year']}, {LEVELS[found['level']][index]}"


def _rate(found: Match[str], index: int) -> str:
    kind = LEVY_KINDS[found["kind"]][index]
    return (
        f"{kind}: Satz vom {found['first']} bis {found['last']}",
        f"{kind}: rate from {found['first']} to {found['last']}",
    )[index]


def _quantities(found: Match[str], index: int) -> str:
    kind = LEVY_KINDS[found["kind"]][index]
    return (
        f"{kind}: Der Satz änderte sich am {found['days']}; dafür werden die kWh davor und danach gebraucht",
        f"{kind}: the rate changed on {found['days']}, which needs the kWh before and after",
    )[index]


_OF: Final = r"Not known of (?P<year>\d{4}): "
_DAY: Final = r"[\d-]{10}"
_MISSING: Final[tuple[tuple[re.Pattern[str], Callable[[Match[str], int], str]], ...]] = (
    (re.compile(rf"{_OF}the tariff for (?P<level>\w+)\."), _tariff),
    (
        re.compile(
            rf"{_OF}the price (?P<kind>\w+) for (?P<level>\w+)(?: without a variant; published: (?P<variants>.+))?\."
        ),
        _price,
    ),
    (
        re.compile(
            rf"{_OF}the (?P<price>Leistungspreis|Arbeitspreis) (?P<condition>(?:ab|unter) 2500 h/a) for (?P<level>\w+)\."
        ),
        _tariff_price,
    ),
    (re.compile(rf"{_OF}the rate (?P<kind>\w+).* from (?P<first>{_DAY}) to (?P<last>{_DAY})\."), _rate),
    (
        re.compile(rf"{_OF}the kWh before and after (?P<days>.+), when the rate (?P<kind>\w+) changed.*\."),
        _quantities,
    ),
)
