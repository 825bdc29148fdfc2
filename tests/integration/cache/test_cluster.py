"""The same cache on a Redis Cluster of three processes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.cache.redis import Fill
from app.settings import Settings
from tests.integration.cache.conftest import PATIENT
from tests.integration.cache.instance import Instance, instance
from tests.integration.cache.processes import HOST, cluster, processes, until
from tests.integration.cache.table import Table

KEYS = [f"k{number}" for number in range(50)]


@pytest.fixture(scope="module")
async def ports() -> AsyncIterator[list[int]]:
    with processes() as family:
        async with cluster(family) as ports:
            yield ports


@pytest.fixture
async def one(ports: list[int]) -> AsyncIterator[Instance]:
    async with instance(_settings(ports)) as opened:
        yield opened


@pytest.fixture
async def two(ports: list[int]) -> AsyncIterator[Instance]:
    async with instance(_settings(ports)) as opened:
        yield opened


async def test_values_and_leases_share_slots_wherever_they_live(one: Instance, two: Instance) -> None:
    table = Table(dict.fromkeys(KEYS, "value"))
    assert await one.read(table, *KEYS) == table.rows
    await one.cache.close()
    before = two.shared.round_trips
    assert await two.read(table, *KEYS) == table.rows
    assert len(table.statements) == 1
    assert two.shared.round_trips - before == 1


async def test_many_readers_on_two_instances_cost_one_statement(one: Instance, two: Instance) -> None:
    table = Table({"a": "value"})
    await one.one(Table({}), "a")
    await two.one(Table({}), "a")
    await asyncio.gather(*((one, two)[number % 2].one(table, "a") for number in range(500)))
    assert len(table.statements) == 1


async def test_removal_reaches_every_process_before_anybody_hears_of_it(one: Instance, two: Instance) -> None:
    table = Table(dict.fromkeys(KEYS, "old"))
    await one.read(table, *KEYS)
    await one.cache.close()
    tags = [table.tag(key) for key in KEYS]
    async with two.shared.subscribe() as channel:
        table.rows = dict.fromkeys(KEYS, "new")
        assert await one.invalidator.invalidate(tags)
        assert await channel.next(5) is not None
        assert await two.shared.get_many(tags) == {}
    assert await two.read(table, *KEYS) == table.rows


async def test_a_late_fill_is_refused(one: Instance) -> None:
    token = (await one.shared.lease_many(["late"]))["late"]
    assert token is not None
    await one.shared.remove(["late"])
    assert await one.shared.fill_many([Fill("late", token, b"old", 60)]) == {"late"}


async def test_a_replica_that_takes_over_is_another_process() -> None:
    """It may have missed removals: its values are worth nothing until an epoch begins."""
    with processes() as family:
        async with cluster(family, replicas=1) as ports, instance(_settings(ports)) as one:
            table = Table(dict.fromkeys(KEYS, "value"))
            await one.read(table, *KEYS)
            await one.cache.close()
            identity = one.shared.identity
            assert identity is not None
            family.kill(ports[0])

            async def taken_over() -> bool:
                return await one.shared.identify() not in (None, identity)

            await until(taken_over)
            assert not one.shared.trusted
            assert one.shared.trust(one.shared.doubts)
            one.memory.clear()
            assert await one.read(table, *KEYS) == table.rows
            assert await until(lambda: one.shared.remove([table.tag(key) for key in KEYS]))


async def test_a_reader_is_first_to_notice_a_takeover() -> None:
    with processes() as family:
        async with cluster(family, replicas=1) as ports, instance(_settings(ports)) as one:
            table = Table(dict.fromkeys(KEYS, "value"))
            await one.read(table, *KEYS)
            await one.cache.close()
            family.kill(ports[0])

            async def noticed() -> bool:
                one.memory.clear()
                assert await one.read(table, *KEYS) == table.rows
                return not one.shared.trusted

            await until(noticed)


def _settings(ports: list[int]) -> Settings:
    hosts = ",".join(f"{HOST}:{port}" for port in ports[:2])
    return Settings(redis_url=f"redis+cluster://{hosts}", **PATIENT)
