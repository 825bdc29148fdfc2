"""Time-of-use grid charges for controllable loads: § 14a EnWG, Modul 3."""

from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec

from app.domain.entry import VerificationStatus


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
