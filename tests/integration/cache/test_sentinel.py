"""The same cache behind a sentinel that names the master."""

import asyncio
from uuid import uuid4

from redis.asyncio import Redis

from app.auth.sessions import Sessions, identify
from app.settings import Settings
from tests.integration.cache.processes import HOST, processes, sentinel, until_answered
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import table_caches
from tests.waiting import PATIENT


async def test_after_a_failover_the_new_master_has_another_identity() -> None:
    with processes() as family:
        async with sentinel(family) as (watch, master, _):
            settings = Settings(redis_url=f"redis+sentinel://{HOST}:{watch}/dno/0", **PATIENT)
            async with table_caches(settings) as one:
                table = Table({"a": "old"})
                await one.one(table, "a")
                await one.read_through.close()
                assert await one.in_redis(table, "a") is not None
                before = one.shared.identity
                async with one.shared.subscribe() as channel:
                    assert await one.invalidator.invalidate([table.tag("a")])
                    assert await channel.next(5) is not None

                family.kill(master)

                async def taken_over() -> bool:
                    return await one.shared.identify() not in (None, before)

                await until_answered(taken_over)
                assert not one.shared.trusted
                one.shared.trust(one.shared.distrust_count)
                assert await until_answered(lambda: one.shared.remove([table.tag("a")]))
                async with one.shared.subscribe() as channel:
                    assert await one.shared.publish(b"hello")
                    assert await channel.next(5) == b"hello"


async def test_a_connected_cache_works_without_its_sentinel() -> None:
    with processes() as family:
        async with sentinel(family) as (watch, _, _):
            settings = Settings(redis_url=f"redis+sentinel://{HOST}:{watch}/dno", **PATIENT)
            async with table_caches(settings) as one:
                family.kill(watch)
                await asyncio.sleep(0)
                table = Table({"a": "value"})
                await one.one(table, "a")
                await one.read_through.close()
                assert await one.in_redis(table, "a") is not None


async def test_after_a_manual_failover_the_demoted_master_is_no_longer_used() -> None:
    """It keeps running and answers: two pools hold connections to it, and none of them breaks by itself."""
    with processes() as family:
        async with sentinel(family) as (watch, _, replica):
            settings = Settings(redis_url=f"redis+sentinel://{HOST}:{watch}/dno/0", **PATIENT)
            async with table_caches(settings) as one, Redis(host=HOST, port=watch) as watcher:
                sessions = Sessions(one.shared.client, settings)
                table = Table({"a": "old"})
                await one.one(table, "a")
                await one.read_through.close()
                session_id = identify(await sessions.start(uuid4()))
                before = one.shared.identity
                notified: list[str] = []
                one.shared.on_change = lambda: notified.append("changed")

                async def started() -> bool:
                    return bool(await watcher.execute_command("SENTINEL", "FAILOVER", "dno"))

                await until_answered(started)

                async def taken_over() -> bool:
                    return await one.shared.identify() not in (None, before)

                await until_answered(taken_over)
                assert notified
                assert not one.shared.trusted
                assert await one.shared.remove([table.tag("a")])
                for _ in range(20):
                    assert await sessions.get(session_id) is not None
                async with Redis(host=HOST, port=replica) as leader:
                    assert (await leader.info("replication"))["role"] == "master"
                    # All session reads went there; the demoted master would have rejected them.
                    visits = (await leader.info("commandstats"))["cmdstat_getex"]["calls"]
                    assert visits >= 20
