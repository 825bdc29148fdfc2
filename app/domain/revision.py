"""Revisions: one change of one entry, with values before and after, author and reason. They are immutable."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from app.domain.families import DataType


class ChangeKind(StrEnum):
    CREATED = "CREATED"
    CORRECTED = "CORRECTED"
    VERIFIED = "VERIFIED"
    FLAGGED = "FLAGGED"
    REVERTED = "REVERTED"
    DELETED = "DELETED"


class FieldChange(msgspec.Struct, frozen=True, gc=False):
    """Values as text, as the API writes them; None: no value."""

    field: str
    before: str | None
    after: str | None


class Revision(msgspec.Struct, frozen=True, gc=False):
    id: UUID
    entry_id: UUID
    data_type: DataType
    kind: ChangeKind
    version: int
    changed_at: datetime
    changed_by: str | None
    reason: str | None
    changes: tuple[FieldChange, ...]
