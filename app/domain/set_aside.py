"""A page of the rows of a crawler's database that could not be taken over."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from app.domain.page_cursor import write_position


class SetAside(msgspec.Struct, frozen=True):
    """`part`: of the row, where only that was not taken over. `content`: the row as it is in the crawler's database."""

    source: str
    source_id: int
    part: str
    reason: str
    content: Mapping[str, Any]
    since: datetime | None = None


class SetAsideValue(NamedTuple):
    column: str
    value: str | None


class SetAsidePosition(NamedTuple):
    """The order of the list. `source_id` as a text: identifiers may be larger than cursors hold as numbers."""

    source: str
    source_id: str
    part: str

    @staticmethod
    def of(row: SetAside) -> "SetAsidePosition":
        return SetAsidePosition(row.source, str(row.source_id), row.part)


class SetAsidePage(msgspec.Struct, frozen=True):
    rows: tuple[SetAside, ...]
    has_next: bool
    has_previous: bool

    @property
    def start_cursor(self) -> str | None:
        return write_position(SetAsidePosition.of(self.rows[0])) if self.rows else None

    @property
    def end_cursor(self) -> str | None:
        return write_position(SetAsidePosition.of(self.rows[-1])) if self.rows else None
