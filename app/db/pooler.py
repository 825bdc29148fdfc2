"""Detects a pooler in transaction or statement mode between this server and PostgreSQL."""

import secrets
from contextlib import AsyncExitStack
from typing import Final

import asyncpg

from app.db.address import address
from app.db.connect import Connection, connect
from app.db.failures import Failure, failure_of
from app.errors import CannotStart

# A custom setting of the session.
_MARK: Final = "dno.session"


async def refuse_transaction_pooling(url: str, *, within: float) -> None:
    """Raises CannotStart behind PgBouncer in transaction or statement mode, where prepared statements, LISTEN
    and session locks do not work.

    One connection marks its session. While a second one is within a transaction, the mark must be found on the
    first and not on the second: a pooler assigns the marked session to the second, or another one to the first.
    """
    async with AsyncExitStack() as opened:
        first = await _open(url, within, opened)
        mark = secrets.token_hex(8)
        await first.execute(f"SELECT set_config('{_MARK}', '{mark}', false)")
        second = await _open(url, within, opened)
        try:
            await second.execute("BEGIN")
            kept = await _mark(second) != mark and await _mark_in_transaction(first) == mark
        except asyncpg.PostgresError as error:
            # In statement mode PgBouncer rejects transactions as a protocol violation and closes the connection.
            refused = isinstance(error.__cause__ or error, asyncpg.ProtocolViolationError)
            if failure_of(error) is not Failure.STALE and not refused:
                raise
            kept = False
    if not kept:
        raise CannotStart(
            f"Between this server and PostgreSQL at {address(url)} is a pooler in transaction or statement mode, which takes away"
            " prepared statements, LISTEN and locks: set its pool_mode to session, or name PostgreSQL itself in"
            " DATABASE_URL."
        )


async def _open(url: str, within: float, opened: AsyncExitStack) -> Connection:
    # Without a cache nothing is prepared under a name that a session of another client may have.
    connection = await connect(url, within=within, command_timeout=within, statement_cache_size=0)
    opened.callback(connection.terminate)
    return connection


async def _mark_in_transaction(connection: Connection) -> object:
    # Without a transaction a pooler may use another session for each statement.
    await connection.execute("BEGIN")
    return await _mark(connection)


async def _mark(connection: Connection) -> object:
    return await connection.fetchval(f"SELECT current_setting('{_MARK}', true)")
