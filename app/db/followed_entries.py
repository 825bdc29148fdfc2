"""Entries of one family as a followed database has them: locked with what was taken over last, and written in batches."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from app.db.pool import Connection, Row
from app.domain.family import ColumnType, Family

Record = Mapping[str, Any]
Versions = dict[str, int]  # id -> version

_PER_STATEMENT: Final = 1_000


class FollowedEntries:
    """All statements run within the caller's transaction."""

    def __init__(self, family: Family, source: str) -> None:
        self._source = source
        self._table = family.table
        self._key = [key.name for key in family.key]
        types = {"dno_id": "uuid", "year": "integer"} | {key.name: key.type.sql_type for key in family.key}
        values = {column.name: column.type.sql_type for column in family.columns}
        texts = {"verification_status": "text", "source_url": "text"}
        self._described = _described({"id": "uuid", **types, **values, **texts})
        self._unique = [*types]
        self._values = [*values]
        self._wanted = _described({"n": "integer", **types})
        self._stored = ", ".join(
            f"'{column.name}', t.{column.name}{'::text' if column.type is ColumnType.PRICE else ''}"
            for column in family.columns
        )

    @property
    def key(self) -> Sequence[str]:
        return self._unique

    async def lock(self, connection: Connection, wanted: Sequence[Record]) -> list[Row]:
        """Of `wanted` (n, and the key) the entries that are stored: locked until the end of the transaction.

        They are read by a second statement: one that had to wait for another transaction does not find its revision.
        """
        given = f"FROM jsonb_to_recordset($1::jsonb) AS w ({self._wanted}) JOIN {self._table} t USING ({_list(self._unique)})"
        locked = await connection.fetch(
            f"SELECT t.id, w.n {given} ORDER BY {_list(self._unique, 't.')} FOR UPDATE OF t", wanted
        )
        if not locked:
            return []
        return await connection.fetch(
            f"SELECT w.n, {self._selected()} FROM unnest($1::uuid[], $2::integer[]) AS w (id, n)"
            f" JOIN {self._table} t USING (id) LEFT JOIN revisions r ON r.entry_id = t.id AND r.version = t.version"
            " LEFT JOIN followed_entries f ON f.entry_id = t.id",
            [row["id"] for row in locked],
            [row["n"] for row in locked],
        )

    async def lock_released(self, connection: Connection) -> list[Row]:
        """Some of the entries that the followed database has no row for any more."""
        return await connection.fetch(
            f"SELECT {self._selected()} FROM followed_entries f JOIN {self._table} t ON t.id = f.entry_id"
            " LEFT JOIN revisions r ON r.entry_id = t.id AND r.version = t.version"
            f" WHERE f.source = $1 AND f.released ORDER BY {_list(self._unique, 't.')} LIMIT {_PER_STATEMENT}"
            " FOR UPDATE OF t",
            self._source,
        )

    async def insert(self, connection: Connection, entries: Sequence[Record]) -> Versions:
        """Of those that were inserted; one that is there by now is left out."""
        columns = _list(["id", *self._unique, *self._values, "verification_status", "source_url"])
        return _versions(
            await connection.fetch(
                f"INSERT INTO {self._table} ({columns}) SELECT {columns}"
                f" FROM jsonb_to_recordset($1::jsonb) AS w ({self._described}) ORDER BY {_list(self._unique)}"
                " ON CONFLICT DO NOTHING RETURNING id, version",
                entries,
            )
        )

    async def update(self, connection: Connection, entries: Sequence[Record]) -> Versions:
        """A deleted entry is restored. The title of a source is that of its address."""
        given = [*self._values, "verification_status", "source_url"]
        return _versions(
            await connection.fetch(
                f"UPDATE {self._table} t SET {', '.join(f'{name} = w.{name}' for name in given)}, deleted_at = NULL,"
                " source_title = CASE WHEN t.source_url IS NOT DISTINCT FROM w.source_url THEN t.source_title END"
                f" FROM jsonb_to_recordset($1::jsonb) AS w ({self._described}) WHERE t.id = w.id"
                " RETURNING t.id, t.version",
                entries,
            )
        )

    async def delete(self, connection: Connection, ids: Sequence[str]) -> None:
        await connection.execute(
            f"UPDATE {self._table} SET deleted_at = clock_timestamp() WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL",
            ids,
        )

    async def flag(self, connection: Connection, ids: Sequence[str]) -> None:
        await connection.execute(
            f"UPDATE {self._table} SET verification_status = 'flagged' WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL",
            ids,
        )

    async def fetch_of_rows(self, connection: Connection, source_ids: Sequence[int]) -> list[Row]:
        """Id, row and key of the entries that these rows had."""
        return await connection.fetch(
            f"SELECT f.entry_id::text AS entry_id, f.source_id, {_list([f't.{name}::text AS {name}' for name in self._unique])}"
            f" FROM followed_entries f JOIN {self._table} t ON t.id = f.entry_id"
            " WHERE f.source = $1 AND f.source_id = ANY($2::bigint[])",
            self._source,
            source_ids,
        )

    def _selected(self) -> str:
        return (
            "t.id::text AS entry_id, t.version, t.deleted_at IS NOT NULL AS deleted, t.verification_status,"
            f" t.source_url, jsonb_build_object({self._stored}) AS stored, r.changed_by, f.source_id, f.applied,"
            " f.version AS followed_version, f.disputed, f.released,"
            " ARRAY(SELECT part FROM set_aside_rows s WHERE (s.source, s.source_id) = (f.source, f.source_id)) AS unfit_parts"
        )


