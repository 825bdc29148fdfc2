"""Every committed change reaches Redis and all instances, whichever program wrote it and whatever failed."""

import asyncio
import os
import signal
import sys

import psutil
from msgspec.structs import replace

from app.broadcast import Filter
from app.cache.message import decode
from app.cache.redis import Fill, SharedCache
from app.db.pool import Pool
from app.domain import tags
from app.domain.tariff import Tariff
from app.errors import AppError
from app.failpoints import FailPoint
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests import factories as make
from tests.integration.jobs.caches_with_jobs import caches, running_caches
from tests.integration.jobs.changes import (
    backlog,
    correct_in_database,
    relay_lock_held,
    tag_of,
    update_by_sql,
)
from tests.servers import PrivatePostgres, PrivateValkey
from tests.waiting import LIMIT, until, until_delivered


async def keep_in_l2(shared: SharedCache, tag: str, data: bytes) -> None:
    [token] = (await shared.lease_many([tag])).values()
    assert token is not None
    assert not await shared.fill_many([Fill(tag, token, data, 60)])


async def test_an_update_by_sql_is_delivered_to_every_instance_and_removed_from_l2(
    pool: Pool, settings: Settings
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with running_caches(settings) as one, running_caches(settings) as other:
        await until_delivered(pool)
        await keep_in_l2(one.shared, tag_of(tariff), b"old")
        async with other.broadcast.subscribe(Filter()) as subscriber:
            await update_by_sql(pool, tariff.id, "60.00")
            async with asyncio.timeout(30):
                change = await anext(subscriber)
        assert (change.entry.id, change.entry.version) == (tariff.id, 2)
        assert await one.shared.get_many([tag_of(tariff)]) == {}


async def test_an_event_acknowledged_by_its_writer_is_delivered_but_not_removed_again(
    pool: Pool, settings: Settings
) -> None:
    """Values read since the write stay; subscribers still receive the event."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with running_caches(settings) as one, running_caches(settings) as other:
        await until_delivered(pool)
        async with other.broadcast.subscribe(Filter()) as subscriber:
            async with relay_lock_held(pool):
                events = await correct_in_database(pool, tariff.id, "60.00")
                touched = tags.of_all(events)
                assert await one.invalidator.invalidate(touched, [event.id for event in events])
                await keep_in_l2(one.shared, tag_of(tariff), b"new")
                await until(
                    lambda: other.invalidator.acknowledged.covers(events[0].id, other.shared.generation)
                )
            async with asyncio.timeout(LIMIT):
                change = await anext(subscriber)
        assert (change.entry.id, change.entry.version) == (tariff.id, 2)
        await until_delivered(pool)
        assert await one.shared.get_many([tag_of(tariff)]) == {tag_of(tariff): b"new"}


async def test_an_event_acknowledged_under_other_keys_is_removed(pool: Pool, settings: Settings) -> None:
    """Another epoch has begun meanwhile, with other keys than the writer has removed."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with running_caches(settings) as one:
        await until_delivered(pool)
        async with relay_lock_held(pool):
            events = await correct_in_database(pool, tariff.id, "60.00")
            one.invalidator.acknowledged.note("1.0", [event.id for event in events])
            await keep_in_l2(one.shared, tag_of(tariff), b"old")
        await until_delivered(pool)
        assert await one.shared.get_many([tag_of(tariff)]) == {}


async def test_a_removal_also_removes_the_lease(pool: Pool, settings: Settings) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with running_caches(settings) as one:
        await until_delivered(pool)
        [token] = (await one.shared.lease_many([tag_of(tariff)])).values()
        assert token is not None
        await update_by_sql(pool, tariff.id, "60.00")
        await until_delivered(pool)
        assert await one.shared.fill_many([Fill(tag_of(tariff), token, b"old", 60)]) == {tag_of(tariff)}


async def test_without_any_notification_the_poll_finds_committed_events(
    pool: Pool, settings: Settings
) -> None:
    async with caches(replace(settings, relay_interval=0.1)) as one:
        jobs = [job for job in one.jobs() if type(job).__name__ != "Notifications"]
        async with Supervisor(jobs, stop_timeout=5):
            await until(lambda: one.shared.trusted)
            await make.tariff(pool, await make.dno(pool))
            await until_delivered(pool, 1)


async def test_changes_of_one_entry_are_delivered_in_order_across_batches(
    pool: Pool, settings: Settings
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await update_by_sql(pool, tariff.id, *[f"{number}.00" for number in range(1, 41)])
    async with (
        caches(replace(settings, max_relay_batch=3)) as one,
        caches(replace(settings, max_relay_batch=3)) as other,
        Supervisor(one.jobs(relays=False), stop_timeout=5),
    ):
        await until(lambda: one.memory.enabled)
        # Two relays, which must not overtake each other.
        async with (
            one.broadcast.subscribe(Filter()) as subscriber,
            Supervisor(one.jobs(subscribes=False), stop_timeout=5),
            Supervisor(other.jobs(subscribes=False), stop_timeout=5),
        ):
            versions = [(await anext(subscriber)).entry.version for _ in range(41)]
    assert versions == list(range(1, 42))


async def test_many_notifications_at_once_cause_few_looks_at_the_outbox(
    pool: Pool, settings: Settings
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with running_caches(settings) as one:
        await until_delivered(pool)
        before = one.consistency.looks
        async with pool.connection() as connection:
            # Each with its own payload, or PostgreSQL would merge them.
            await connection.execute(
                "SELECT count(pg_notify('dno_outbox', number::text)) FROM generate_series(1, 2000) AS number"
            )
            await update_by_sql(pool, tariff.id, "60.00")
        await until_delivered(pool)
        assert one.consistency.looks - before < 100


async def test_a_batch_that_redis_cannot_take_at_once_is_tried_in_smaller_parts(
    pool: Pool, settings: Settings
) -> None:
    """A batch too big for one time-out must not be tried for ever."""
    tariff = await make.tariff(pool, await make.dno(pool))
    await update_by_sql(pool, tariff.id, *[f"{number}.00" for number in range(1, 9)])
    async with caches(settings) as one:
        sizes: list[int] = []
        really = one.shared.remove_and_publish

        async def only_small(touched: list[str], message: bytes) -> bool:
            events = events_in(message)
            sizes.append(events)
            return events <= 2 and await really(touched, message)

        one.shared.remove_and_publish = only_small  # type: ignore[method-assign, assignment]
        async with Supervisor(one.jobs(subscribes=False), stop_timeout=5):
            await until_delivered(pool)
    assert max(sizes) == 10
    assert sizes[-1] <= 2


def events_in(data: bytes) -> int:
    message = decode(data)
    assert message is not None
    return len(message.events)


async def test_events_stay_in_the_outbox_while_redis_is_away_and_are_delivered_afterwards(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    settings = replace(settings, redis_url=valkey.url)
    async with (
        running_caches(settings) as one,
        running_caches(settings) as other,
        other.broadcast.subscribe(Filter()) as subscriber,
    ):
        tariff = await make.tariff(pool, await make.dno(pool))
        assert (await anext(subscriber)).entry.version == 1
        await until_delivered(pool)
        await keep_in_l2(one.shared, tag_of(tariff), b"old")

        valkey.pause()
        await update_by_sql(pool, tariff.id, "60.00", "61.00")
        await until(lambda: not any([one.shared.trusted, other.shared.trusted]))
        await until(lambda: not any([one.memory.enabled, other.memory.enabled]))
        assert await backlog(pool) == 2

        valkey.resume()
        await until_delivered(pool)
        await until(lambda: one.shared.trusted and other.memory.enabled)
        assert await one.shared.get_many([tag_of(tariff)]) == {}
        assert [(await anext(subscriber)).entry.version for _ in range(2)] == [2, 3]


async def test_l2_is_trusted_again_only_when_all_earlier_events_are_delivered(
    pool: Pool, settings: Settings
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with (
        relay_lock_held(pool),
        caches(settings) as one,
        Supervisor(one.jobs(), stop_timeout=5),
    ):
        await until(lambda: one.shared.epoch > 0)
        looked = one.consistency.looks
        await until(lambda: one.consistency.looks > looked + 3)
        assert not one.shared.trusted
        # Events committed from now on do not prolong the earlier distrust.
        await pool.fetch("DELETE FROM outbox")
        await update_by_sql(pool, tariff.id, "60.00")
        await until(lambda: one.shared.trusted)
        assert await backlog(pool) == 1


async def test_a_distrust_during_a_look_at_the_outbox_is_not_lost(pool: Pool, settings: Settings) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with running_caches(settings) as one, relay_lock_held(pool):
        await update_by_sql(pool, tariff.id, "60.00")
        one.shared.distrust("a removal was not confirmed")
        looked = one.consistency.looks
        await until(lambda: one.consistency.looks > looked + 3)
        assert not one.shared.trusted


async def test_a_restart_of_postgresql_loses_no_event(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    async with running_caches(replace(settings, database_url=private_postgres.url)) as one:
        tariff = await make.tariff(one.pool, await make.dno(one.pool))
        async with one.broadcast.subscribe(Filter()) as subscriber:
            private_postgres.stop()
            private_postgres.start()
            await update_when_available(one.pool, tariff, "60.00")
            async with asyncio.timeout(LIMIT):
                # The first version may still be delivered: it was in flight.
                while (await anext(subscriber)).entry.version < 2:
                    pass


async def test_a_relay_killed_between_redis_and_commit_loses_and_repeats_no_event(
    pool: Pool, settings: Settings
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with (
        caches(settings) as one,
        Supervisor(one.jobs(relays=False), stop_timeout=5),
    ):
        await until(lambda: one.memory.enabled)
        async with one.broadcast.subscribe(Filter()) as subscriber:
            assert await relay_until_killed(settings) == -signal.SIGKILL
            await update_by_sql(pool, tariff.id, "60.00")
            assert (await anext(subscriber)).entry.version == 1
            assert await backlog(pool) > 0
            async with Supervisor(one.jobs(subscribes=False), stop_timeout=5):
                await until_delivered(pool)
            assert (await anext(subscriber)).entry.version == 2
            assert not subscriber.waiting


async def test_a_relay_that_stops_within_its_transaction_is_replaced_at_once(
    pool: Pool, settings: Settings
) -> None:
    """Its host is frozen: PostgreSQL ends the session, and with it the lock."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with caches(settings) as one:
        frozen = await start_relay(settings, FailPoint.IN_RELAY)
        try:
            await until(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED, 30)
            await update_by_sql(pool, tariff.id, "60.00")
            async with Supervisor(one.jobs(subscribes=False), stop_timeout=5):
                await until_delivered(pool, 2.5)
        finally:
            frozen.kill()
            await frozen.wait()


async def test_a_relay_whose_session_postgresql_ended_starts_a_new_one(
    pool: Pool, settings: Settings
) -> None:
    """It resumes after another one has delivered its batch, and continues with the next."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with caches(settings) as one:
        frozen = await start_relay(settings, FailPoint.IN_RELAY)
        try:
            await until(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED, 30)
            async with Supervisor(one.jobs(subscribes=False), stop_timeout=5):
                await until_delivered(pool)
            os.kill(frozen.pid, signal.SIGCONT)
            await until(lambda: psutil.Process(frozen.pid).status() != psutil.STATUS_STOPPED, 30)
            await update_by_sql(pool, tariff.id, "60.00")
            # It stops again in the next batch, which it can begin only once the first is abandoned.
            await until(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED, 30)
            assert await backlog(pool) > 0
        finally:
            frozen.kill()
            await frozen.wait()


async def relay_until_killed(settings: Settings) -> int:
    """A process that relays, killed by SIGKILL just after Redis has taken a batch; its exit status."""
    process = await start_relay(settings, FailPoint.AFTER_PUBLISH)
    return await asyncio.wait_for(process.wait(), 30)


async def start_relay(settings: Settings, fail_point: FailPoint) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.jobs.caches_with_jobs",
        env=os.environ
        | {
            "DNO_DATABASE_URL": settings.database_url,
            "DNO_REDIS_URL": settings.redis_url,
            "DNO_FAIL_POINT": fail_point,
        },
    )


async def update_when_available(pool: Pool, tariff: Tariff, price: str) -> None:
    """Retries until PostgreSQL accepts connections."""

    async def updated() -> bool:
        await update_by_sql(pool, tariff.id, price)
        return True

    await until(updated, ignoring=(AppError,))
