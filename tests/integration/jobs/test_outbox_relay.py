"""What is committed reaches Redis and every instance, whoever wrote it and whatever failed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import psutil
from msgspec.structs import replace

from app.broadcast import Filter
from app.cache.message import decode
from app.cache.redis import Fill, SharedCache
from app.db import outbox, tariffs
from app.db.pool import Connection, Pool
from app.db.unit_of_work import unit_of_work
from app.domain import tags
from app.domain.account import Principal, Role
from app.domain.correction import TariffCorrection
from app.domain.entry import DnoYear
from app.domain.event import Event
from app.domain.tariff import Tariff
from app.errors import AppError
from app.failpoints import FailPoint
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests import factories as make
from tests.integration.jobs.instances import caches, instance
from tests.servers import PrivatePostgres, PrivateValkey
from tests.waiting import until


def tag_of(tariff: Tariff) -> str:
    return tags.tariffs(DnoYear(tariff.dno_id, tariff.year))


async def by_hand(pool: Pool, tariff: Tariff, *prices: str) -> None:
    """As somebody in psql would: nothing of this program takes part."""
    async with pool.connection() as connection:
        for price in prices:
            await connection.execute(
                f"UPDATE netzentgelte_data SET leistung = {price} WHERE id = $1", tariff.id
            )


async def keep(shared: SharedCache, tag: str, data: bytes) -> None:
    [token] = (await shared.lease_many([tag])).values()
    assert token is not None
    assert not await shared.fill_many([Fill(tag, token, data, 60)])


async def backlog(pool: Pool) -> int:
    return (await outbox.fetch_outbox_status(pool)).backlog


async def drained(pool: Pool, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while await backlog(pool):
            await asyncio.sleep(0.01)


async def test_an_update_by_hand_is_seen_everywhere_within_a_second(pool: Pool, settings: Settings) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with instance(settings) as one, instance(settings) as other:
        await drained(pool)
        await keep(one.shared, tag_of(tariff), b"old")
        async with other.broadcast.subscribe(Filter()) as subscriber:
            await by_hand(pool, tariff, "60.00")
            async with asyncio.timeout(30):
                change = await anext(subscriber)
        assert (change.entry.id, change.entry.version) == (tariff.id, 2)
        assert await one.shared.get_many([tag_of(tariff)]) == {}


async def test_what_its_writer_has_settled_is_told_but_not_removed_again(
    pool: Pool, settings: Settings
) -> None:
    """What was read since the write stays; subscribers hear of it all the same."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with instance(settings) as one, instance(settings) as other:
        await drained(pool)
        async with other.broadcast.subscribe(Filter()) as subscriber:
            async with unrelayed(pool):
                events = await written(pool, tariff, "60.00")
                touched = tags.of_all(events)
                assert await one.invalidator.invalidate(touched, [event.id for event in events])
                await keep(one.shared, tag_of(tariff), b"new")
                await until(
                    lambda: other.invalidator.acknowledged.covers(events[0].id, other.shared.generation)
                )
            async with asyncio.timeout(5):
                change = await anext(subscriber)
        assert (change.entry.id, change.entry.version) == (tariff.id, 2)
        await drained(pool)
        assert await one.shared.get_many([tag_of(tariff)]) == {tag_of(tariff): b"new"}


async def test_what_was_settled_under_other_keys_is_removed_all_the_same(
    pool: Pool, settings: Settings
) -> None:
    """Another epoch has begun meanwhile: its keys are not those that the writer removed."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with instance(settings) as one:
        await drained(pool)
        async with unrelayed(pool):
            events = await written(pool, tariff, "60.00")
            one.invalidator.acknowledged.note("1.0", [event.id for event in events])
            await keep(one.shared, tag_of(tariff), b"old")
        await drained(pool)
        assert await one.shared.get_many([tag_of(tariff)]) == {}


async def written(pool: Pool, tariff: Tariff, price: str) -> list[Event]:
    """By a writer that has not told anybody yet."""
    async with unit_of_work(pool, Principal(Role.EDITOR)) as work:
        await tariffs.correct(work, TariffCorrection(id=tariff.id, prices={"leistung": Decimal(price)}))
    return work.events


@asynccontextmanager
async def unrelayed(pool: Pool) -> AsyncIterator[None]:
    """Somebody else relays, as it seems to all relays."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        async with asyncio.timeout(10):
            while not await outbox.may_relay(connection):
                await asyncio.sleep(0.01)
        yield


