"""Work that one instance does for all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.db.pool import UNREACHABLE
from app.errors import Unavailable
from app.settings import Settings


@asynccontextmanager
async def alone(work: str, settings: Settings) -> AsyncIterator[bool]:
    """Whether nobody else does this work; it is ours until the block ends, or this process does.

    On a connection of its own: a lock for minutes must not take one from the requests.
    """
    try:
        connection = await asyncpg.connect(
            settings.database_url,
            timeout=settings.database_connect_timeout,
            command_timeout=settings.database_statement_timeout,
            server_settings={"application_name": f"dno-api {work}"},
        )
    except UNREACHABLE as error:
        raise Unavailable("The database does not answer at the moment.") from error
    try:
        yield await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", work)
    finally:
        # Not close(): whether PostgreSQL still answers or not, the lock goes with the connection.
        connection.terminate()
