"""Time-of-use grid charges for controllable loads: § 14a EnWG, Modul 3."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec

from app.domain.entry import Publication, VerificationStatus
from app.domain.family import Column, ColumnType, Family

QUARTERS = (1, 2, 3, 4)


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
    """What an operator publishes for one year."""

    id: UUID
    dno_id: UUID
    year: int
    price_ht: Decimal | None  # ct per kWh, net; None: not published
    price_st: Decimal | None
    price_nt: Decimal | None
    windows: tuple[TimeOfUseWindow, ...]  # by quarter and start; not overlapping within a quarter
    verification_status: VerificationStatus
    source_url: str | None
    source_title: str | None
    version: int
    updated_at: datetime
    publication: Publication = Publication.FINAL

    @property
    def bands(self) -> tuple[TimeOfUsePrice, ...]:
        """The bands that have a price, HT first."""
        return tuple(
            [TimeOfUsePrice(band, price) for band in TimeOfUseBand if (price := self.price(band)) is not None]
        )

    def price(self, band: TimeOfUseBand) -> Decimal | None:
        if band is TimeOfUseBand.HT:
            return self.price_ht
        return self.price_st if band is TimeOfUseBand.ST else self.price_nt


PRICE_COLUMNS = {band: f"price_{band.lower()}" for band in TimeOfUseBand}

FAMILY = Family(
    name="time_of_use",
    table="time_of_use_data",
    struct=TimeOfUseTariff,
    graphql_type="TimeOfUseTariff",
    module="time_of_use",
    id_kind="TIME_OF_USE",
    id_prefix="tou",
    data_type="TIME_OF_USE",
    description="Time-variable grid charges for controllable loads: § 14a EnWG, Modul 3.",
    noun="time-of-use tariff",
    columns=(
        *(
            Column(name, ColumnType.PRICE, "ct per kWh", path=f"bands.{band}")
            for band, name in PRICE_COLUMNS.items()
        ),
        Column("windows", ColumnType.BAND_WINDOWS),
    ),
    one_row_per_entry=False,
)
