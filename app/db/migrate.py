"""Applies migrations, once also if several instances start together."""

from contextlib import suppress
from pathlib import Path

import asyncpg
from asyncpg_trek import Direction, execute, plan
from asyncpg_trek.asyncpg import AsyncpgBackend

from app.db.connect import Connection, connect

MIGRATIONS = Path(__file__).parent / "migrations"
LATEST = max(path.stem.rsplit("_", 1)[1] for path in MIGRATIONS.glob("*_up_*.sql"))

# An arbitrary number, the same in every release.
_LOCK = 0x646E6F


async def migrate(database_url: str, *, connect_timeout: float = 10, target: str = LATEST) -> list[str]:
    """Returns the names of the applied migrations. A second process waits, then applies none."""
    connection = await connect(database_url, within=connect_timeout)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        backend = AsyncpgBackend(connection)
        steps = await plan(backend, MIGRATIONS, target_revision=target, direction=Direction.up)
        if steps:
            await execute(backend, steps)
        await _validate(connection)
        return [str(step.to_rev) for step in steps]
    finally:
        await connection.close()


async def broken_rules(database_url: str, *, connect_timeout: float = 10) -> list[str]:
    """Constraints that are checked for new rows only, because older rows violate them: `table.rule`."""
    connection = await connect(database_url, within=connect_timeout)
    try:
        return [f"{table}.{rule}" for table, rule in await _unvalidated(connection)]
    finally:
        await connection.close()


async def _validate(connection: Connection) -> None:
    """Rows may have been corrected since the last attempt. A validated constraint is not checked again."""
    for table, rule in await _unvalidated(connection):
        with suppress(asyncpg.CheckViolationError):
            await connection.execute(f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{rule}"')


async def _unvalidated(connection: Connection) -> list[tuple[str, str]]:
    rows = await connection.fetch(
        "SELECT relname::text, conname::text FROM pg_constraint JOIN pg_class ON conrelid = pg_class.oid"
        " WHERE relnamespace = 'public'::regnamespace AND contype = 'c' AND NOT convalidated ORDER BY 1, 2"
    )
    return [(row["relname"], row["conname"]) for row in rows]
