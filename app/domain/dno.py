"""A distribution network operator (Verteilnetzbetreiber)."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from app.domain.entry import VoltageLevel


class GridStatistics(msgspec.Struct, frozen=True, gc=False):
    """Units registered at each voltage level, and generating capacity in MW (Marktstammdatenregister)."""

    connection_points_ns: int | None = None
    connection_points_ms: int | None = None
    connection_points_hs: int | None = None
    connection_points_hoes: int | None = None
    capacity_mw: Decimal | None = None
    solar_mw: Decimal | None = None
    wind_mw: Decimal | None = None

    @property
    def connection_points_by_level(self) -> list[tuple[VoltageLevel, int]]:
        counts = (
            (VoltageLevel.HOES, self.connection_points_hoes),
            (VoltageLevel.HS, self.connection_points_hs),
            (VoltageLevel.MS, self.connection_points_ms),
            (VoltageLevel.NS, self.connection_points_ns),
        )
        return [(level, count) for level, count in counts if count is not None]

    @property
    def connection_points(self) -> int | None:
        """None where nothing is registered: unknown is not zero."""
        counts = [count for _, count in self.connection_points_by_level]
        return sum(counts) if counts else None

    @property
    def known(self) -> bool:
        return any(getattr(self, field) is not None for field in self.__struct_fields__)


class Dno(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    slug: str
    name: str
    official_name: str | None
    region: str | None
    city: str | None
    postal_code: str | None
    website: str | None
    mastr_nr: str | None
    bdew_code: str | None
    acer_code: str | None
    vnb_id: str | None
    transmission: bool
    closed_network: bool
    statistics: GridStatistics
    version: int
    updated_at: datetime


class DirectoryEntry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What lists, filters and the interpreter need of an operator; all of them fit in one record."""

    id: UUID
    slug: str
    name: str
    official_name: str | None
    region: str | None
    city: str | None
    postal_code: str | None
    transmission: bool
    closed_network: bool
    connection_points: int | None
    updated_at: datetime
    mastr_nr: str | None = None
    bdew_code: str | None = None
    acer_code: str | None = None
    vnb_id: str | None = None


class Alias(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A name in use for an operator that no register lists."""

    alias: str
    dno_id: UUID
    source: str
