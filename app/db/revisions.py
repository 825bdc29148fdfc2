"""The history of entries, with the API's names of fields and forms of values."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from app.db.pool import Pool, Row
from app.domain.families import COLUMNS, DataType
from app.domain.family import ColumnType
from app.domain.revision import ChangeKind, FieldChange, Revision

# Column -> field, in the order in which changes are listed.
_FIELDS = {
    **{column.name: column.field for column in COLUMNS.values()},
    "verification_status": "verificationStatus",
    "source_url": "sourceUrl",
    "source_title": "sourceTitle",
}


_COLUMNS: Final = "id, entry_id, data_type, kind, version, changed_at, changed_by, reason, before, after"


async def fetch_by_entry(pool: Pool, entry_ids: Sequence[UUID]) -> dict[UUID, tuple[Revision, ...]]:
    """Newest first."""
    rows = await pool.fetch(
        f"SELECT {_COLUMNS} FROM revisions WHERE entry_id = ANY($1::uuid[]) ORDER BY version DESC",
        entry_ids,
        name="history",
    )
    found: dict[UUID, list[Revision]] = {}
    for row in rows:
        found.setdefault(row["entry_id"], []).append(revision(row))
    return {entry_id: tuple(history) for entry_id, history in found.items()}


async def fetch_by_id(pool: Pool, ids: Sequence[UUID]) -> dict[UUID, Revision]:
    rows = await pool.fetch(
        f"SELECT {_COLUMNS} FROM revisions WHERE id = ANY($1::uuid[])",
        ids,
        name="revisions",
    )
    return {row["id"]: revision(row) for row in rows}


def revision(row: Row) -> Revision:
    return Revision(
        id=row["id"],
        entry_id=row["entry_id"],
        data_type=DataType(row["data_type"]),
        kind=ChangeKind(row["kind"]),
        version=row["version"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
        reason=row["reason"],
        changes=_changes(row["before"] or {}, row["after"] or {}),
    )


def _changes(before: dict[str, Any], after: dict[str, Any]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(field, _text(column, before.get(column)), _text(column, after.get(column)))
        for column, field in _FIELDS.items()
        if before.get(column) != after.get(column)
    )


def _text(column: str, value: Any) -> str | None:
    if value is None:
        return None
    if column in COLUMNS and COLUMNS[column].type is ColumnType.WINDOWS:
        return ", ".join(f"{window['start']}-{window['end']}" for window in value)
    return str(value).upper() if column == "verification_status" else str(value)
