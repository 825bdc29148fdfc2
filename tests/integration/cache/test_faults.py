"""Redis stopped, frozen, restarted empty, replaced: every read is answered, and counters say so."""

import asyncio
from time import perf_counter
from urllib.parse import urlsplit

import pytest
from prometheus_client import REGISTRY

from app.cache.failures import FAILURES
from app.cache.redis import Fill
from app.errors import Unavailable
from app.settings import Settings
from tests.integration.cache.conftest import PATIENT
from tests.integration.cache.instance import Instance, instance
from tests.integration.cache.processes import until_answered
from tests.integration.cache.table import Table
from tests.servers import PASSWORD, PrivateValkey, private_folder

# No figure to be proud of: whoever waits for so long waits without a time-out.
HANGS = 5


def errors(operation: str) -> float:
    return REGISTRY.get_sample_value("cache_errors_total", {"operation": operation, "layer": "l2"}) or 0


@pytest.mark.parametrize("fault", ["stop", "pause", "kill"])
async def test_with_redis_away_every_read_is_answered(
    fault: str, fragile: Instance, valkey: PrivateValkey
) -> None:
    failed = errors("get")
    getattr(valkey, fault)()
    table = Table({str(number): "value" for number in range(100)})
    for key in table.rows:
        assert await fragile.one(table, key) == "value"
    assert errors("get") > failed
    assert not fragile.shared.trusted  # what was removed meanwhile, it cannot know


async def test_a_frozen_redis_costs_a_few_readers_a_time_out_then_nobody(
    fragile: Instance, valkey: PrivateValkey
) -> None:
    valkey.pause()
    table = Table({str(number): "value" for number in range(100)})
    before = fragile.shared.round_trips
    for key in table.rows:
        await fragile.one(table, key)
    assert fragile.shared.round_trips - before <= Settings().breaker_threshold


async def test_readers_of_a_frozen_redis_wait_for_its_time_out_and_no_longer(
    fragile: Instance, valkey: PrivateValkey
) -> None:
    valkey.pause()
    started = perf_counter()
    assert await fragile.shared.get_many(["a"]) == {}
    assert perf_counter() - started < HANGS


async def test_a_server_starts_without_redis(valkey: PrivateValkey) -> None:
    valkey.stop()
    async with instance(Settings(redis_url=valkey.url)) as one:
        table = Table({"a": "value"})
        assert await one.one(table, "a") == "value"
        assert one.shared.identity is None


async def test_trust_is_restored_only_by_who_looked_after_the_last_doubt(fragile: Instance) -> None:
    shared = fragile.shared
    before_looking = shared.distrust_count
    shared.distrust("a removal failed while somebody was looking at the outbox")
    assert not shared.trust(before_looking)
    assert not shared.trusted
    assert shared.trust(shared.distrust_count)


async def test_a_distrust_while_l2_is_distrusted_already_outdates_the_look_under_way(
    fragile: Instance,
) -> None:
    shared = fragile.shared
    shared.distrust("a removal failed")
    before_looking = shared.distrust_count
    shared.distrust("another removal failed while the outbox was being read")
    assert not shared.trust(before_looking)
    assert not shared.trusted
    assert shared.trust(shared.distrust_count)


async def test_a_redis_that_restarted_empty_is_another_process(
    fragile: Instance, valkey: PrivateValkey
) -> None:
    changes: list[str | None] = []
    fragile.shared.on_change = lambda: changes.append(fragile.shared.identity)
    identity = fragile.shared.identity
    await asyncio.to_thread(valkey.restart_empty)
    assert await fragile.shared.identify() not in (None, identity)
    assert changes == [fragile.shared.identity]
    assert not fragile.shared.trusted


async def test_a_server_that_takes_no_further_connections_is_used_with_those_there_are(
    fragile: Instance, valkey: PrivateValkey
) -> None:
    table = Table({"a": "value"})
    await fragile.one(table, "a")
    valkey.command("CONFIG", "SET", "maxclients", "1")
    assert await fragile.shared.identify() is not None
    assert await fragile.shared.remove([table.tag("a")])
    assert fragile.shared.trusted


