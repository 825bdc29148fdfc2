"""Time-of-use grid charges for controllable loads: § 14a EnWG, Modul 3."""

from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec

from app.domain.entry import VerificationStatus
from app.domain.family import Column, ColumnType, Family


class TimeOfUseBand(StrEnum):
    """Hochtarif, Standardtarif, Niedertarif."""

    HT = "HT"
    ST = "ST"
    NT = "NT"


class TimeOfUsePrice(msgspec.Struct, frozen=True, gc=False):
    band: TimeOfUseBand
    price: Decimal  # ct per kWh


class TimeOfUseWindow(msgspec.Struct, frozen=True, gc=False, order=True):
    quarter: int  # 1 is January to March
    start: int  # minutes since midnight
    end: int  # 1440 is "24:00"
    band: TimeOfUseBand


class TimeOfUseTariff(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    dno_id: UUID
    year: int
    bands: tuple[TimeOfUsePrice, ...]
    windows: tuple[TimeOfUseWindow, ...]
    verification_status: VerificationStatus
    source_url: str | None
    source_title: str | None
    version: int


PRICE_COLUMNS = {band: f"price_{band.lower()}" for band in TimeOfUseBand}

FAMILY = Family(
    name="time_of_use",
    table="time_of_use_data",
    struct=TimeOfUseTariff,
    graphql_type="TimeOfUseTariff",
    module="time_of_use",
    id_kind="TIME_OF_USE",
    id_prefix="tou",
    import_kind="section14a",
    columns=(
        *(Column(name, ColumnType.PRICE, "ct per kWh") for name in PRICE_COLUMNS.values()),
        Column("windows", ColumnType.WINDOWS),
    ),
    one_row_per_entry=False,
)
