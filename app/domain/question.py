"""The meaning of a natural-language question."""

from enum import StrEnum
from uuid import UUID

import msgspec

from app.domain.entry import VoltageLevel
from app.domain.families import DataType


class Language(StrEnum):
    GERMAN = "de"
    ENGLISH = "en"


class Interpretation(msgspec.Struct, frozen=True, gc=False):
    """`data_type` None: the question is about something else, and the other fields are empty."""

    data_type: DataType | None
    dno_id: UUID | None
    year: int | None
    voltage_level: VoltageLevel | None
    confidence: float  # 0..1
    candidates: tuple[UUID, ...]  # operators that the question could mean, best first
    language: Language