def _described(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {sql_type}" for name, sql_type in columns.items())


def _list(names: Sequence[str], prefix: str = "") -> str:
    return ", ".join(prefix + name for name in names)


def _versions(rows: Sequence[Row]) -> Versions:
    return {str(row["id"]): row["version"] for row in rows}


class TakenOver(msgspec.Struct, frozen=True):
    """What was taken over for one entry."""

    entry_id: str
    source_id: int
    applied: Mapping[str, Any]
    version: int
    disputed: bool


async def record(connection: Connection, source: str, taken: Sequence[TakenOver]) -> None:
    await connection.execute(
        "INSERT INTO followed_entries (entry_id, source, source_id, applied, version, disputed)"
        " SELECT entry_id, $1, source_id, applied, version, disputed FROM jsonb_to_recordset($2::jsonb)"
        " AS w (entry_id uuid, source_id bigint, applied jsonb, version integer, disputed boolean)"
        " ON CONFLICT (entry_id) DO UPDATE SET (source, source_id, applied, version, disputed, released) ="
        " (excluded.source, excluded.source_id, excluded.applied, excluded.version, excluded.disputed, false)",
        source,
        taken,
    )


async def release(connection: Connection, entry_ids: Sequence[str]) -> None:
    await connection.execute(
        "UPDATE followed_entries SET released = true WHERE entry_id = ANY($1::uuid[])", entry_ids
    )


async def keep_as_own(connection: Connection, entry_ids: Sequence[str]) -> None:
    """Entries that were changed here and have no row any more."""
    await connection.execute(
        "UPDATE followed_entries SET released = false, version = 0 WHERE entry_id = ANY($1::uuid[])",
        entry_ids,
    )


async def forget(connection: Connection, entry_ids: Sequence[str]) -> None:
    await connection.execute("DELETE FROM followed_entries WHERE entry_id = ANY($1::uuid[])", entry_ids)


async def count_released(connection: Connection, source: str) -> int:
    """By an index of these only."""
    found: int = await connection.fetchval(
        "SELECT count(*) FROM followed_entries WHERE source = $1 AND released", source
    )
    return found


async def count_followed(connection: Connection, source: str) -> int:
    found: int = await connection.fetchval("SELECT count(*) FROM followed_entries WHERE source = $1", source)
    return found
