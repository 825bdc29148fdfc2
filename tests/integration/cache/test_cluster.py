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
from tests.integration.cache.processes import HOST, Processes, cluster, processes, until_answered
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.waiting import PATIENT

KEYS = [f"k{number}" for number in range(50)]


@pytest.fixture(scope="module")
async def ports() -> AsyncIterator[list[int]]:
    with processes() as family:
        async with cluster(family) as ports:
            yield ports


@pytest.fixture
async def one(ports: list[int]) -> AsyncIterator[TableCaches]:
    async with table_caches(_settings(ports)) as opened:
        yield opened


@pytest.fixture
async def two(ports: list[int]) -> AsyncIterator[TableCaches]:
    async with table_caches(_settings(ports)) as opened:
        yield opened


async def test_values_and_leases_share_slots_on_every_node(one: TableCaches, two: TableCaches) -> None:
    table = Table(dict.fromkeys(KEYS, "value"))
    assert await one.read(table, *KEYS) == table.rows
    await one.read_through.close()
    assert len(await two.shared.get_many([table.tag(key) for key in KEYS])) == len(KEYS)
    before = two.shared.round_trips
    assert await two.read(table, *KEYS) == table.rows
    assert len(table.statements) == 1
    assert two.shared.round_trips - before == 1


async def test_many_readers_on_two_instances_cost_one_statement(one: TableCaches, two: TableCaches) -> None:
    table = Table({"a": "value"})
    await one.one(Table({}), "a")
    await two.one(Table({}), "a")
    await asyncio.gather(*((one, two)[number % 2].one(table, "a") for number in range(500)))
    assert len(table.statements) == 1


async def test_a_removal_is_executed_on_every_node_before_its_message_is_received(
    one: TableCaches, two: TableCaches
) -> None:
    table = Table(dict.fromkeys(KEYS, "old"))
    await one.read(table, *KEYS)
    await one.read_through.close()
    tags = [table.tag(key) for key in KEYS]
    async with two.shared.subscribe() as channel:
        table.rows = dict.fromkeys(KEYS, "new")
        assert await one.invalidator.invalidate(tags)
        assert await channel.next(5) is not None
        assert await two.shared.get_many(tags) == {}
    assert await two.read(table, *KEYS) == table.rows


async def test_a_late_fill_is_rejected(one: TableCaches) -> None:
    token = (await one.shared.lease_many(["late"]))["late"]
    assert token is not None
    await one.shared.remove(["late"])
    assert await one.shared.fill_many([Fill("late", token, b"old", 60)]) == {"late"}


async def test_a_promoted_replica_has_another_identity() -> None:
    """It may have missed removals: its values are not used until a new epoch begins."""
    with processes() as family:
        async with cluster(family, replicas=1) as ports, table_caches(_settings(ports)) as one:
            table = Table(dict.fromkeys(KEYS, "value"))
            await one.read(table, *KEYS)
            await one.read_through.close()
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


async def test_a_reader_can_be_the_first_to_detect_a_failover() -> None:
    with processes() as family:
        async with cluster(family, replicas=1) as ports, table_caches(_settings(ports)) as one:
            table = Table(dict.fromkeys(KEYS, "value"))
            await one.read(table, *KEYS)
            await one.read_through.close()
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
async def test_without_one_node_the_others_continue(fault: str) -> None:
    """Removals on that node are not confirmed; those on the others are executed, and the message arrives."""
    with processes() as family:
        async with cluster(family) as ports:
            await _allow_partial_coverage(ports)
            settings = _settings(ports, redis_timeout=0.3, redis_connect_timeout=0.3)
            async with table_caches(settings) as one, table_caches(settings) as two:
                table = Table(dict.fromkeys(KEYS, "old"))
                await one.read(table, *KEYS)
                await one.read_through.close()
                lost, kept = _split_keys(one, table, ports[1])
                async with two.shared.subscribe() as channel, AsyncExitStack() as stack:
                    _disable(family, ports[1], fault, stack)
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

                    # Within one time-out, and without repeated retries.
                    for _ in range(10):
                        assert await one.shared.remove([table.tag(key) for key in kept])
                        assert not await one.shared.remove([table.tag(key) for key in lost])
                    assert await two.shared.get_many([table.tag(key) for key in kept]) == {}
                    assert await one.shared.identify() is None


async def test_messages_are_delivered_while_the_whole_cluster_is_down() -> None:
    with processes() as family:
        async with cluster(family) as ports:
            settings = _settings(ports, redis_timeout=0.3, redis_connect_timeout=0.3)
            async with (
                table_caches(settings) as one,
                table_caches(settings) as two,
                two.shared.subscribe() as channel,
            ):
                family.kill(ports[1])

                async def refused() -> bool:
                    await one.shared.remove(["k1"])  # its node still answers
                    return one.shared.refused == "CLUSTERDOWN"

                await until_answered(refused)
                assert not await one.invalidator.invalidate(KEYS, acknowledges=[7])
                message = decode(await channel.next(5) or b"")
                assert message is not None
                assert (message.unconfirmed, message.acknowledged) == (True, [])


async def test_the_channel_is_subscribed_through_a_node_that_answers() -> None:
    with processes() as family:
        async with cluster(family) as ports:
            settings = _settings(ports, redis_timeout=0.3, redis_connect_timeout=0.3)
            async with table_caches(settings) as one, table_caches(settings) as two:
                for port in ports[:2]:
                    async with AsyncExitStack() as stack:
                        _disable(family, port, "freeze", stack)
                        for _ in range(3):  # the node that is tried first is not known
                            await one.shared.publish(b"")
                            await two.shared.publish(b"")
                            await one.shared.remove(["a", "b", "c", "d", "e"])
                        async with one.shared.subscribe() as channel:
                            assert await two.shared.publish(b"hello")
                            assert await channel.next(5) == b"hello"


async def test_a_primary_that_rejects_writes_is_found_by_probing_each() -> None:
    with processes() as family:
        async with cluster(family) as ports, table_caches(_settings(ports)) as one:
            assert await one.shared.identify() is not None
            for port in ports:
                async with Redis(host=HOST, port=port) as client:
                    await client.config_set("min-replicas-to-write", 1)
                    assert await one.shared.identify() is None
                    assert one.shared.refused == "NOREPLICAS"
                    await client.config_set("min-replicas-to-write", 0)
                    assert await one.shared.identify() is not None


async def _allow_partial_coverage(ports: list[int]) -> None:
    """Otherwise the remaining nodes soon reject all keys with CLUSTERDOWN, which is no confirmation either."""
    for port in ports:
        async with Redis(host=HOST, port=port) as client:
            await client.config_set("cluster-require-full-coverage", "no")


def _split_keys(one: TableCaches, table: Table, port: int) -> tuple[list[str], list[str]]:
    """The keys on the node with this port, and the others."""
    nodes = one.shared.client.nodes_manager
    there = [key for key in KEYS if nodes.get_node_from_slot(_slot(one, table, key)).port == port]
    assert there
    assert len(there) < len(KEYS)
    return there, [key for key in KEYS if key not in there]


def _slot(one: TableCaches, table: Table, key: str) -> int:
    return key_slot(one.shared._key(table.tag(key)))


def _disable(family: Processes, port: int, fault: str, stack: AsyncExitStack) -> None:
    if fault == "kill":
        family.kill(port)
    else:
        family.running[port].send_signal(SIGSTOP)
        stack.callback(family.running[port].send_signal, SIGCONT)
