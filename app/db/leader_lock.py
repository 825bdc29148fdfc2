"""Work that one instance does for all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.dedicated_connection import dedicated_connection
from app.settings import Settings


@asynccontextmanager
async def alone(work: str, settings: Settings) -> AsyncIterator[bool]:
    """Whether nobody else does this work; it is ours until the block ends, or this process does."""
    async with dedicated_connection(work, settings) as connection:
        yield await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", work)
