"""Databases for one benchmark: PostgreSQL from DATABASE_URL or embedded, and always an embedded Valkey."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from app.db.migrate import LATEST, migrate
from app.dev.stack import open_stack
from app.settings import Settings
from benchmarks import registry


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder, accessible to the account that PostgreSQL runs under."""
    with tempfile.TemporaryDirectory(prefix="dno-benchmark-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


@contextmanager
def servers(place: Path) -> Iterator[Settings]:
    wanted = Settings(database_url=os.environ.get("DATABASE_URL", ""), local_folder=str(place))
    with open_stack(wanted) as stack:
        if stack.postgres:
            asyncio.run(_let_create_databases(stack.postgres.admin_url()))
        yield stack.settings


async def _let_create_databases(admin_url: str) -> None:
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute("ALTER ROLE dno CREATEDB")
    finally:
        await connection.close()


@asynccontextmanager
async def new_database(url: str, name: str, version: str = LATEST) -> AsyncIterator[str]:
    """Migrated to that version and empty; dropped afterwards."""
    server = await asyncpg.connect(url)
    try:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await server.execute(f"CREATE DATABASE {name}")
        own = urlsplit(url)._replace(path=f"/{name}").geturl()
        await migrate(own, target=version)
        yield own
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await server.close()


@asynccontextmanager
async def filled_database(url: str) -> AsyncIterator[tuple[str, str]]:
    """A new database with the data of `registry.py`, and a description of it."""
    async with new_database(url, "dno_benchmark") as own:
        content = await registry.load(own)
        connection = await asyncpg.connect(own)
        try:
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()
        yield own, content


async def add_key(database_url: str, secret_hash: bytes) -> None:
    """A key with the role EDITOR, whose owner has no password."""
    connection = await asyncpg.connect(database_url)
    try:
        async with asyncio.timeout(10):
            await connection.execute(
                "WITH people AS (INSERT INTO users (email, role, password_hash)"
                " VALUES ('benchmark@example.org', 'ADMIN', '!') RETURNING id)"
                " INSERT INTO api_keys (name, role, secret_hash, created_by)"
                " SELECT 'benchmark', 'EDITOR', $1, id FROM people",
                secret_hash,
            )
    finally:
        await connection.close()


async def add_places(database_url: str, postal_codes: Sequence[str]) -> None:
    """Four operators at each postal code, with two levels each; nothing where there are places already."""
    connection = await asyncpg.connect(database_url)
    try:
        async with asyncio.timeout(60):
            await connection.execute(
                "INSERT INTO places (basis, postal_code, municipality, dno_id, voltage_level, locations)"
                " SELECT 'REGISTERED_UNITS', code, 'Ort ' || code, d.id, level, 1 + (d.number * 7 + at) % 500"
                " FROM unnest($1::text[]) WITH ORDINALITY AS codes (code, at)"
                " JOIN (SELECT id, row_number() OVER (ORDER BY slug) AS number, count(*) OVER () AS total FROM dnos) AS d"
                " ON (d.number - at) % d.total IN (0, 1, 2, 3)"
                " CROSS JOIN unnest(ARRAY['MS', 'NS']) AS level WHERE NOT EXISTS (SELECT FROM places)",
                postal_codes,
            )
    finally:
        await connection.close()
