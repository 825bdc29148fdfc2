"""Databases as an earlier release has left them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.db.migrate import migrate


@asynccontextmanager
async def database_of(release: str, postgres_url: str, name: str, rows: str) -> AsyncIterator[str]:
    """At the migration `release`, with rows that a script inserts."""
    admin = await asyncpg.connect(postgres_url, database="postgres")
    url = f"{postgres_url.rpartition('/')[0]}/{name}"
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}"')
        await migrate(url, target=release)
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(rows)
        finally:
            await connection.close()
        yield url
    finally:
        try:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        finally:
            await admin.close()
