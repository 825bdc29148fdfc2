"""Prices of a price sheet beside those for load metering by year: one operator, year, kind, voltage level and variant."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.family import Column, ColumnType, Family, KeyColumn


class PriceKind(StrEnum):
    """Positions of a price sheet, in the order in which sheets list them."""

    SLP_GRUNDPREIS = "SLP_GRUNDPREIS"
    SLP_ARBEITSPREIS = "SLP_ARBEITSPREIS"
    MONATSLEISTUNGSPREIS = "MONATSLEISTUNGSPREIS"
    MONATS_ARBEITSPREIS = "MONATS_ARBEITSPREIS"
    MODUL_1 = "MODUL_1"
    MODUL_2_ARBEITSPREIS = "MODUL_2_ARBEITSPREIS"
    MODUL_2_GRUNDPREIS = "MODUL_2_GRUNDPREIS"
    SPEICHERHEIZUNG_ARBEITSPREIS = "SPEICHERHEIZUNG_ARBEITSPREIS"
    SPEICHERHEIZUNG_GRUNDPREIS = "SPEICHERHEIZUNG_GRUNDPREIS"
    WAERMEPUMPE_ARBEITSPREIS = "WAERMEPUMPE_ARBEITSPREIS"
    WAERMEPUMPE_GRUNDPREIS = "WAERMEPUMPE_GRUNDPREIS"
    EMOBILITAET_ARBEITSPREIS = "EMOBILITAET_ARBEITSPREIS"
    EMOBILITAET_GRUNDPREIS = "EMOBILITAET_GRUNDPREIS"
    STRASSENBELEUCHTUNG_ARBEITSPREIS = "STRASSENBELEUCHTUNG_ARBEITSPREIS"
    RESERVE_200H = "RESERVE_200H"
    RESERVE_400H = "RESERVE_400H"
    RESERVE_600H = "RESERVE_600H"
    BLINDARBEIT = "BLINDARBEIT"
    MESSSTELLENBETRIEB = "MESSSTELLENBETRIEB"
    MESSSTELLENBETRIEB_ZUSATZ = "MESSSTELLENBETRIEB_ZUSATZ"
    MESSUNG = "MESSUNG"
    SPERRUNG = "SPERRUNG"
    ENTSPERRUNG = "ENTSPERRUNG"
    VERMIEDENE_NETZENTGELTE_LEISTUNG = "VERMIEDENE_NETZENTGELTE_LEISTUNG"
    VERMIEDENE_NETZENTGELTE_ARBEIT = "VERMIEDENE_NETZENTGELTE_ARBEIT"


class PriceUnit(StrEnum):
    EUR_PER_YEAR = "EUR_PER_YEAR"
    EUR_PER_MONTH = "EUR_PER_MONTH"
    EUR_PER_KW_YEAR = "EUR_PER_KW_YEAR"
    EUR_PER_KW_MONTH = "EUR_PER_KW_MONTH"
    CT_PER_KWH = "CT_PER_KWH"
    CT_PER_KVARH = "CT_PER_KVARH"
    EUR_PER_ORDER = "EUR_PER_ORDER"


class Price(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    dno_id: UUID
    year: int
    kind: PriceKind
    voltage_level: VoltageLevel | None  # None: of all levels, or the sheet names none
    variant: str | None  # which meter or customer group; None where there is only one
    amount: Decimal  # net, in the unit
    unit: PriceUnit  # that of the kind
    verification_status: VerificationStatus
    source_url: str | None
    source_title: str | None
    version: int
    updated_at: datetime
    publication: Publication = Publication.FINAL
    derived_from: str | None = None  # the rule that gave it; None: published. Stored prices are published


class KindRule(NamedTuple):
    """The unit of a kind, and the voltage levels that it can have; None among them: no level."""

    unit: PriceUnit
    levels: tuple[VoltageLevel | None, ...]


_ANY: Final = tuple(VoltageLevel)
_ANY_OR_NONE: Final = (None, *_ANY)
_NS: Final = (VoltageLevel.NS,)
# Modul 1 also holds for load-metered customers at the transformation to low voltage.
_MODUL_1: Final = (VoltageLevel.MS_NS, VoltageLevel.NS)

RULES: Final[dict[PriceKind, KindRule]] = {
    PriceKind.SLP_GRUNDPREIS: KindRule(PriceUnit.EUR_PER_YEAR, _NS),
    PriceKind.SLP_ARBEITSPREIS: KindRule(PriceUnit.CT_PER_KWH, _NS),
    PriceKind.MONATSLEISTUNGSPREIS: KindRule(PriceUnit.EUR_PER_KW_MONTH, _ANY),
    PriceKind.MONATS_ARBEITSPREIS: KindRule(PriceUnit.CT_PER_KWH, _ANY),
    PriceKind.MODUL_1: KindRule(PriceUnit.EUR_PER_YEAR, _MODUL_1),
    PriceKind.MODUL_2_ARBEITSPREIS: KindRule(PriceUnit.CT_PER_KWH, _NS),
    PriceKind.MODUL_2_GRUNDPREIS: KindRule(PriceUnit.EUR_PER_YEAR, _NS),
    PriceKind.SPEICHERHEIZUNG_ARBEITSPREIS: KindRule(PriceUnit.CT_PER_KWH, _NS),
    PriceKind.SPEICHERHEIZUNG_GRUNDPREIS: KindRule(PriceUnit.EUR_PER_YEAR, _NS),
    PriceKind.WAERMEPUMPE_ARBEITSPREIS: KindRule(PriceUnit.CT_PER_KWH, _NS),
    PriceKind.WAERMEPUMPE_GRUNDPREIS: KindRule(PriceUnit.EUR_PER_YEAR, _NS),
    PriceKind.EMOBILITAET_ARBEITSPREIS: KindRule(PriceUnit.CT_PER_KWH, _NS),
    PriceKind.EMOBILITAET_GRUNDPREIS: KindRule(PriceUnit.EUR_PER_YEAR, _NS),
    PriceKind.STRASSENBELEUCHTUNG_ARBEITSPREIS: KindRule(PriceUnit.CT_PER_KWH, _NS),
    PriceKind.RESERVE_200H: KindRule(PriceUnit.EUR_PER_KW_YEAR, _ANY),
    PriceKind.RESERVE_400H: KindRule(PriceUnit.EUR_PER_KW_YEAR, _ANY),
    PriceKind.RESERVE_600H: KindRule(PriceUnit.EUR_PER_KW_YEAR, _ANY),
    PriceKind.BLINDARBEIT: KindRule(PriceUnit.CT_PER_KVARH, _ANY_OR_NONE),
    PriceKind.MESSSTELLENBETRIEB: KindRule(PriceUnit.EUR_PER_YEAR, _ANY_OR_NONE),
    PriceKind.MESSSTELLENBETRIEB_ZUSATZ: KindRule(PriceUnit.EUR_PER_YEAR, _ANY_OR_NONE),
    PriceKind.MESSUNG: KindRule(PriceUnit.EUR_PER_YEAR, _ANY_OR_NONE),
    PriceKind.SPERRUNG: KindRule(PriceUnit.EUR_PER_ORDER, _ANY_OR_NONE),
    PriceKind.ENTSPERRUNG: KindRule(PriceUnit.EUR_PER_ORDER, _ANY_OR_NONE),
    PriceKind.VERMIEDENE_NETZENTGELTE_LEISTUNG: KindRule(PriceUnit.EUR_PER_KW_YEAR, _ANY),
    PriceKind.VERMIEDENE_NETZENTGELTE_ARBEIT: KindRule(PriceUnit.CT_PER_KWH, _ANY),
}

FAMILY = Family(
    name="prices",
    table="prices",
    struct=Price,
    graphql_type="Price",
    module="price",
    id_kind="PRICE",
    id_prefix="price",
    data_type="PRICE",
    description="Prices of a price sheet beside those for load metering by year.",
    noun="price",
    key=(
        KeyColumn("kind", PriceKind, several="kinds"),
        KeyColumn("voltage_level", VoltageLevel, optional=True),
        KeyColumn("variant", optional=True),
    ),
    columns=(
        Column("amount", ColumnType.PRICE, "in its unit, net", required=True),
        Column("unit", ColumnType.WORD, values=PriceUnit),
    ),
    computed=("derived_from",),
)


def unit_of(kind: PriceKind) -> PriceUnit:
    return RULES[kind].unit


def only_level(kind: PriceKind) -> VoltageLevel | None:
    """The level of a kind that can have only one; None: it can have several, or none."""
    levels = RULES[kind].levels
    return levels[0] if len(levels) == 1 else None


def broken_rules(
    kind: PriceKind, level: VoltageLevel | None, unit: PriceUnit | None
) -> Iterator[tuple[str, str]]:
    """Columns that do not fit the kind, each with the reason. A unit of None: not given."""
    rule = RULES[kind]
    if level is None and rule.levels is _ANY:
        yield "voltage_level", f"{kind} needs a voltage level"
    elif level not in rule.levels:
        not_this = "" if level is None else f", not of {level}"
        yield "voltage_level", f"{kind} is a price of {' or '.join(map(str, rule.levels))}{not_this}"
    if unit is not None and unit is not rule.unit:
        yield "unit", f"{kind} has the unit {rule.unit}, not {unit}"
