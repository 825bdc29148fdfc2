"""Servers that lack what the statements of this program need."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from asyncpg.types import ServerVersion

from app.cli.migrate import bring_up_to_date
from app.db.migrate import OLDEST_SERVER, migrate
from app.errors import CannotStart
from app.settings import Settings
from tests.servers import cloned, fetchval

OLD = ServerVersion(OLDEST_SERVER - 1, 6, 0, "final", 0)
TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"


@pytest.fixture
async def empty(_postgres_url: str, worker_id: str) -> AsyncIterator[str]:
    """A database without tables."""
    async with cloned(_postgres_url, f"version_{worker_id}") as url:
        await fetchval(url, "DROP SCHEMA public CASCADE")
        await fetchval(url, "CREATE SCHEMA public")
        yield url


async def test_a_server_that_cannot_execute_corrections_is_refused_at_the_start_and_stays_as_it_is(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take the migrations, answer reads, and fail each correction and import."""
    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "get_server_version", lambda self: OLD)
        with pytest.raises(CannotStart, match=r"version 17, .* version 18 or later: .* pg_upgrade"):
            await bring_up_to_date(Settings(database_url=empty))
    assert await fetchval(empty, TABLES) == 0
    assert await migrate(empty)
