"""What an instance trusts while PostgreSQL is silent, and while it answers and takes no writes."""

import asyncio

from msgspec.structs import replace

from app.settings import Settings
from tests.integration.jobs.instances import Instance, caches, instance
from tests.integration.jobs.test_validity import remember
from tests.servers import PrivatePostgres
from tests.waiting import until


async def stays(one: Instance, seconds: float) -> bool:
    """L1 and L2 are given out all the time."""
    for _ in range(round(seconds / 0.05)):
        if not (one.memory.enabled and one.shared.trusted):
            return False
        await asyncio.sleep(0.05)
    return True


async def test_while_postgres_is_away_for_all_cached_answers_go_on(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    # A bound of three seconds: a machine so busy that a heartbeat comes later is no silence.
    settings = replace(settings, database_url=private_postgres.url, max_missed_heartbeats=12)
    async with instance(settings) as one, instance(settings) as other:
        await asyncio.sleep(1)
        private_postgres.stop()
        await until(lambda: one.memory.enabled and one.shared.trusted)
        assert await stays(one, 5)
        assert await stays(other, 0.5)
        private_postgres.start()


async def test_one_that_vanishes_with_postgres_may_be_working_elsewhere(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    """As if this instance and its Redis had been cut off from all others."""
    settings = replace(settings, database_url=private_postgres.url)
    async with instance(settings) as one, caches(settings) as other:
        _, beat, *_ = other.jobs(relays=False)
        vanishing = asyncio.create_task(beat.run())
        await until(lambda: bool(one.consistency._others))
        private_postgres.stop()
        vanishing.cancel()
        await until(lambda: not one.memory.enabled and not one.shared.trusted, 10)
        private_postgres.start()
        await until(lambda: one.memory.enabled and one.shared.trusted)


async def test_while_postgres_takes_no_writes_the_caches_are_not_trusted(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    async with instance(replace(settings, database_url=private_postgres.url)) as one:
        remember(one)
        await private_postgres.refuse_writes()
        await until(lambda: not one.memory.enabled and not one.shared.trusted, 10)
        assert one.validity.reason is not None
