"""What a sentence in plain words asks for."""

from enum import StrEnum
from uuid import UUID

import msgspec

from app.domain.entry import VoltageLevel
from app.domain.families import DataType


class Language(StrEnum):
    GERMAN = "de"
    ENGLISH = "en"


class Interpretation(msgspec.Struct, frozen=True, gc=False):
    """`data_type` None: the sentence asks for something else, and every other field is empty."""

    data_type: DataType | None
    dno_id: UUID | None
    year: int | None
    voltage_level: VoltageLevel | None
    confidence: float  # 0..1
    candidates: tuple[UUID, ...]  # operators that the sentence could mean, best first
    language: Language
