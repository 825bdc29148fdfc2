"""A page of the history of all families, newest first, and the position at which the next one begins."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from app.domain.entry_page import EntryFilter, EntryKey
from app.domain.families import DataType
from app.domain.page_cursor import write_position


class ChangeFilter(msgspec.Struct, frozen=True):
    """`entries`: of the changed entry; status and publication as the change left them. `since`: the earliest moment."""

    entries: EntryFilter
    since: datetime | None = None
    unusual: Sequence[UUID] = ()  # entries with unusual values, if `entries.implausible` is given
    author: str | None = None  # as the history names it


class ChangePosition(NamedTuple):
    """The order of changes: those of one transaction may have the same moment."""

    changed_at: datetime
    entry_id: UUID
    version: int


class ListedChange(msgspec.Struct, frozen=True):
    position: ChangePosition
    revision_id: UUID
    data_type: DataType
    key: EntryKey


class ChangePage(msgspec.Struct, frozen=True):
    changes: tuple[ListedChange, ...]
    has_next: bool
    has_previous: bool
    filter: ChangeFilter

    @property
    def start_cursor(self) -> str | None:
        return write_position(self.changes[0].position) if self.changes else None

    @property
    def end_cursor(self) -> str | None:
        return write_position(self.changes[-1].position) if self.changes else None
