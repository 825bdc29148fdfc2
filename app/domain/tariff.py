"""Netzentgelt: prices of one operator, year and voltage level for customers with load metering."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from app.domain.entry import VerificationStatus, VoltageLevel


class Prices(msgspec.Struct, frozen=True, gc=False):
    """Leistungspreis in EUR per kW and year, Arbeitspreis in ct per kWh; None: not published."""

    leistung: Decimal | None = None
    arbeit: Decimal | None = None
    leistung_unter_2500h: Decimal | None = None
    arbeit_unter_2500h: Decimal | None = None


# Column -> field, as the API spells them.
PRICE_FIELDS = {
    "leistung": "leistung",
    "arbeit": "arbeit",
    "leistung_unter_2500h": "leistungUnter2500h",
    "arbeit_unter_2500h": "arbeitUnter2500h",
}


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

    @property
    def prices(self) -> Prices:
        return Prices(self.leistung, self.arbeit, self.leistung_unter_2500h, self.arbeit_unter_2500h)
