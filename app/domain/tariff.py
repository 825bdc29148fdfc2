"""Netzentgelt: prices of one operator, year and voltage level for customers with load metering."""

from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from uuid import UUID

import msgspec

from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.family import Column, ColumnType, Family, KeyColumn


class Prices(msgspec.Struct, frozen=True, gc=False):
    """Leistungspreis in EUR per kW and year, Arbeitspreis in ct per kWh; None: not published."""

    leistung: Decimal | None = None
    arbeit: Decimal | None = None
    leistung_unter_2500h: Decimal | None = None
    arbeit_unter_2500h: Decimal | None = None


class Tariff(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    dno_id: UUID
    year: int
    voltage_level: VoltageLevel
    leistung: Decimal | None
    arbeit: Decimal | None
    leistung_unter_2500h: Decimal | None
    arbeit_unter_2500h: Decimal | None
    verification_status: VerificationStatus
    source_url: str | None
    source_title: str | None
    version: int
    updated_at: datetime
    publication: Publication = Publication.FINAL

    @property
    def prices(self) -> Prices:
        return Prices(*_prices(self))


FAMILY = Family(
    name="tariffs",
    table="netzentgelte_data",
    struct=Tariff,
    graphql_type="Tariff",
    module="tariff",
    id_kind="TARIFF",
    id_prefix="tariff",
    data_type="NETZENTGELTE",
    description="Netzentgelte: prices for the use of the grid.",
    noun="tariff",
    key=(KeyColumn("voltage_level", VoltageLevel),),
    columns=(
        Column("leistung", ColumnType.PRICE, "EUR per kW and year", "from 2500 h/a"),
        Column("arbeit", ColumnType.PRICE, "ct per kWh", "from 2500 h/a"),
        Column("leistung_unter_2500h", ColumnType.PRICE, "EUR per kW and year", "below 2500 h/a"),
        Column("arbeit_unter_2500h", ColumnType.PRICE, "ct per kWh", "below 2500 h/a"),
    ),
)

# Column -> field, as the API spells them.
PRICE_FIELDS = {column.name: column.field for column in FAMILY.prices}

_prices = attrgetter(*PRICE_FIELDS)
