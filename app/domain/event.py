"""A committed change, as the outbox hands it on."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from app.domain.revision import ChangeKind


class Topic(StrEnum):
    """The family that changed."""

    OPERATOR = "operator"
    TARIFFS = "tariffs"
    HLZF = "hlzf"
    TIME_OF_USE = "time_of_use"
    ALIASES = "aliases"
    API_KEYS = "api_keys"
    USERS = "users"


class EntryChange(msgspec.Struct, frozen=True):
    """One row's step to `version`; `name` is the row's own name where it has one (an operator's slug)."""

    id: UUID
    version: int
    kind: ChangeKind
    name: str | None = None


class Event(msgspec.Struct, frozen=True):
    """All rows of one family, operator and year that one statement touched."""

    id: int
    topic: Topic
    dno_id: UUID | None
    year: int | None
    changed_at: datetime
    entries: tuple[EntryChange, ...]