async def test_what_is_removed_is_its_lease_too(pool: Pool, settings: Settings) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with instance(settings) as one:
        await drained(pool)
        [token] = (await one.shared.lease_many([tag_of(tariff)])).values()
        assert token is not None
        await by_hand(pool, tariff, "60.00")
        await drained(pool)
        assert await one.shared.fill_many([Fill(tag_of(tariff), token, b"old", 60)]) == {tag_of(tariff)}


async def test_without_any_notification_the_poll_finds_what_was_committed(
    pool: Pool, settings: Settings
) -> None:
    async with caches(replace(settings, relay_interval=0.1)) as one:
        jobs = [job for job in one.jobs() if type(job).__name__ != "Notifications"]
        async with Supervisor(jobs, stop_timeout=5):
            await until(lambda: one.shared.trusted)
            await make.tariff(pool, await make.dno(pool))
            await drained(pool, 1)


async def test_changes_of_one_entry_are_told_in_order_across_batches(pool: Pool, settings: Settings) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await by_hand(pool, tariff, *[f"{number}.00" for number in range(1, 41)])
    async with (
        caches(replace(settings, max_relay_batch=3)) as one,
        caches(replace(settings, max_relay_batch=3)) as other,
        Supervisor(one.jobs(relays=False), stop_timeout=5),
    ):
        await until(lambda: one.memory.enabled)
        # Two relays that would overtake each other, if only they could.
        async with (
            one.broadcast.subscribe(Filter()) as subscriber,
            Supervisor(one.jobs(hears=False), stop_timeout=5),
            Supervisor(other.jobs(hears=False), stop_timeout=5),
        ):
            versions = [(await anext(subscriber)).entry.version for _ in range(41)]
    assert versions == list(range(1, 42))


async def test_a_storm_of_notifications_is_one_look(pool: Pool, settings: Settings) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with instance(settings) as one:
        await drained(pool)
        before = one.consistency.looks
        async with pool.connection() as connection:
            # With a payload each, or PostgreSQL would make one of them.
            await connection.execute(
                "SELECT count(pg_notify('dno_outbox', number::text)) FROM generate_series(1, 2000) AS number"
            )
            await by_hand(pool, tariff, "60.00")
        await drained(pool)
        assert one.consistency.looks - before < 100


async def test_what_one_process_cannot_take_at_once_is_tried_in_smaller_parts(
    pool: Pool, settings: Settings
) -> None:
    """A batch too big for one time-out must not be tried for ever."""
    tariff = await make.tariff(pool, await make.dno(pool))
    await by_hand(pool, tariff, *[f"{number}.00" for number in range(1, 9)])
    async with caches(settings) as one:
        asked: list[int] = []
        really = one.shared.remove_and_publish

        async def only_small(touched: list[str], message: bytes) -> bool:
            events = events_in(message)
            asked.append(events)
            return events <= 2 and await really(touched, message)

        one.shared.remove_and_publish = only_small  # type: ignore[method-assign, assignment]
        async with Supervisor(one.jobs(hears=False), stop_timeout=5):
            await drained(pool)
    assert max(asked) == 10
    assert asked[-1] <= 2


def events_in(data: bytes) -> int:
    message = decode(data)
    assert message is not None
    return len(message.events)


