"""Brings the database up to date, once, however many instances start together."""

from pathlib import Path

from asyncpg_trek import Direction, execute, plan
from asyncpg_trek.asyncpg import AsyncpgBackend

from app.db.connect import connect

MIGRATIONS = Path(__file__).parent / "migrations"
LATEST = max(path.stem.rsplit("_", 1)[1] for path in MIGRATIONS.glob("*_up_*.sql"))

# Any number will do, as long as every release uses the same.
_LOCK = 0x646E6F


async def migrate(database_url: str, *, connect_timeout: float = 10, target: str = LATEST) -> list[str]:
    """The names of the migrations that were applied; whoever comes second waits and applies none."""
    connection = await connect(database_url, within=connect_timeout)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        backend = AsyncpgBackend(connection)
        steps = await plan(backend, MIGRATIONS, target_revision=target, direction=Direction.up)
        if steps:
            await execute(backend, steps)
        return [str(step.to_rev) for step in steps]
    finally:
        await connection.close()
