"""Revisions: one change of one entry, with values before and after, author and reason. They are immutable."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from app.domain.families import DataType

# The authors of changes that no user has made: imports of files, and figures of a followed database.
IMPORT: Final = "import"
CRAWLER: Final = "dno-crawler"
AUTOMATIC: Final = (IMPORT, CRAWLER)


def is_automatic(author: str | None) -> bool:
    """Also of an import by a user, whose author ends with `(import)`, and of writers without author."""
    return author in (None, *AUTOMATIC) or author.endswith(f" ({IMPORT})")


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