async def test_while_redis_is_away_events_stay_and_then_all_are_told(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    settings = replace(settings, redis_url=valkey.url)
    async with (
        instance(settings) as one,
        instance(settings) as other,
        other.broadcast.subscribe(Filter()) as subscriber,
    ):
        tariff = await make.tariff(pool, await make.dno(pool))
        assert (await anext(subscriber)).entry.version == 1
        await drained(pool)
        await keep(one.shared, tag_of(tariff), b"old")

        valkey.pause()
        await by_hand(pool, tariff, "60.00", "61.00")
        await until(lambda: not any([one.shared.trusted, other.shared.trusted]))
        await until(lambda: not any([one.memory.enabled, other.memory.enabled]))
        assert await backlog(pool) == 2

        valkey.resume()
        await drained(pool)
        await until(lambda: one.shared.trusted and other.memory.enabled)
        assert await one.shared.get_many([tag_of(tariff)]) == {}
        assert [(await anext(subscriber)).entry.version for _ in range(2)] == [2, 3]


async def test_l2_is_trusted_again_only_when_all_from_before_is_told(pool: Pool, settings: Settings) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with (
        another_relays(pool) as holder,
        caches(settings) as one,
        Supervisor(one.jobs(), stop_timeout=5),
    ):
        await until(lambda: one.shared.epoch > 0)
        looked = one.consistency.looks
        await until(lambda: one.consistency.looks > looked + 3)
        assert not one.shared.trusted
        # What is committed from now on is no concern of a doubt from before.
        await holder.execute("DELETE FROM outbox")
        await by_hand(pool, tariff, "60.00")
        await until(lambda: one.shared.trusted)
        assert await backlog(pool) == 1


async def test_a_doubt_that_comes_up_while_looking_is_not_overlooked(pool: Pool, settings: Settings) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with instance(settings) as one, another_relays(pool):
        await by_hand(pool, tariff, "60.00")
        one.shared.distrust("a removal was not confirmed")
        looked = one.consistency.looks
        await until(lambda: one.consistency.looks > looked + 3)
        assert not one.shared.trusted


async def test_postgres_restarted_nothing_is_lost(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    async with instance(replace(settings, database_url=private_postgres.url)) as one:
        tariff = await make.tariff(one.pool, await make.dno(one.pool))
        async with one.broadcast.subscribe(Filter()) as subscriber:
            private_postgres.stop()
            private_postgres.start()
            await by_hand_again(one.pool, tariff, "60.00")
            async with asyncio.timeout(10):
                # The first may still be told: it was under way.
                while (await anext(subscriber)).entry.version < 2:
                    pass


async def test_a_relay_killed_between_redis_and_commit_loses_nothing_and_tells_nothing_twice(
    pool: Pool, settings: Settings
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    async with (
        caches(settings) as one,
        Supervisor(one.jobs(relays=False), stop_timeout=5),
    ):
        await until(lambda: one.memory.enabled)
        async with one.broadcast.subscribe(Filter()) as subscriber:
            assert await a_relay_that_dies(settings) == -signal.SIGKILL
            await by_hand(pool, tariff, "60.00")
            assert (await anext(subscriber)).entry.version == 1
            assert await backlog(pool) > 0
            async with Supervisor(one.jobs(hears=False), stop_timeout=5):
                await drained(pool)
            assert (await anext(subscriber)).entry.version == 2
            assert not subscriber.waiting


async def test_a_relay_that_stops_within_its_transaction_is_replaced_at_once(
    pool: Pool, settings: Settings
) -> None:
    """Its host is frozen: PostgreSQL ends the session, and with it the lock."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with caches(settings) as one:
        frozen = await a_relay(settings, FailPoint.IN_RELAY)
        try:
            await until(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED, 30)
            await by_hand(pool, tariff, "60.00")
            async with Supervisor(one.jobs(hears=False), stop_timeout=5):
                await drained(pool, 2.5)
        finally:
            frozen.kill()
            await frozen.wait()


async def test_a_relay_that_is_ended_by_postgres_begins_anew(pool: Pool, settings: Settings) -> None:
    """It wakes after another one has delivered what it had taken, and goes on with what comes next."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with caches(settings) as one:
        frozen = await a_relay(settings, FailPoint.IN_RELAY)
        try:
            await until(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED, 30)
            async with Supervisor(one.jobs(hears=False), stop_timeout=5):
                await drained(pool)
            os.kill(frozen.pid, signal.SIGCONT)
            await until(lambda: psutil.Process(frozen.pid).status() != psutil.STATUS_STOPPED, 30)
            await by_hand(pool, tariff, "60.00")
            # It stops again in the next batch, which it can begin only once the first is given up.
            await until(lambda: psutil.Process(frozen.pid).status() == psutil.STATUS_STOPPED, 30)
            assert await backlog(pool) > 0
        finally:
            frozen.kill()
            await frozen.wait()


async def a_relay_that_dies(settings: Settings) -> int:
    """A whole process that relays, until SIGKILL meets it just after Redis has taken a batch."""
    process = await a_relay(settings, FailPoint.AFTER_PUBLISH)
    return await asyncio.wait_for(process.wait(), 30)


async def a_relay(settings: Settings, fail_point: FailPoint) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.jobs.instances",
        env=os.environ
        | {
            "DNO_DATABASE_URL": settings.database_url,
            "DNO_REDIS_URL": settings.redis_url,
            "DNO_FAIL_POINT": fail_point,
        },
    )


@asynccontextmanager
async def another_relays(pool: Pool) -> AsyncIterator[Connection]:
    """As if some other instance had been relaying for all this time."""
    async with pool.connection() as connection, connection.transaction():
        assert await outbox.may_relay(connection)
        async with pool.connection() as free:
            yield free


async def by_hand_again(pool: Pool, tariff: Tariff, price: str) -> None:
    """Until PostgreSQL is there."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await by_hand(pool, tariff, price)
            except AppError:
                await asyncio.sleep(0.05)
