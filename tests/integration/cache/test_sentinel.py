"""The same cache behind a sentinel that names the master."""

import asyncio
from uuid import uuid4

from redis.asyncio import Redis

from app.auth.sessions import Sessions, identify
from app.settings import Settings
from tests.integration.cache.conftest import PATIENT
from tests.integration.cache.instance import instance
from tests.integration.cache.processes import HOST, processes, sentinel, until_answered
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

                await until_answered(taken_over)
                assert not one.shared.trusted
                one.shared.trust(one.shared.distrust_count)
                assert await until_answered(lambda: one.shared.remove([table.tag("a")]))
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


async def test_after_a_failover_by_hand_the_demoted_master_is_left() -> None:
    """It lives on and answers: connections to it are in two pools, and none of them breaks by itself."""
    with processes() as family:
        async with sentinel(family) as (watch, _, replica):
            settings = Settings(redis_url=f"redis+sentinel://{HOST}:{watch}/dno/0", **PATIENT)
            async with instance(settings) as one, Redis(host=HOST, port=watch) as watcher:
                sessions = Sessions(one.shared.client, settings)
                table = Table({"a": "old"})
                await one.one(table, "a")
                await one.cache.close()
                session_id = identify(await sessions.start(uuid4()))
                before = one.shared.identity
                left: list[str] = []
                one.shared.on_change = lambda: left.append("the channel")

                async def started() -> bool:
                    return bool(await watcher.execute_command("SENTINEL", "FAILOVER", "dno"))

                await until_answered(started)

                async def taken_over() -> bool:
                    return await one.shared.identify() not in (None, before)

                await until_answered(taken_over)
                assert left
                assert not one.shared.trusted
                assert await one.shared.remove([table.tag("a")])
                for _ in range(20):
                    assert await sessions.get(session_id) is not None
                async with Redis(host=HOST, port=replica) as leader:
                    assert (await leader.info("replication"))["role"] == "master"
                    # All visits went there; the demoted one would have refused them.
                    visits = (await leader.info("commandstats"))["cmdstat_getex"]["calls"]
                    assert visits >= 20
