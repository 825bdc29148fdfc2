"""What an instance does with what it hears, and with silence."""

import asyncio
from math import inf

import pytest
from msgspec.structs import replace

from app.broadcast import Filter
from app.db.pool import Pool
from app.domain import tags
from app.domain.entry import DnoYear
from app.errors import Unavailable
from app.jobs.heartbeat import Heartbeat
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests import factories as make
from tests.integration.jobs.instances import Instance, caches, instance, until
from tests.servers import PrivateValkey

TAG = "operator:1"


def remember(one: Instance, tag: str = TAG) -> None:
    assert one.memory.keep(tag, "old", size=1, tags=(tag,), until=inf, since=one.memory.now())


async def test_what_another_instance_invalidates_is_forgotten(pool: Pool, settings: Settings) -> None:
    async with instance(settings) as writer, instance(settings) as other:
        remember(other)
        assert await writer.invalidator.invalidate([TAG])
        await until(lambda: other.memory.get(TAG) is None, 1)


async def test_l1_is_off_while_the_channel_is_lost_and_empty_when_it_is_back(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    async with instance(replace(settings, redis_url=valkey.url)) as one:
        remember(one)
        valkey.kill()
        await until(lambda: not one.memory.enabled)
        assert one.memory.get(TAG) is None
        valkey.start()
        await until(lambda: one.memory.enabled)
        assert len(one.memory) == 0


async def test_silence_is_as_bad_as_a_lost_connection(pool: Pool, settings: Settings) -> None:
    """The connection is there, yet no heartbeat comes through: nothing else would, either."""
    async with caches(settings) as one:
        (
            listener,
            *_,
        ) = one.jobs()
        async with Supervisor([listener], stop_deadline=5):
            await until(lambda: one.memory.enabled)
            took = await until(lambda: not one.memory.enabled)
            assert took < 2 * settings.heartbeat * settings.heartbeat_missed


async def test_heartbeats_of_any_instance_break_the_silence(pool: Pool, settings: Settings) -> None:
    settings = replace(settings, heartbeat=0.05)
    async with caches(settings) as one, caches(settings) as other:
        listener, *_ = one.jobs()
        beat = Heartbeat(other.shared, sender="other", every=settings.heartbeat)
        async with Supervisor([beat, listener], stop_deadline=5):
            await until(lambda: one.memory.enabled)
            with pytest.raises(AssertionError):
                await until(
                    lambda: not one.memory.enabled, 4 * settings.heartbeat * settings.heartbeat_missed
                )


async def test_a_message_of_another_release_means_that_anything_may_have_changed(
    pool: Pool, settings: Settings
) -> None:
    async with instance(settings) as one:
        remember(one)
        assert await one.shared.publish(b"what a later release says")
        await until(lambda: one.memory.get(TAG) is None)
        await until(lambda: one.memory.enabled)


async def test_who_is_told_reads_the_new_state_because_eviction_comes_first(
    pool: Pool, settings: Settings
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    tag = tags.tariffs(DnoYear(tariff.dno_id, tariff.year))
    async with instance(settings) as one:
        await until_empty(pool)
        remember(one, tag)
        told: list[object] = []
        one.broadcast.send = lambda event: told.append(one.memory.get(tag))  # type: ignore[method-assign]
        async with pool.connection() as connection:
            await connection.execute("UPDATE netzentgelte_data SET leistung = 60 WHERE id = $1", tariff.id)
        await until(lambda: bool(told))
        assert told == [None]


async def test_what_was_told_while_the_channel_was_lost_is_told_late(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """Another instance's relay has told the channel, and this one was not there to hear."""
    settings = replace(settings, redis_url=valkey.url)
    tariff = await make.tariff(pool, await make.dno(pool))
    async with caches(settings) as deaf, instance(settings), deaf.broadcast.subscribe(Filter()) as subscriber:
        async with Supervisor(deaf.jobs(relays=False), stop_deadline=5):
            await until(lambda: deaf.memory.enabled)
        async with pool.connection() as connection:
            for price in (60, 61):
                await connection.execute(
                    "UPDATE netzentgelte_data SET leistung = $2 WHERE id = $1", tariff.id, price
                )
            await until_empty(pool)
        assert not [change for change in subscriber.waiting if change.entry.version > 1]
        async with Supervisor(deaf.jobs(relays=False), stop_deadline=5):
            heard = [(await asyncio.wait_for(anext(subscriber), 2)).entry.version for _ in range(3)]
    assert heard == [1, 2, 3]


async def test_who_missed_too_much_is_told_so(pool: Pool, settings: Settings) -> None:
    settings = replace(settings, subscription_catch_up=2)
    dno = await make.dno(pool)
    for year in (2023, 2024, 2025):
        await make.tariff(pool, dno, year=year)
    async with (
        caches(settings) as one,
        one.broadcast.subscribe(Filter()) as subscriber,
        Supervisor(one.jobs(relays=False), stop_deadline=5),
    ):
        with pytest.raises(Unavailable, match="subscribe again"):
            await asyncio.wait_for(anext(subscriber), 2)


async def until_empty(pool: Pool) -> None:
    async with asyncio.timeout(5):
        while await pool.fetch("SELECT id FROM outbox LIMIT 1"):
            await asyncio.sleep(0.01)
