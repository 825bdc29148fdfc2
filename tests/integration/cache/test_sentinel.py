"""The same cache behind a sentinel that names the master."""

import asyncio

from app.settings import Settings
from tests.integration.cache.conftest import PATIENT
from tests.integration.cache.instance import instance
from tests.integration.cache.processes import HOST, processes, sentinel, until
from tests.integration.cache.table import Table


async def test_after_a_failover_the_new_master_is_another_process() -> None:
    with processes() as family:
        async with sentinel(family) as (watch, master, _):
            settings = Settings(redis_url=f"redis+sentinel://{HOST}:{watch}/dno/0", **PATIENT)
            async with instance(settings) as one:
                table = Table({"a": "old"})
                await one.one(table, "a")
                await one.cache.close()
                assert await one.in_redis(table, "a") is not None
                before = one.shared.identity
                async with one.shared.subscribe() as channel:
                    assert await one.invalidator.invalidate([table.tag("a")])
                    assert await channel.next(5) is not None

                family.kill(master)

                async def taken_over() -> bool:
                    return await one.shared.identify() not in (None, before)

                await until(taken_over)
                assert not one.shared.trusted
                one.shared.trust(one.shared.doubts)
                assert await until(lambda: one.shared.remove([table.tag("a")]))
                async with one.shared.subscribe() as channel:
                    assert await one.shared.publish(b"hello")
                    assert await channel.next(5) == b"hello"


async def test_with_its_sentinel_away_a_connected_cache_goes_on() -> None:
    with processes() as family:
        async with sentinel(family) as (watch, _, _):
            settings = Settings(redis_url=f"redis+sentinel://{HOST}:{watch}/dno", **PATIENT)
            async with instance(settings) as one:
                family.kill(watch)
                await asyncio.sleep(0)
                table = Table({"a": "value"})
                await one.one(table, "a")
                await one.cache.close()
                assert await one.in_redis(table, "a") is not None