async def test_a_process_that_was_a_replica_meanwhile_is_another(valkey: PrivateValkey) -> None:
    """It has the data of the one that it followed, where a removal that it has confirmed may be missing."""
    with private_folder() as folder:
        other = PrivateValkey(folder)
        try:
            async with instance(Settings(redis_url=valkey.url, **PATIENT)) as one:
                await one.shared.client.set("copied", "no")
                other.command("SET", "copied", "yes")
                identity = one.shared.identity
                valkey.command("CONFIG", "SET", "primaryauth", PASSWORD)
                valkey.command("REPLICAOF", "127.0.0.1", str(other.port))

                async def copied() -> bool:
                    return valkey.command("STRLEN", "copied") == b":3"

                await until_answered(copied)
                valkey.command("REPLICAOF", "NO", "ONE")
                assert await one.shared.identify() not in (None, identity)
                assert not one.shared.trusted
        finally:
            other.stop()


async def test_a_reader_that_meets_another_process_gets_nothing_from_it(
    fragile: Instance, valkey: PrivateValkey
) -> None:
    """The first connection to it says who it is; nobody has to have looked before."""
    await asyncio.to_thread(valkey.restart_empty)
    valkey.command("SET", "dno:1.0:{a}", "from who knows when")
    assert fragile.shared.trusted
    assert await fragile.shared.get_many(["a"]) == {}
    assert not fragile.shared.trusted


async def test_an_epoch_begins_with_nothing(fragile: Instance) -> None:
    table = Table({"a": "old"})
    await fragile.one(table, "a")
    await fragile.cache.close()
    assert await fragile.in_redis(table, "a") is not None
    fragile.shared.epoch += 1
    assert await fragile.in_redis(table, "a") is None


async def test_a_fill_that_slept_in_a_frozen_redis_does_not_outlive_a_removal(
    fragile: Instance, valkey: PrivateValkey
) -> None:
    """It is executed when Redis wakes; the relay removes what that left."""
    tag = "slept"
    token = (await fragile.shared.lease_many([tag]))[tag]
    assert token is not None
    valkey.pause()
    assert await fragile.shared.fill_many([Fill(tag, token, b"old", 60)]) == {tag}
    valkey.resume()
    assert await _until_confirmed(fragile, tag)
    fragile.shared.trust(fragile.shared.distrust_count)
    assert await fragile.shared.fill_many([Fill(tag, token, b"old", 60)]) == {tag}
    assert await fragile.shared.get_many([tag]) == {}


async def test_what_was_leased_before_a_doubt_is_not_filled_after_it(fragile: Instance) -> None:
    token = (await fragile.shared.lease_many(["a"]))["a"]
    assert token is not None
    fragile.shared.distrust("a doubt")
    fragile.shared.trust(fragile.shared.distrust_count)
    assert await fragile.shared.fill_many([Fill("a", token, b"old", 60)]) == {"a"}


async def test_no_answer_is_taken_for_that_of_another_question(valkey: PrivateValkey) -> None:
    """A connection that timed out is closed: its late reply must not answer whoever comes next."""
    settings = Settings(redis_url=valkey.url, redis_timeout=0.05, breaker_threshold=1000)
    async with instance(settings) as one:
        shared = one.shared
        tokens = await shared.lease_many(["a", "b"])
        await shared.fill_many([Fill(tag, token or "", tag.encode(), 60) for tag, token in tokens.items()])
        for _ in range(5):
            valkey.pause()
            assert await shared.get_many(["a"]) == {}
            valkey.resume()
            shared.trust(shared.distrust_count)
            for _ in range(20):
                assert await shared.get_many(["b"]) in ({"b": b"b"}, {})
        assert await shared.get_many(["b"]) == {"b": b"b"}


async def test_with_postgres_gone_what_is_cached_still_answers(here: Instance) -> None:
    table = Table({"a": "value"})
    await here.one(table, "a")
    await here.cache.close()
    table.error = Unavailable("away")
    assert await here.one(table, "a") == "value"
    here.memory.clear()
    assert await here.one(table, "a") == "value"
    with pytest.raises(Unavailable):
        await here.one(table, "b")


async def test_after_scripts_were_forgotten_fills_go_on(fragile: Instance, valkey: PrivateValkey) -> None:
    for _ in range(2):
        valkey.command("SCRIPT", "FLUSH")
        table = Table({"a": "value"})
        await fragile.one(table, "a")
        await fragile.cache.close()
        assert await fragile.in_redis(table, "a") is not None


