"""Databases as an earlier release has left them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.db.migrate import migrate


@asynccontextmanager
async def database_of(release: str, postgres_url: str, name: str, rows: str) -> AsyncIterator[str]:
    """At the migration `release`, with rows that a script inserts."""
    admin = await asyncpg.connect(postgres_url, database="postgres")
    await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await admin.execute(f'CREATE DATABASE "{name}"')
    url = f"{postgres_url.rpartition('/')[0]}/{name}"
    try:
        await migrate(url, target=release)
        connection = await asyncpg.connect(url)
        await connection.execute(rows)
        await connection.close()
        yield url
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()
