"""Operators as a followed database has them: which is which here, and what was taken over last."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from app.db.file_columns import OPERATOR_COLUMNS, SQL_TYPES
from app.db.pool import Connection
from app.domain.families import FAMILIES

Columns = dict[str, str]  # of OPERATOR_COLUMNS, as text; empty: null

_TYPED: Final = {name: SQL_TYPES[column] for name, column in OPERATOR_COLUMNS.items()}
_GIVEN: Final = ", ".join(
    f"coalesce(w.{name}, false)" if sql_type == "boolean" else f"w.{name}"
    for name, sql_type in _TYPED.items()
)
_RECORD: Final = "id uuid, " + ", ".join(f"{name} {sql_type}" for name, sql_type in _TYPED.items())


class Own(msgspec.Struct, frozen=True):
    """An operator here."""

    id: UUID
    deleted: bool
    columns: Columns


class Mapped(msgspec.Struct, frozen=True):
    """One of the followed database's operators, and ours. `added`: by following. `gone`: it is so no longer."""

    source_id: int
    created: str
    dno_id: UUID
    added: bool
    gone: bool
    applied: Columns


async def fetch_own(connection: Connection) -> list[Own]:
    columns = ", ".join(f"coalesce({name}::text, '') AS {name}" for name in OPERATOR_COLUMNS)
    rows = await connection.fetch(
        f"SELECT id, deleted_at IS NOT NULL AS deleted, {columns} FROM dnos ORDER BY created_at, slug"
    )
    return [Own(row["id"], row["deleted"], {name: row[name] for name in OPERATOR_COLUMNS}) for row in rows]


async def fetch_mapped(connection: Connection) -> list[Mapped]:
    rows = await connection.fetch(
        "SELECT source_id, created, dno_id, added, gone, applied FROM followed_operators ORDER BY source_id, dno_id"
    )
    return [Mapped(**dict(row)) for row in rows]


async def fetch_ids(connection: Connection, source_ids: Collection[int]) -> dict[int, UUID]:
    """Operators here, by the ids there."""
    rows = await connection.fetch(
        "SELECT source_id, dno_id FROM followed_operators WHERE source_id = ANY($1::bigint[]) AND NOT gone",
        list(source_ids),
    )
    return {row["source_id"]: row["dno_id"] for row in rows}


async def insert(connection: Connection, operators: Sequence[Mapping[str, Any]]) -> None:
    await connection.execute(
        f"INSERT INTO dnos (id, {', '.join(OPERATOR_COLUMNS)}) SELECT w.id, {_GIVEN}"
        f" FROM jsonb_to_recordset($1::jsonb) AS w ({_RECORD}) ORDER BY w.slug",
        _nulls(operators),
    )


async def update(connection: Connection, operators: Sequence[Mapping[str, Any]]) -> None:
    """A deleted operator is restored."""
    await connection.execute(
        f"UPDATE dnos t SET ({', '.join(OPERATOR_COLUMNS)}) = ROW({_GIVEN}), deleted_at = NULL"
        f" FROM jsonb_to_recordset($1::jsonb) AS w ({_RECORD}) WHERE t.id = w.id",
        _nulls(operators),
    )


def _nulls(operators: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value if value != "" else None for name, value in each.items()} for each in operators]


async def add_aliases(connection: Connection, aliases: Sequence[tuple[UUID, str]], source: str) -> None:
    await connection.execute(
        "INSERT INTO dno_aliases (dno_id, alias, source)"
        " SELECT dno_id, alias, $3 FROM unnest($1::uuid[], $2::text[]) AS given (dno_id, alias)"
        " ON CONFLICT (dno_id, alias) DO NOTHING",
        [dno_id for dno_id, _ in aliases],
        [alias for _, alias in aliases],
        source,
    )


async def record(connection: Connection, mapped: Sequence[Mapped]) -> None:
    await connection.execute(
        "INSERT INTO followed_operators (source_id, created, dno_id, added, gone, applied)"
        " SELECT source_id, created, dno_id, added, gone, applied FROM jsonb_to_recordset($1::jsonb)"
        " AS w (source_id bigint, created text, dno_id uuid, added boolean, gone boolean, applied jsonb)"
        " ON CONFLICT (source_id, dno_id) DO UPDATE SET (created, added, gone, applied) ="
        " (excluded.created, followed_operators.added OR excluded.added, excluded.gone, excluded.applied)",
        mapped,
    )


async def delete_gone(connection: Connection) -> int:
    """Operators that following has added, that the followed database no longer has, and that have no figures."""
    has_entries = " OR ".join(
        f"EXISTS (SELECT FROM {family.table} e WHERE e.dno_id = d.id AND e.deleted_at IS NULL)"
        for family in FAMILIES
        if family.of_operators
    )
    rows = await connection.fetch(
        "UPDATE dnos d SET deleted_at = clock_timestamp() WHERE deleted_at IS NULL AND id IN"
        " (SELECT dno_id FROM followed_operators GROUP BY dno_id HAVING bool_or(added) AND bool_and(gone))"
        f" AND NOT ({has_entries} OR EXISTS (SELECT FROM places p WHERE p.dno_id = d.id)) RETURNING id"
    )
    return len(rows)
