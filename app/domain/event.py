"""A committed change, as the outbox delivers it."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from app.domain.families import FAMILIES
from app.domain.revision import ChangeKind

Topic = StrEnum(  # type: ignore[misc]  # a family's topic is its name
    "Topic",
    {"OPERATOR": "operator"}
    | {family.name.upper(): family.name for family in FAMILIES}
    | {"ALIASES": "aliases", "PLACES": "places", "API_KEYS": "api_keys", "USERS": "users"},
    module=__name__,
)

# Topics of entries.
ENTRY_TOPICS: Final = frozenset(Topic(family.name) for family in FAMILIES)


class EntryChange(msgspec.Struct, frozen=True):
    """One row's change to `version`; `name` is the row's own name where it has one (an operator's slug)."""

    id: UUID
    version: int
    kind: ChangeKind
    name: str | None = None


class Event(msgspec.Struct, frozen=True):
    """All rows of one family, operator and year that one statement changed."""

    id: int
    topic: Topic
    dno_id: UUID | None
    year: int | None
    changed_at: datetime
    entries: tuple[EntryChange, ...]
