"""Which caches an instance trusts while PostgreSQL is unreachable, and while it is read-only."""

import asyncio

from msgspec.structs import replace

from app.settings import Settings
from tests.integration.jobs.caches_with_jobs import CachesWithJobs, caches, running_caches
from tests.integration.jobs.changes import keep_in_l1
from tests.servers import PrivatePostgres
from tests.waiting import until


async def stay_trusted(one: CachesWithJobs, seconds: float) -> bool:
    """L1 and L2 are in use throughout."""
    for _ in range(round(seconds / 0.05)):
        if not (one.memory.enabled and one.shared.trusted):
            return False
        await asyncio.sleep(0.05)
    return True


async def test_cached_responses_continue_while_no_instance_reaches_postgresql(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    # Three seconds: a heartbeat that is late on a busy machine does not count as missing.
    settings = replace(settings, database_url=private_postgres.url, max_missed_heartbeats=12)
    async with running_caches(settings) as one, running_caches(settings) as other:
        await asyncio.sleep(1)
        private_postgres.stop()
        await until(lambda: one.memory.enabled and one.shared.trusted)
        assert await stay_trusted(one, 5)
        assert await stay_trusted(other, 0.5)
        private_postgres.start()


async def test_an_instance_that_vanishes_with_postgresql_may_still_be_writing(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    """As if this instance and its Redis had been partitioned from all others."""
    settings = replace(settings, database_url=private_postgres.url)
    async with running_caches(settings) as one, caches(settings) as other:
        _, beat, *_ = other.jobs(relays=False)
        heartbeat = asyncio.create_task(beat.run())
        await until(lambda: bool(one.consistency._others))
        private_postgres.stop()
        heartbeat.cancel()
        await until(lambda: not one.memory.enabled and not one.shared.trusted, 10)
        private_postgres.start()
        await until(lambda: one.memory.enabled and one.shared.trusted)


async def test_caches_are_not_trusted_while_postgresql_is_read_only(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    async with running_caches(replace(settings, database_url=private_postgres.url)) as one:
        keep_in_l1(one)
        await private_postgres.refuse_writes()
        await until(lambda: not one.memory.enabled and not one.shared.trusted, 10)
        assert one.validity.reason is not None
