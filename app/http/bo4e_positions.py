"""What each price of a sheet is in BO4E: its sheet, Leistungstyp, Artikelnummer and Artikel-ID.

Artikel-IDs are those of the BDEW code list 5.6; an `n` in them stands for the voltage level (1 HOES to 7 NS).
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple

from app.domain.entry import VoltageLevel
from app.domain.price import PriceKind, PriceUnit
from app.domain.time_of_use import TimeOfUseBand
from app.http.bo4e_objects import Bilanzierungsmethode, Netzebene

RLM, SLP = Bilanzierungsmethode.RLM, Bilanzierungsmethode.SLP


class SheetType(Enum):
    NETZNUTZUNG = "Netznutzung"
    MESSUNG = "Messung"
    DIENSTLEISTUNG = "Dienstleistung"


class Position(NamedTuple):
    """`credit`: the amount is subtracted, so that BO4E has it below zero, as market communication does."""

    bezeichnung: str
    leistungstyp: str | None
    artikelnummer: str | None
    artikel_id: str | None = None
    gruppenartikel_id: str | None = None
    methode: Bilanzierungsmethode | None = SLP
    kundengruppe: str | None = None
    sheet: SheetType = SheetType.NETZNUTZUNG
    credit: bool = False


class Unit(NamedTuple):
    preiseinheit: str
    bezugsgroesse: str
    zeitbasis: str | None = None


LEVELS: Final[Mapping[VoltageLevel, Netzebene]] = dict(zip(VoltageLevel, Netzebene, strict=True))
_DIGITS: Final = {level: str(digit) for digit, level in enumerate(VoltageLevel, 1)}

UNITS: Final[Mapping[PriceUnit, Unit]] = {
    PriceUnit.EUR_PER_YEAR: Unit("EUR", "JAHR", "JAHR"),
    PriceUnit.EUR_PER_MONTH: Unit("EUR", "MONAT", "MONAT"),
    PriceUnit.EUR_PER_KW_YEAR: Unit("EUR", "KW", "JAHR"),
    PriceUnit.EUR_PER_KW_MONTH: Unit("EUR", "KW", "MONAT"),
    PriceUnit.CT_PER_KWH: Unit("CT", "KWH"),
    PriceUnit.CT_PER_KVARH: Unit("CT", "KVARH"),
    PriceUnit.EUR_PER_ORDER: Unit("EUR", "STUECK"),
}

_WORK, _CAPACITY, _BASE = "ARBEITSPREIS_WIRKARBEIT", "LEISTUNGSPREIS_WIRKLEISTUNG", "GRUNDPREIS"
_METERING = "MESSSTELLENBETRIEB"

LEISTUNG: Final = Position("Leistungspreis", _CAPACITY, "LEISTUNG", None, "1-01-n", RLM)
ARBEIT: Final = Position("Arbeitspreis", _WORK, "WIRKARBEIT", None, "1-01-n", RLM)
# Below 2,500 h and from there on.
YEARLY_ARTICLES: Final = {LEISTUNG: ("1-01-n-001", "1-01-n-003"), ARBEIT: ("1-01-n-002", "1-01-n-004")}


def _base(name: str, article: str | None, group: str | None = None) -> Position:
    return Position(f"Grundpreis {name}".rstrip(), _BASE, _BASE, article, kundengruppe=group)


def _work(name: str, article: str | None, group: str | None = None) -> Position:
    return Position(f"Arbeitspreis {name}".rstrip(), _WORK, "WIRKARBEIT", article, kundengruppe=group)


def _reserve(hours: str, article: str) -> Position:
    name = f"Netzreservekapazität {hours}"
    return Position(name, _CAPACITY, "RESERVENETZKAPAZITAET", article, "1-05-n", RLM)


def _metering(name: str, leistungstyp: str, artikelnummer: str | None) -> Position:
    return Position(name, leistungstyp, artikelnummer, methode=None, sheet=SheetType.MESSUNG)


def _service(name: str, leistungstyp: str, artikelnummer: str) -> Position:
    return Position(name, leistungstyp, artikelnummer, methode=None, sheet=SheetType.DIENSTLEISTUNG)


# None: no position of a sheet for the use of the grid; avoided charges are paid to generators.
OF_KIND: Final[Mapping[PriceKind, Position | None]] = {
    PriceKind.SLP_GRUNDPREIS: _base("", "1-02-0-001"),
    PriceKind.SLP_ARBEITSPREIS: _work("", "1-02-0-002"),
    # The four articles of this price are for months of 28, 29, 30 and 31 days.
    PriceKind.MONATSLEISTUNGSPREIS: Position(
        "Monatsleistungspreis", _CAPACITY, "LEISTUNG", None, "1-03-n", RLM
    ),
    PriceKind.MONATS_ARBEITSPREIS: Position(
        "Arbeitspreis zum Monatsleistungspreis", _WORK, "WIRKARBEIT", "1-03-n-005", "1-03-n", RLM
    ),
    PriceKind.MODUL_1: Position(
        "§ 14a EnWG Modul 1: pauschale Reduzierung", "SONSTIGER_PREIS", None, "1-02-0-015", credit=True
    ),
    PriceKind.MODUL_2_ARBEITSPREIS: _work("§ 14a EnWG Modul 2", "1-02-0-016"),
    PriceKind.MODUL_2_GRUNDPREIS: _base("§ 14a EnWG Modul 2", None),
    PriceKind.SPEICHERHEIZUNG_ARBEITSPREIS: _work("Speicherheizung", "1-02-0-003", "SLP_S_HZ"),
    PriceKind.SPEICHERHEIZUNG_GRUNDPREIS: _base("Speicherheizung", "1-02-0-008", "SLP_S_HZ"),
    PriceKind.WAERMEPUMPE_ARBEITSPREIS: _work("Wärmepumpe", "1-02-0-004", "SLP_S_WP"),
    PriceKind.WAERMEPUMPE_GRUNDPREIS: _base("Wärmepumpe", "1-02-0-009", "SLP_S_WP"),
    PriceKind.EMOBILITAET_ARBEITSPREIS: _work("Elektromobilität", "1-02-0-006", "SLP_S_EM"),
    PriceKind.EMOBILITAET_GRUNDPREIS: _base("Elektromobilität", "1-02-0-010", "SLP_S_EM"),
    PriceKind.STRASSENBELEUCHTUNG_ARBEITSPREIS: _work("Straßenbeleuchtung", "1-02-0-005", "SLP_S_SB"),
    PriceKind.RESERVE_200H: _reserve("bis 200 h", "1-05-n-001"),
    PriceKind.RESERVE_400H: _reserve("über 200 h bis 400 h", "1-05-n-002"),
    PriceKind.RESERVE_600H: _reserve("über 400 h bis 600 h", "1-05-n-003"),
    # BO4E has a Leistungstyp for inductive and one for capacitive energy, none for both.
    PriceKind.BLINDARBEIT: Position("Blindarbeit", None, "BLINDMEHRARBEIT", "3-01-0-001", methode=RLM),
    PriceKind.MESSSTELLENBETRIEB: _metering("Messstellenbetrieb", _METERING, "MSB_INKL_MESSUNG"),
    PriceKind.MESSSTELLENBETRIEB_ZUSATZ: _metering("Zusatz zum Messstellenbetrieb", _METERING, None),
    PriceKind.MESSUNG: _metering("Messung", "MESSDIENSTLEISTUNG", "ENTGELT_MESSUNG_ABLESUNG"),
    PriceKind.SPERRUNG: _service("Sperrung", "SPERRUNG", "SPERRKOSTEN"),
    PriceKind.ENTSPERRUNG: _service("Entsperrung", "ENTSPERRUNG", "ENTSPERRKOSTEN"),
    PriceKind.VERMIEDENE_NETZENTGELTE_LEISTUNG: None,
    PriceKind.VERMIEDENE_NETZENTGELTE_ARBEIT: None,
}

# The reduction for load-metered customers, at the transformation to low voltage.
MODUL_1_RLM: Final = OF_KIND[PriceKind.MODUL_1]._replace(artikel_id="1-01-9-002", methode=RLM)  # type: ignore[union-attr]

OF_BAND: Final[Mapping[TimeOfUseBand, tuple[Position, str]]] = {
    TimeOfUseBand.HT: (_work("§ 14a EnWG Modul 3, Hochtarif", "1-02-0-017"), "TZ_HT"),
    TimeOfUseBand.ST: (_work("§ 14a EnWG Modul 3, Standardtarif", "1-02-0-002"), "TZ_STANDARD"),
    TimeOfUseBand.NT: (_work("§ 14a EnWG Modul 3, Niedertarif", "1-02-0-018"), "TZ_NT"),
}


def of_level(article: str | None, level: VoltageLevel | None) -> str | None:
    """An Artikel-ID or group at a voltage level; None where it needs one and there is none."""
    if article is None or "n" not in article:
        return article
    return None if level is None else article.replace("n", _DIGITS[level])
