"""What answers about the positions of a price sheet are made of, in German and in English; braces are filled in."""

from typing import Final, NamedTuple

from app.domain.derived_prices import MODULE_1_RULE, MODULE_2_RULE, STANDARD_PRICE_RULE
from app.domain.price import PriceKind, PriceUnit
from app.interpreter.answer_words import GERMAN, Words

_K, _U = PriceKind, PriceUnit


class PriceWords(NamedTuple):
    kinds: dict[PriceKind, str]
    units: dict[PriceUnit, str]  # with a brace for the number
    derived: str
    rules: dict[str, str]  # by which prices are derived
    not_known: str
    net: str


_GERMAN: Final = PriceWords(
    kinds={
        _K.SLP_GRUNDPREIS: "Grundpreis ohne Leistungsmessung",
        _K.SLP_ARBEITSPREIS: "Arbeitspreis ohne Leistungsmessung",
        _K.MONATSLEISTUNGSPREIS: "Monatsleistungspreis",
        _K.MONATS_ARBEITSPREIS: "Arbeitspreis im Monatsleistungspreissystem",
        _K.MODUL_1: "Modul 1 nach § 14a EnWG (pauschale Reduzierung)",
        _K.MODUL_2_ARBEITSPREIS: "Arbeitspreis Modul 2 nach § 14a EnWG",
        _K.MODUL_2_GRUNDPREIS: "Grundpreis Modul 2 nach § 14a EnWG",
        _K.SPEICHERHEIZUNG_ARBEITSPREIS: "Arbeitspreis Speicherheizung (Verträge vor 2024)",
        _K.SPEICHERHEIZUNG_GRUNDPREIS: "Grundpreis Speicherheizung (Verträge vor 2024)",
        _K.WAERMEPUMPE_ARBEITSPREIS: "Arbeitspreis Wärmepumpe (Verträge vor 2024)",
        _K.WAERMEPUMPE_GRUNDPREIS: "Grundpreis Wärmepumpe (Verträge vor 2024)",
        _K.EMOBILITAET_ARBEITSPREIS: "Arbeitspreis Elektromobilität (Verträge vor 2024)",
        _K.EMOBILITAET_GRUNDPREIS: "Grundpreis Elektromobilität (Verträge vor 2024)",
        _K.STRASSENBELEUCHTUNG_ARBEITSPREIS: "Arbeitspreis Straßenbeleuchtung",
        _K.RESERVE_200H: "Netzreservekapazität bis 200 h",
        _K.RESERVE_400H: "Netzreservekapazität 200 bis 400 h",
        _K.RESERVE_600H: "Netzreservekapazität 400 bis 600 h",
        _K.BLINDARBEIT: "Blindarbeit",
        _K.MESSSTELLENBETRIEB: "Messstellenbetrieb",
        _K.MESSSTELLENBETRIEB_ZUSATZ: "Zusatzgeräte im Messstellenbetrieb",
        _K.MESSUNG: "Messung",
        _K.SPERRUNG: "Sperrung",
        _K.ENTSPERRUNG: "Entsperrung",
        _K.VERMIEDENE_NETZENTGELTE_LEISTUNG: "vermiedene Netzentgelte, Leistung",
        _K.VERMIEDENE_NETZENTGELTE_ARBEIT: "vermiedene Netzentgelte, Arbeit",
    },
    units={
        _U.EUR_PER_YEAR: "{} €/a",
        _U.EUR_PER_MONTH: "{} €/Monat",
        _U.EUR_PER_KW_YEAR: "{} €/kW·a",
        _U.EUR_PER_KW_MONTH: "{} €/kW·Monat",
        _U.CT_PER_KWH: "{} ct/kWh",
        _U.CT_PER_KVARH: "{} ct/kvarh",
        _U.EUR_PER_ORDER: "{} € je Auftrag",
    },
    derived="nicht veröffentlicht, sondern abgeleitet: {}",
    rules={
        STANDARD_PRICE_RULE: "Arbeitspreis ohne Leistungsmessung = ST-Preis von Modul 3",
        MODULE_1_RULE: "Modul 1 = 67,227 € + 7,5 × Arbeitspreis ohne Leistungsmessung in ct/kWh",
        MODULE_2_RULE: "Modul 2 = 40 % des Arbeitspreises ohne Leistungsmessung",
    },
    not_known="nicht bekannt: {}",
    net="netto",
)
_ENGLISH: Final = PriceWords(
    kinds={
        _K.SLP_GRUNDPREIS: "base price without load metering",
        _K.SLP_ARBEITSPREIS: "energy price without load metering",
        _K.MONATSLEISTUNGSPREIS: "monthly capacity price",
        _K.MONATS_ARBEITSPREIS: "energy price of the monthly system",
        _K.MODUL_1: "module 1 of § 14a EnWG (lump-sum reduction)",
        _K.MODUL_2_ARBEITSPREIS: "energy price of module 2 of § 14a EnWG",
        _K.MODUL_2_GRUNDPREIS: "base price of module 2 of § 14a EnWG",
        _K.SPEICHERHEIZUNG_ARBEITSPREIS: "energy price for storage heating (contracts made before 2024)",
        _K.SPEICHERHEIZUNG_GRUNDPREIS: "base price for storage heating (contracts made before 2024)",
        _K.WAERMEPUMPE_ARBEITSPREIS: "energy price for heat pumps (contracts made before 2024)",
        _K.WAERMEPUMPE_GRUNDPREIS: "base price for heat pumps (contracts made before 2024)",
        _K.EMOBILITAET_ARBEITSPREIS: "energy price for electric vehicles (contracts made before 2024)",
        _K.EMOBILITAET_GRUNDPREIS: "base price for electric vehicles (contracts made before 2024)",
        _K.STRASSENBELEUCHTUNG_ARBEITSPREIS: "energy price for street lighting",
        _K.RESERVE_200H: "reserve capacity up to 200 h",
        _K.RESERVE_400H: "reserve capacity 200 to 400 h",
        _K.RESERVE_600H: "reserve capacity 400 to 600 h",
        _K.BLINDARBEIT: "reactive energy",
        _K.MESSSTELLENBETRIEB: "metering point operation",
        _K.MESSSTELLENBETRIEB_ZUSATZ: "additional metering devices",
        _K.MESSUNG: "measurement",
        _K.SPERRUNG: "disconnection",
        _K.ENTSPERRUNG: "reconnection",
        _K.VERMIEDENE_NETZENTGELTE_LEISTUNG: "avoided grid charges, capacity",
        _K.VERMIEDENE_NETZENTGELTE_ARBEIT: "avoided grid charges, energy",
    },
    units={
        _U.EUR_PER_YEAR: "€{} per year",
        _U.EUR_PER_MONTH: "€{} per month",
        _U.EUR_PER_KW_YEAR: "€{} per kW and year",
        _U.EUR_PER_KW_MONTH: "€{} per kW and month",
        _U.CT_PER_KWH: "{} ct/kWh",
        _U.CT_PER_KVARH: "{} ct/kvarh",
        _U.EUR_PER_ORDER: "€{} per order",
    },
    derived="not published but derived: {}",
    rules={
        STANDARD_PRICE_RULE: "energy price without load metering = ST price of module 3",
        MODULE_1_RULE: "module 1 = €67.227 + 7.5 × energy price without load metering in ct/kWh",
        MODULE_2_RULE: "module 2 = 40 % of the energy price without load metering",
    },
    not_known="not known: {}",
    net="net",
)


def price_words_of(words: Words) -> PriceWords:
    return _GERMAN if words is GERMAN else _ENGLISH