async def test_a_full_redis_is_no_reason_to_fail(valkey: PrivateValkey) -> None:
    async with instance(Settings(redis_url=valkey.url, **PATIENT)) as one:
        valkey.command("CONFIG", "SET", "maxmemory", "1")
        table = Table({str(number): "value" for number in range(20)})
        for key in table.rows:
            assert await one.one(table, key) == "value"


async def test_the_pool_is_ready_before_it_is_needed(valkey: PrivateValkey) -> None:
    async with instance(Settings(redis_url=valkey.url, min_redis_connections=10, **PATIENT)) as one:
        assert len(await one.shared.client.client_list(_type="normal")) == 10


async def _until_confirmed(one: Instance, tag: str) -> bool:
    for _ in range(50):
        if await one.shared.identify() is not None and await one.shared.remove([tag]):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_an_answer_under_way_when_a_doubt_comes_up_is_not_believed(valkey: PrivateValkey) -> None:
    async with instance(Settings(redis_url=valkey.url, **PATIENT)) as one:
        token = (await one.shared.lease_many(["a"]))["a"]
        await one.shared.fill_many([Fill("a", token or "", b"old", 60)])
        valkey.pause()
        reading = asyncio.create_task(one.shared.get_many(["a"]))
        await asyncio.sleep(0.01)
        one.shared.distrust("a removal was not confirmed")
        one.shared.trust(one.shared.distrust_count)
        valkey.resume()
        assert await reading == {}


async def test_a_removal_is_not_confirmed_if_a_doubt_came_up_meanwhile(valkey: PrivateValkey) -> None:
    """It may have met another process, or names of an epoch that is over."""
    async with instance(Settings(redis_url=valkey.url, **PATIENT)) as one:
        valkey.pause()
        removing = asyncio.create_task(one.shared.remove(["a"]))
        await asyncio.sleep(0.01)
        one.shared.distrust("a new epoch has begun")
        valkey.resume()
        assert not await removing
        assert await one.shared.remove(["a"])


async def test_who_listens_learns_that_the_channel_was_lost(fragile: Instance, valkey: PrivateValkey) -> None:
    """Joining again by itself would hide what was said in between."""
    async with fragile.shared.subscribe() as channel:
        assert await channel.next(0.01) is None
        await asyncio.to_thread(valkey.restart_empty)
        with pytest.raises(FAILURES):
            await channel.next(5)


async def test_who_cannot_join_the_channel_is_told_soon(fragile: Instance, valkey: PrivateValkey) -> None:
    valkey.pause()
    started = perf_counter()
    with pytest.raises(FAILURES):
        async with fragile.shared.subscribe():
            pass
    assert perf_counter() - started < HANGS


async def test_heavy_traffic_needs_few_connections(fragile: Instance) -> None:
    table = Table({str(number): "value" for number in range(1000)})
    await asyncio.gather(*(fragile.one(table, key) for key in table.rows))
    await fragile.cache.close()
    assert (
        len(await fragile.shared.client.client_list(_type="normal")) <= Settings().min_redis_connections + 1
    )


async def test_connections_of_a_process_that_was_replaced_are_given_up(valkey: PrivateValkey) -> None:
    """The former one lives on, cut off from the others: what it knows is nobody's truth any more."""
    with private_folder() as folder:
        former = PrivateValkey(folder)
        try:
            async with instance(Settings(redis_url=former.url, **PATIENT)) as one:
                pool = one.shared._topology._cache_client.connection_pool  # type: ignore[attr-defined]
                address = urlsplit(valkey.url)
                pool.connection_kwargs |= {"port": address.port}  # where the name leads to from now on
                replaced = one.shared.identity
                newcomer = pool.make_connection()
                await newcomer.connect()
                await newcomer.disconnect()
                assert one.shared.identity != replaced
                assert not one.shared.trusted
                for connection in pool._available_connections:
                    connection.port = address.port
                for _ in range(10):
                    assert await one.shared.identify() not in (None, replaced)
                    assert await one.shared.remove(["a"])
        finally:
            former.stop()
