"""The history of entries, with the API's names of fields and forms of values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from app.db.column_codecs import codec_of
from app.db.pool import Pool, Row
from app.domain.families import FAMILIES, OF_DATA_TYPE, DataType
from app.domain.family import Family
from app.domain.revision import ChangeKind, FieldChange, Revision


def _fields(family: Family) -> dict[str, tuple[str, Callable[[Any], str]]]:
    """By column: the field's name, and its value as text; in the order in which changes are listed."""
    return {
        **{column.name: (column.field, codec_of(column).shown) for column in family.columns},
        **({"publication": ("publication", str)} if family.has_publication else {}),
        "verification_status": ("verificationStatus", str.upper),
        "source_url": ("sourceUrl", str),
        "source_title": ("sourceTitle", str),
    }


_FIELDS: Final[Mapping[DataType, Mapping[str, tuple[str, Callable[[Any], str]]]]] = {
    data_type: _fields(family) for data_type, family in OF_DATA_TYPE.items()
}


# As a list in SQL. Families of a later release, which has migrated the database already, are left out.
KNOWN_DATA_TYPES: Final = ", ".join(repr(family.data_type) for family in FAMILIES)
_COLUMNS: Final = "id, entry_id, data_type, kind, version, changed_at, changed_by, reason, before, after"
REVISION_BY_ID: Final = f"SELECT {_COLUMNS} FROM revisions WHERE id = $1"


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


def revision(row: "Row | Mapping[str, Any]") -> Revision:
    data_type = DataType(row["data_type"])
    return Revision(
        id=row["id"],
        entry_id=row["entry_id"],
        data_type=data_type,
        kind=ChangeKind(row["kind"]),
        version=row["version"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
        reason=row["reason"],
        changes=_changes(data_type, row["before"] or {}, row["after"] or {}),
    )


def _changes(data_type: DataType, before: dict[str, Any], after: dict[str, Any]) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(
            field,
            *[None if (value := state.get(column)) is None else text(value) for state in (before, after)],
        )
        for column, (field, text) in _FIELDS[data_type].items()
        if before.get(column) != after.get(column)
    )
