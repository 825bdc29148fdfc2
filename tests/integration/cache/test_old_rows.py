"""Rows of a read-only server are returned to their reader and never cached: the primary may have newer ones."""

import asyncio
from collections.abc import Sequence

import pytest

from app.cache.region import Region
from app.db import connect
from app.db.connect import Connecting
from app.db.pool import Pool, open_pool
from app.settings import Settings
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import table_caches
from tests.servers import PrivatePostgres
from tests.waiting import PATIENT


class DatabaseTable(Table):
    """Its fetches use a connection to PostgreSQL."""

    def __init__(self, rows: dict[str, str]) -> None:
        super().__init__(rows)
        self.region = Region(self.name, str, self.tag, self._fetch_through, lambda _, __: 60)

    async def _fetch_through(self, pool: Pool, keys: Sequence[str]) -> dict[str, str]:
        await pool.fetch("SELECT 1")
        return await self._fetch(pool, keys)


async def test_rows_of_a_read_only_server_are_not_cached(
    private_postgres: PrivatePostgres, redis_url: str
) -> None:
    settings = Settings(database_url=private_postgres.url, redis_url=redis_url, **PATIENT)
    async with open_pool(settings) as pool, table_caches(settings, pool) as one:
        pool.on_old_rows = one.invalidator.keep_nothing
        table = DatabaseTable({"kept": "value", "a": "value"})
        assert await one.one(table, "kept") == "value"
        await one.read_through.close()
        assert one.in_memory(table, "kept") == "value"
        assert await one.in_redis(table, "kept") is not None

        await private_postgres.refuse_writes()
        assert await one.one(table, "a") == "value"
        await one.read_through.close()
        assert len(one.memory) == 0
        assert not one.shared.trusted
        one.shared.trust(one.shared.distrust_count)
        assert await one.in_redis(table, "a") is None


async def test_a_connection_to_a_writable_server_supersedes_earlier_read_only_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the earlier connection is completed later."""
    go = asyncio.Event()

    async def first(url: str, *_: object, **__: object) -> tuple[str, bool]:
        if url == "slow, read-only":
            await go.wait()
        return url, url == "writable"

    monkeypatch.setattr(connect, "_first", first)
    connecting = Connecting(within=5)
    await connecting("read-only")
    assert connecting.found_read_only_within(60)
    slow = asyncio.create_task(connecting("slow, read-only"))
    await asyncio.sleep(0)
    await connecting("writable")
    assert not connecting.found_read_only_within(60)
    go.set()
    await slow
    assert not connecting.found_read_only_within(60)
    await connecting("read-only")
    assert connecting.found_read_only_within(60)
    connecting.expect_writable()
    assert not connecting.found_read_only_within(60)
