"""The history of all families as rows of an export: one per change, oldest first."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from app.db.file_columns import Column
from app.db.pool import Connection
from app.db.revisions import KNOWN_DATA_TYPES, revision
from app.domain.families import FAMILIES, OF_DATA_TYPE
from app.domain.family import Family, KeyColumn

CHANGE_COLUMNS: Final[Mapping[str, Column]] = {
    "id": Column.TEXT,
    "changed_at": Column.TEXT,
    "data_type": Column.TEXT,
    "dno_slug": Column.TEXT,
    "year": Column.WHOLE,
    "key": Column.JSON,
    "entry_id": Column.TEXT,
    "version": Column.WHOLE,
    "kind": Column.TEXT,
    "changed_by": Column.TEXT,
    "reason": Column.TEXT,
    "changes": Column.JSON,
}
CHANGE_FILTERS: Final = ("dno", "region", "year", "data_type", "since")

_encode = msgspec.json.encode


async def change_batches(
    connection: Connection, arguments: Sequence[Any], rows_per_batch: int, *, with_authors: bool
) -> AsyncIterator[list[list[str | None]]]:
    """Within the caller's snapshot. `arguments`: values of `CHANGE_FILTERS`, None for all.

    `changed_by` is empty unless `with_authors`: names are for those who may see them.
    """
    # Only ids are sorted: a cursor over whole revisions would sort all their values first.
    *others, moments = arguments
    cursor = await connection.cursor(_IDS, *others, max(moments) if moments else None)
    while ids := [record["id"] for record in await cursor.fetch(rows_per_batch)]:
        found = {record["id"]: record for record in await connection.fetch(_CHANGES, ids)}
        yield [_row(found[each], with_authors=with_authors) for each in ids]


def _row(record: Any, *, with_authors: bool) -> list[str | None]:
    change = revision(record)
    year = record["year"]
    return [
        str(change.id),
        msgspec.to_builtins(change.changed_at),
        change.data_type,
        record["dno_slug"],
        None if year == OF_DATA_TYPE[change.data_type].without_year else str(year),
        None if record["key"] is None else _encode(record["key"]).decode(),
        str(change.entry_id),
        str(change.version),
        change.kind,
        change.changed_by if with_authors else None,
        change.reason,
        _encode(change.changes).decode(),
    ]


# One bound of time, which the planner can estimate: few changes are read by their index.
_IDS: Final = f"""
    SELECT r.id FROM revisions r LEFT JOIN dnos d ON d.id = r.dno_id
    WHERE r.data_type IN ({KNOWN_DATA_TYPES})
        AND ($1::text[] IS NULL OR d.slug = ANY($1))
        AND ($2::text[] IS NULL OR d.region = ANY($2))
        AND ($3::integer[] IS NULL OR r.year = ANY($3))
        AND ($4::text[] IS NULL OR r.data_type = ANY($4))
        AND r.changed_at >= coalesce($5::timestamptz, '-infinity')
    ORDER BY r.changed_at, r.entry_id, r.version
    """


def _key(family: Family) -> str:
    """SQL: the key of an entry beside operator and year, as a JSON object."""
    pairs = ", ".join(f"'{key.name}', {key_value(key)}" for key in family.key)
    return f"WHEN '{family.data_type}' THEN (SELECT jsonb_build_object({pairs}) FROM {family.table} t WHERE t.id = r.entry_id)"


def key_value(key: KeyColumn) -> str:
    """SQL: a column of the key in the table `t`, null where an entry has no value in it."""
    return f"nullif(t.{key.name}, '{key.missing_text}')" if key.optional else f"t.{key.name}"


# SQL: the key of the entry of a revision `r`. That of an entry that was removed from its table by hand is not known any more.
ENTRY_KEY: Final = f"CASE r.data_type {' '.join(map(_key, FAMILIES))} END"

_CHANGES: Final = f"""
    SELECT r.id, r.entry_id, r.data_type, r.year, r.kind, r.version, r.changed_at, r.changed_by, r.reason,
        r.before, r.after, d.slug AS dno_slug, {ENTRY_KEY} AS key
    FROM unnest($1::uuid[]) AS wanted (id) JOIN revisions r USING (id) LEFT JOIN dnos d ON d.id = r.dno_id
    """
