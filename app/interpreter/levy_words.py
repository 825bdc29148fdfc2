"""What answers about levies and taxes are made of, in German and in English; braces are filled in."""

from typing import Final, NamedTuple

from app.domain.entry import VerificationStatus
from app.domain.levy import LevyKind, LevyUnit
from app.interpreter.answer_words import GERMAN, Words

_L, _S, _U = LevyKind, VerificationStatus, LevyUnit


class LevyWords(NamedTuple):
    kinds: dict[LevyKind, str]
    units: dict[LevyUnit, str]  # with a brace for the number
    groups: dict[str, str]  # other customer groups stand as they are published
    inhabitants: tuple[str, str, str]  # up to, from, from and up to
    highest: str
    span: str
    since: str
    until: str
    statuses: dict[VerificationStatus, str]
    missing: str
    not_charged: str
    whole_country: str


_GERMAN: Final = LevyWords(
    kinds={
        _L.KWKG: "KWKG-Umlage",
        _L.OFFSHORE: "Offshore-Netzumlage",
        _L.PARAGRAF_19_STROM_NEV: "Umlage nach § 19 StromNEV",
        _L.ABLAV: "AbLaV-Umlage",
        _L.EEG: "EEG-Umlage",
        _L.KONZESSIONSABGABE: "Konzessionsabgabe",
        _L.STROMSTEUER: "Stromsteuer",
        _L.STROMSTEUER_ENTLASTUNG: "Entlastung von der Stromsteuer",
        _L.UMSATZSTEUER: "Umsatzsteuer",
    },
    units={_U.CT_PER_KWH: "{} ct/kWh", _U.PERCENT: "{} %"},
    groups={
        "A'": "erste 1.000.000 kWh",
        "B'": "über 1.000.000 kWh",
        "C'": "über 1.000.000 kWh, stromintensiv",
        "non_privileged": "ohne Begünstigung",
        "all": "",
        "standard": "",
        "S_SCHWACHLAST": "Schwachlast",
        "S_SONDERKUNDE": "Sondervertragskunden",
        "rail_and_trolleybus": "Schienenbahnen und Oberleitungsbusse",
        "shore_power_commercial_shipping": "Landstrom für die gewerbliche Schifffahrt",
        "manufacturing_and_agriculture_9b": "produzierendes Gewerbe und Landwirtschaft, § 9b StromStG",
        "public_transport_9c": "öffentlicher Nahverkehr, § 9c StromStG",
    },
    inhabitants=("bis {} Einwohner", "ab {} Einwohnern", "{} bis {} Einwohner"),
    highest="höchstens, § 2 KAV; vereinbart wird sie mit jeder Gemeinde",
    span="{:%d.%m.%Y} bis {:%d.%m.%Y}",
    since="ab {:%d.%m.%Y}",
    until="bis {:%d.%m.%Y}",
    statuses={_S.UNVERIFIED: "ungeprüft", _S.FLAGGED: "angezweifelt"},
    missing="nicht bekannt: {}",
    not_charged="{}, {}: kein Satz, soweit hier bekannt",
    whole_country="Deutschland, {} (netto): {}",
)
_ENGLISH: Final = LevyWords(
    kinds={
        _L.KWKG: "KWKG levy (combined heat and power)",
        _L.OFFSHORE: "offshore grid levy",
        _L.PARAGRAF_19_STROM_NEV: "levy of § 19 StromNEV",
        _L.ABLAV: "AbLaV levy (interruptible loads)",
        _L.EEG: "EEG levy (renewables)",
        _L.KONZESSIONSABGABE: "concession fee",
        _L.STROMSTEUER: "electricity tax",
        _L.STROMSTEUER_ENTLASTUNG: "relief from the electricity tax",
        _L.UMSATZSTEUER: "VAT",
    },
    units={_U.CT_PER_KWH: "{} ct/kWh", _U.PERCENT: "{} %"},
    groups={
        "A'": "first 1,000,000 kWh",
        "B'": "above 1,000,000 kWh",
        "C'": "above 1,000,000 kWh, energy-intensive",
        "non_privileged": "without privilege",
        "all": "",
        "standard": "",
        "S_SCHWACHLAST": "off-peak",
        "S_SONDERKUNDE": "customers with special contracts",
        "rail_and_trolleybus": "railways and trolleybuses",
        "shore_power_commercial_shipping": "shore power for commercial shipping",
        "manufacturing_and_agriculture_9b": "manufacturing and agriculture, § 9b StromStG",
        "public_transport_9c": "public transport, § 9c StromStG",
    },
    inhabitants=("up to {} inhabitants", "from {} inhabitants", "{} to {} inhabitants"),
    highest="at most, § 2 KAV; it is agreed with each municipality",
    span="{:%Y-%m-%d} to {:%Y-%m-%d}",
    since="from {:%Y-%m-%d}",
    until="until {:%Y-%m-%d}",
    statuses={_S.UNVERIFIED: "unverified", _S.FLAGGED: "in doubt"},
    missing="not known: {}",
    not_charged="{}, {}: no rate, as far as is known here",
    whole_country="Germany, {} (net): {}",
)


def levy_words_of(words: Words) -> LevyWords:
    return _GERMAN if words is GERMAN else _ENGLISH
