"""The same cache on a Redis Cluster of three processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from signal import SIGCONT, SIGSTOP

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot

from app.cache.message import decode
from app.cache.redis import Fill
from app.settings import Settings
from tests.integration.cache.conftest import PATIENT
from tests.integration.cache.instance import Instance, instance
from tests.integration.cache.processes import HOST, Processes, cluster, processes, until_answered
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

            await until_answered(taken_over)
            assert not one.shared.trusted
            assert one.shared.trust(one.shared.distrust_count)
            one.memory.clear()
            assert await one.read(table, *KEYS) == table.rows
            assert await until_answered(lambda: one.shared.remove([table.tag(key) for key in KEYS]))


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

            await until_answered(noticed)


def _settings(ports: list[int], **changes: float) -> Settings:
    hosts = ",".join(f"{HOST}:{port}" for port in ports[:2])
    return Settings(redis_url=f"redis+cluster://{hosts}", **{**PATIENT, **changes})


@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_with_one_process_away_the_others_go_on(fault: str) -> None:
    """What it holds is not confirmed; what the others hold is removed, and the message arrives all the same."""
    with processes() as family:
        async with cluster(family) as ports:
            await _serve_in_part(ports)
            settings = _settings(ports, redis_timeout=0.3, redis_connect_timeout=0.3)
            async with instance(settings) as one, instance(settings) as two:
                table = Table(dict.fromkeys(KEYS, "old"))
                await one.read(table, *KEYS)
                await one.cache.close()
                lost, kept = _places(one, table, ports[1])
                async with two.shared.subscribe() as channel, AsyncExitStack() as stack:
                    _take_away(family, ports[1], fault, stack)
                    table.rows = dict.fromkeys(KEYS, "new")
                    tags = [table.tag(key) for key in KEYS]
                    assert not await one.invalidator.invalidate(tags, acknowledges=[7])
                    assert not one.shared.trusted
                    assert await one.read(table, *KEYS) == table.rows

                    message = decode(await channel.next(5) or b"")
                    assert message is not None
                    assert set(message.tags) == set(tags)
                    assert message.unconfirmed
                    assert not message.acknowledged

                    # Under one time-out, and without having been asked again and again.
                    for _ in range(10):
                        assert await one.shared.remove([table.tag(key) for key in kept])
                        assert not await one.shared.remove([table.tag(key) for key in lost])
                    assert await two.shared.get_many([table.tag(key) for key in kept]) == {}
                    assert await one.shared.identify() is None


async def test_a_cluster_that_is_down_as_a_whole_still_carries_messages() -> None:
    with processes() as family:
        async with cluster(family) as ports:
            settings = _settings(ports, redis_timeout=0.3, redis_connect_timeout=0.3)
            async with (
                instance(settings) as one,
                instance(settings) as two,
                two.shared.subscribe() as channel,
            ):
                family.kill(ports[1])

                async def refused() -> bool:
                    await one.shared.remove(["k1"])  # which a process has that answers
                    return one.shared.refused == "CLUSTERDOWN"

                await until_answered(refused)
                assert not await one.invalidator.invalidate(KEYS, acknowledges=[7])
                message = decode(await channel.next(5) or b"")
                assert message is not None
                assert (message.unconfirmed, message.acknowledged) == (True, [])


async def test_a_channel_is_joined_through_a_process_that_answers() -> None:
    with processes() as family:
        async with cluster(family) as ports:
            settings = _settings(ports, redis_timeout=0.3, redis_connect_timeout=0.3)
            async with instance(settings) as one, instance(settings) as two:
                for port in ports[:2]:
                    async with AsyncExitStack() as stack:
                        _take_away(family, port, "freeze", stack)
                        for _ in range(3):  # whom it meets first, it cannot know
                            await one.shared.publish(b"")
                            await two.shared.publish(b"")
                            await one.shared.remove(["a", "b", "c", "d", "e"])
                        async with one.shared.subscribe() as channel:
                            assert await two.shared.publish(b"hello")
                            assert await channel.next(5) == b"hello"


async def test_a_primary_that_refuses_writes_is_found_by_asking_each() -> None:
    with processes() as family:
        async with cluster(family) as ports, instance(_settings(ports)) as one:
            assert await one.shared.identify() is not None
            for port in ports:
                async with Redis(host=HOST, port=port) as client:
                    await client.config_set("min-replicas-to-write", 1)
                    assert await one.shared.identify() is None
                    assert one.shared.refused == "NOREPLICAS"
                    await client.config_set("min-replicas-to-write", 0)
                    assert await one.shared.identify() is not None


async def _serve_in_part(ports: list[int]) -> None:
    """Else those that are left soon refuse all keys: CLUSTERDOWN, which is no confirmation either."""
    for port in ports:
        async with Redis(host=HOST, port=port) as client:
            await client.config_set("cluster-require-full-coverage", "no")


def _places(one: Instance, table: Table, port: int) -> tuple[list[str], list[str]]:
    """The keys that the process has, and the others."""
    nodes = one.shared.client.nodes_manager
    there = [key for key in KEYS if nodes.get_node_from_slot(_slot(one, table, key)).port == port]
    assert there
    assert len(there) < len(KEYS)
    return there, [key for key in KEYS if key not in there]


def _slot(one: Instance, table: Table, key: str) -> int:
    return key_slot(one.shared._key(table.tag(key)))


def _take_away(family: Processes, port: int, fault: str, stack: AsyncExitStack) -> None:
    if fault == "kill":
        family.kill(port)
    else:
        family.running[port].send_signal(SIGSTOP)
        stack.callback(family.running[port].send_signal, SIGCONT)
