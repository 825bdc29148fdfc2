"""What answers about bills are made of, in German and in English; braces are filled in."""

from typing import Final, NamedTuple

from app.domain.consumption import SpecialUse
from app.interpreter.answer_words import GERMAN, Words


class BillWords(NamedTuple):
    consumption: str
    load: str
    monthly: str
    unmetered: str
    module: str
    uses: dict[SpecialUse, str]
    inhabitants: str
    network: str
    levies: str
    gross: str
    gross_unknown: str
    missing: str
    not_included: str
    energy: str
    left_out: dict[str, str]  # by the code of the warning
    hints: dict[str, str]  # likewise; others stand as they are
    assumed: str
    ranked: str
    unknown: str
    counts: str
    low_voltage_only: str
    module_since: str


_GERMAN: Final = BillWords(
    consumption="{} kWh",
    load="{} kWh bei {} kW",
    monthly="Monatspreise",
    unmetered="ohne Leistungsmessung",
    module="Modul {} nach § 14a EnWG",
    uses={
        SpecialUse.WAERMEPUMPE: "Wärmepumpe",
        SpecialUse.SPEICHERHEIZUNG: "Speicherheizung",
        SpecialUse.EMOBILITAET: "Elektromobilität",
        SpecialUse.STRASSENBELEUCHTUNG: "Straßenbeleuchtung",
    },
    inhabitants="Gemeinde mit {} Einwohnern",
    network="Netznutzung {} € im Jahr ({})",
    levies="Umlagen, Abgaben und Stromsteuer {} €, zusammen {} € netto",
    gross="mit {} % Umsatzsteuer {} €",
    gross_unknown="mit Umlagen und Steuern nicht bekannt",
    missing="es fehlt: {}",
    not_included="Nicht enthalten: {}.",
    energy="der Strom selbst",
    left_out={
        "METERING_NOT_INCLUDED": "Messstellenbetrieb",
        "CONCESSION_FEE_NOT_CHARGED": "Konzessionsabgabe",
    },
    hints={
        "PRELIMINARY_PRICES": "mit vorläufigen Preisen",
        "DERIVED_PRICES": "mit abgeleiteten, nicht veröffentlichten Preisen",
        "FLAGGED_FIGURES": "mit angezweifelten Werten",
        "UNVERIFIED_LEVIES": "mit ungeprüften Umlagen",
        "CONCESSION_FEE_HIGHEST": "Konzessionsabgabe als Höchstsatz nach § 2 KAV",
        "CONCESSION_GROUP_ASSUMED": "Konzessionsabgabe wie für Sondervertragskunden",
        "LEVY_GROUP_ASSUMED": "über 1.000.000 kWh mit den Sätzen der Gruppe B'",
        "VAT_CHANGED": "der Satz der Umsatzsteuer änderte sich im Jahr; angesetzt ist der vom 31. Dezember",
        "NO_GRUNDPREIS": "ein Grundpreis ist nicht bekannt und nicht angesetzt",
        "PART_OF_YEAR": "Modul 3 begann am 1. April 2025; angesetzt ist das ganze Jahr",
        "REDUCTION_LIMITED": "die Reduzierung von Modul 1 ist auf das Netzentgelt begrenzt",
        "MONTHS_ASSUMED": "in jedem Monat dieselbe Höchstlast",
        "LOAD_METERING_USUAL": "über 100.000 kWh ist eine Leistungsmessung üblich",
        "IMPOSSIBLE_UTILISATION": "mehr als 8.784 Benutzungsstunden",
    },
    assumed="angenommene {}",
    ranked="Netznutzung im Jahr, netto",
    unknown="die Kosten sind nicht bekannt",
    low_voltage_only="ohne Leistungsmessung gibt es nur Preise der Niederspannung",
    module_since="Modul {} nach § 14a EnWG gibt es seit {}",
    counts="Netzbetreiber mit Rang: {}; nur mit abgeleiteten Preisen: {}; ohne bekannte Preise: {}.",
)
_ENGLISH: Final = BillWords(
    consumption="{} kWh",
    load="{} kWh at {} kW",
    monthly="monthly prices",
    unmetered="without load metering",
    module="module {} of § 14a EnWG",
    uses={
        SpecialUse.WAERMEPUMPE: "heat pump",
        SpecialUse.SPEICHERHEIZUNG: "storage heating",
        SpecialUse.EMOBILITAET: "electric vehicle",
        SpecialUse.STRASSENBELEUCHTUNG: "street lighting",
    },
    inhabitants="municipality of {} inhabitants",
    network="use of the grid €{} a year ({})",
    levies="levies, fees and electricity tax €{}, together €{} net",
    gross="with {} % VAT €{}",
    gross_unknown="with levies and taxes not known",
    missing="missing: {}",
    not_included="Not included: {}.",
    energy="the electricity itself",
    left_out={
        "METERING_NOT_INCLUDED": "metering point operation",
        "CONCESSION_FEE_NOT_CHARGED": "the concession fee",
    },
    hints={
        "PRELIMINARY_PRICES": "with preliminary prices",
        "DERIVED_PRICES": "with prices that are derived and not published",
        "FLAGGED_FIGURES": "with figures in doubt",
        "UNVERIFIED_LEVIES": "with unverified levies",
        "CONCESSION_FEE_HIGHEST": "concession fee at the highest rate of § 2 KAV",
        "CONCESSION_GROUP_ASSUMED": "concession fee as for customers with special contracts",
        "LEVY_GROUP_ASSUMED": "above 1,000,000 kWh at the rates of group B'",
        "VAT_CHANGED": "the rate of VAT changed in the year; that of 31 December is charged",
        "NO_GRUNDPREIS": "no base price is known, and none is charged",
        "PART_OF_YEAR": "module 3 began on 1 April 2025; the whole year is charged",
        "REDUCTION_LIMITED": "the reduction of module 1 is limited to the grid charges",
        "MONTHS_ASSUMED": "the same peak load in each month",
        "LOAD_METERING_USUAL": "above 100,000 kWh load metering is usual",
        "IMPOSSIBLE_UTILISATION": "more than 8,784 hours of use",
    },
    assumed="an assumed {}",
    ranked="use of the grid a year, net",
    unknown="the cost is not known",
    low_voltage_only="without load metering there are prices of low voltage only",
    module_since="module {} of § 14a EnWG exists since {}",
    counts="Grid operators with a rank: {}; with derived prices only: {}; without known prices: {}.",
)


def bill_words_of(words: Words) -> BillWords:
    return _GERMAN if words is GERMAN else _ENGLISH
