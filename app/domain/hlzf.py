"""Hochlastzeitfenster (HLZF): peak-load windows of one operator, year, voltage level and season."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.family import Column, ColumnType, Family, KeyColumn


class Season(StrEnum):
    """Meteorological seasons; winter is December to February."""

    WINTER = "WINTER"
    SPRING = "SPRING"
    SUMMER = "SUMMER"
    AUTUMN = "AUTUMN"


class TimeWindow(msgspec.Struct, frozen=True, gc=False, order=True):
    """Wall-clock minutes since midnight in Germany; the end is not part of the window."""

    start: int
    end: int  # 1440 is "24:00"

    def covers(self, minute: int) -> bool:
        return self.start <= minute < self.end


class Hlzf(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    dno_id: UUID
    year: int
    voltage_level: VoltageLevel
    season: Season
    windows: tuple[TimeWindow, ...]  # in order; empty: the operator published that there is none
    verification_status: VerificationStatus
    source_url: str | None
    source_title: str | None
    version: int
    updated_at: datetime
    publication: Publication = Publication.FINAL


FAMILY = Family(
    name="hlzf",
    table="hlzf_data",
    struct=Hlzf,
    graphql_type="Hlzf",
    module="hlzf",
    id_kind="HLZF",
    id_prefix="hlzf",
    data_type="HLZF",
    description="Hochlastzeitfenster: when the grid is at its peak.",
    noun="HLZF",
    key=(KeyColumn("voltage_level", VoltageLevel), KeyColumn("season", Season)),
    columns=(Column("windows", ColumnType.WINDOWS),),
    one_row_per_entry=False,
)

SEASON_ORDER = {season: rank for rank, season in enumerate(Season)}
