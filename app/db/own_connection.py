"""A connection beside the pool, for what lasts longer than a request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from app.db.pool import UNREACHABLE
from app.errors import Unavailable
from app.settings import Settings


@asynccontextmanager
async def own_connection(purpose: str, settings: Settings) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Refuses with Unavailable while PostgreSQL is away, and when it goes away."""
    try:
        connection = await asyncpg.connect(
            settings.database_url,
            timeout=settings.database_connect_timeout,
            command_timeout=settings.database_statement_timeout,
            server_settings={"application_name": f"dno-api {purpose}"},
        )
        try:
            yield connection
        finally:
            # Not close(), which waits for an answer: locks and listeners go with the connection.
            connection.terminate()
    except UNREACHABLE as error:
        raise Unavailable("The database does not answer at the moment.") from error
