"""Applies migrations, once also if several instances start together."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg_trek import Direction, execute, plan
from asyncpg_trek.asyncpg import AsyncpgBackend

from app.db.address import address
from app.db.connect import NO_TIMEOUTS, OWN_SETTINGS, Connection, connect, set_again
from app.db.missing_objects import TABLES
from app.errors import CannotStart

MIGRATIONS = Path(__file__).parent / "migrations"
LATEST = max(path.stem.rsplit("_", 1)[1] for path in MIGRATIONS.glob("*_up_*.sql"))

# An arbitrary number, the same in every release.
_LOCK = 0x646E6F
# While a migration waits for a table, all later statements on this table wait behind it: so it gives up soon, and is tried again.
_LOCK_TIMEOUT = "300ms"

# Corrections and imports need `RETURNING old`. An earlier server takes all migrations, since it reads functions only when they are called:
# it would answer reads, and fail each write.
OLDEST_SERVER: Final = 18


async def migrate(database_url: str, *, connect_timeout: float = 10, target: str = LATEST) -> list[str]:
    """Returns the names of the applied migrations. A second process waits, then applies none. So does an earlier release than the
    one that the database was brought to.

    Raises LockNotAvailableError where another transaction uses a table for longer, and CannotStart where the server is too old; nothing
    is applied then.
    """
    connection = await connect(database_url, within=connect_timeout)
    try:
        if (server := connection.get_server_version()).major < OLDEST_SERVER:
            raise CannotStart(
                f"The PostgreSQL that takes writes at {address(database_url)} is version {server.major}, and this needs version"
                f" {OLDEST_SERVER} or later: move the data with pg_upgrade or pg_dump, or name another server in DATABASE_URL."
            )
        await set_again(connection, {**NO_TIMEOUTS, **OWN_SETTINGS})
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        if await _version(connection) > int(target):
            return []
        await connection.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        backend = AsyncpgBackend(connection)
        steps = await plan(backend, MIGRATIONS, target_revision=target, direction=Direction.up)
        if steps:
            await execute(backend, steps)
        await _validate(connection)
        return [str(step.to_rev) for step in steps]
    finally:
        await connection.close()


async def _version(connection: Connection) -> int:
    """That the database was brought to; 0 if it is empty."""
    if await connection.fetchval("SELECT to_regclass('public.migrations')") is None:
        return 0
    latest = await connection.fetchval("SELECT to_revision FROM public.migrations ORDER BY id DESC LIMIT 1")
    return int(latest or 0)


class LeftRows(NamedTuple):
    """Rows that are for people to correct. `broken_rules`: constraints that are checked for new rows only, because older rows
    violate them, or their table belongs to another role; as `table.rule`. `decomposed_levies`: the first of them in words, with the
    ids of the API.
    """

    broken_rules: list[str]
    decomposed_levies: list[str]
    decomposed_total: int


async def left_rows(database_url: str, *, most: int = 20, connect_timeout: float = 10) -> LeftRows:
    """`most`: how many levies are listed."""
    connection = await connect(database_url, within=connect_timeout)
    try:
        broken = [rule["name"] for rule in await _unvalidated(connection)]
        decomposed = await _decomposed_levies(connection, most)
        return LeftRows(
            broken, [row["levy"] for row in decomposed], decomposed[0]["total"] if decomposed else 0
        )
    finally:
        await connection.close()


async def _decomposed_levies(connection: Connection, most: int) -> list[Any]:
    """Rates that migration 0021 left, or an instance of an earlier release has written since: they hold for a group that looks
    like another one and is a different text.
    """
    if await connection.fetchval("SELECT getdatabaseencoding()") != "UTF8":
        return []
    return await connection.fetch(
        "SELECT concat(kind, ' for ', normalize(customer_group, NFC), ' from ',"
        " coalesce(to_char(nullif(valid_from, '-infinity'), 'YYYY-MM-DD'), 'an unknown day'), ' to ' || to_char(valid_to, 'YYYY-MM-DD'), ' (levy_', replace(id::text, '-', ''), ')') AS levy,"
        " count(*) OVER () AS total FROM levies"
        " WHERE customer_group IS NOT NFC NORMALIZED AND deleted_at IS NULL ORDER BY kind, normalize(customer_group, NFC), valid_from, id"
        " LIMIT $1",
        most,
    )


async def _validate(connection: Connection) -> None:
    """Rows may have been corrected since the last attempt. A validated constraint is not checked again. The owner of a table may be
    another role.
    """
    for rule in await _unvalidated(connection):
        with suppress(asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError):
            await connection.execute(rule["validation"])


async def _unvalidated(connection: Connection) -> list[Any]:
    """Of the tables that statements of this session find, in whichever schema of its search_path."""
    return await connection.fetch(
        "SELECT format('%s.%s', relname, conname) AS name,"
        " format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname) AS validation"
        " FROM pg_constraint JOIN pg_class ON conrelid = pg_class.oid"
        " WHERE pg_table_is_visible(conrelid) AND relname = ANY($1::text[]) AND contype = 'c' AND NOT convalidated"
        " ORDER BY relname, conname",
        TABLES,
    )
