"""An import as one transaction, which is retried once if the database rolled it back, for a deadlock for instance."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import asyncpg

from app.db.failures import Failure, failure_of, is_definite
from app.db.pool import Connection
from app.errors import CannotStart

T = TypeVar("T")


class CommitUnanswered(CannotStart):
    """The connection broke during the commit, and it is not known whether it succeeded."""


class RuleViolated(CannotStart):
    """A rule of the database that concerns several entries; nothing was written."""


async def in_transaction(connection: Connection, work: Callable[[], Awaitable[T]], *, keep: bool = True) -> T:
    """`work` must have no effect but through the connection. Without `keep` it is rolled back."""
    try:
        return await _once(connection, work, keep)
    except asyncpg.LockNotAvailableError:
        raise  # the lock time-out has expired already
    except Exception as error:
        if failure_of(error) not in (Failure.RETRY, Failure.STALE):
            raise
        return await _once(connection, work, keep)


async def _once(connection: Connection, work: Callable[[], Awaitable[T]], keep: bool) -> T:
    transaction = connection.transaction()
    await transaction.start()
    try:
        result = await work()
    except BaseException:
        # The first error is the one to raise.
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await transaction.rollback()
        raise
    if not keep:
        await transaction.rollback()
        return result
    try:
        await transaction.commit()
    except Exception as error:
        if is_definite(error):
            raise
        raise CommitUnanswered(
            "The database stopped answering during the commit: whether the import was written is not known. Import the"
            " same files again; that changes nothing if it was."
        ) from error
    return result
