"""A lock held by one instance at a time, for work that one instance does for all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.dedicated_connection import dedicated_connection
from app.settings import Settings


@asynccontextmanager
async def leader_lock(name: str, settings: Settings) -> AsyncIterator[bool]:
    """Whether the lock was acquired; it is held until the block ends or this process does. Does not wait for it."""
    async with dedicated_connection(name, settings) as connection:
        yield await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name)
