"""What a server says that takes no writes answers its reader, and is never kept: another server may know more."""

import asyncio
from collections.abc import Sequence

import pytest

from app.cache.region import Region
from app.db import connect
from app.db.connect import Connecting
from app.db.pool import Pool, open_pool
from app.settings import Settings
from tests.integration.cache.conftest import PATIENT
from tests.integration.cache.instance import instance
from tests.integration.cache.table import Table
from tests.servers import PrivatePostgres


class Stored(Table):
    """Its rows are sent by PostgreSQL."""

    def __init__(self, rows: dict[str, str]) -> None:
        super().__init__(rows)
        self.region = Region(self.name, str, self.tag, self._ask, lambda _, __: 60)

    async def _ask(self, pool: Pool, keys: Sequence[str]) -> dict[str, str]:
        await pool.fetch("SELECT 1")
        return await self._fetch(pool, keys)


async def test_rows_of_a_server_that_takes_no_writes_are_not_kept(
    private_postgres: PrivatePostgres, redis_url: str
) -> None:
    settings = Settings(database_url=private_postgres.url, redis_url=redis_url, **PATIENT)
    async with open_pool(settings) as pool, instance(settings, pool) as one:
        pool.on_old_rows = one.invalidator.keep_nothing
        table = Stored({"kept": "value", "a": "value"})
        assert await one.one(table, "kept") == "value"
        await one.cache.close()
        assert one.in_memory(table, "kept") == "value"
        assert await one.in_redis(table, "kept") is not None

        await private_postgres.refuse_writes()
        assert await one.one(table, "a") == "value"
        await one.cache.close()
        assert len(one.memory) == 0
        assert not one.shared.trusted
        one.shared.trust(one.shared.distrust_count)
        assert await one.in_redis(table, "a") is None


async def test_a_writable_server_ends_what_an_earlier_look_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where that look ends later."""
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
