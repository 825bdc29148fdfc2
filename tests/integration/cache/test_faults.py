"""Redis stopped, frozen, restarted empty, replaced: every read is answered, and errors are counted."""

import asyncio
from time import perf_counter
from urllib.parse import urlsplit

import pytest
from prometheus_client import REGISTRY

from app.cache.failures import FAILURES
from app.cache.redis import Fill
from app.errors import Unavailable
from app.settings import Settings
from tests.integration.cache.processes import until_answered
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.servers import PASSWORD, PrivateValkey, private_folder
from tests.waiting import PATIENT, until

# Seconds: an operation that takes so long has no time-out.
HANGS = 5


def errors(operation: str) -> float:
    return REGISTRY.get_sample_value("dno_cache_errors_total", {"operation": operation, "layer": "l2"}) or 0


@pytest.mark.parametrize("fault", ["stop", "pause", "kill"])
async def test_with_redis_away_every_read_is_answered(
    fault: str, fragile: TableCaches, valkey: PrivateValkey
) -> None:
    failed = errors("get")
    getattr(valkey, fault)()
    table = Table({str(number): "value" for number in range(100)})
    for key in table.rows:
        assert await fragile.one(table, key) == "value"
    assert errors("get") > failed
    assert not fragile.shared.trusted  # removals may have been missed meanwhile


async def test_a_frozen_redis_costs_a_few_readers_a_time_out_until_the_breaker_opens(
    fragile: TableCaches, valkey: PrivateValkey
) -> None:
    valkey.pause()
    table = Table({str(number): "value" for number in range(100)})
    before = fragile.shared.round_trips
    for key in table.rows:
        await fragile.one(table, key)
    assert fragile.shared.round_trips - before <= Settings().breaker_threshold


async def test_readers_of_a_frozen_redis_wait_for_its_time_out_and_no_longer(
    fragile: TableCaches, valkey: PrivateValkey
) -> None:
    valkey.pause()
    started = perf_counter()
    assert await fragile.shared.get_many(["a"]) == {}
    assert perf_counter() - started < HANGS


async def test_a_server_starts_without_redis(valkey: PrivateValkey) -> None:
    valkey.stop()
    async with table_caches(Settings(redis_url=valkey.url)) as one:
        table = Table({"a": "value"})
        assert await one.one(table, "a") == "value"
        assert one.shared.identity is None


async def test_trust_is_restored_only_by_a_look_that_began_after_the_last_distrust(
    fragile: TableCaches,
) -> None:
    shared = fragile.shared
    before_looking = shared.distrust_count
    shared.distrust("a removal failed during a look at the outbox")
    assert not shared.trust(before_looking)
    assert not shared.trusted
    assert shared.trust(shared.distrust_count)


async def test_a_further_distrust_outdates_the_look_in_progress(
    fragile: TableCaches,
) -> None:
    shared = fragile.shared
    shared.distrust("a removal failed")
    before_looking = shared.distrust_count
    shared.distrust("another removal failed while the outbox was being read")
    assert not shared.trust(before_looking)
    assert not shared.trusted
    assert shared.trust(shared.distrust_count)


async def test_a_redis_that_restarted_empty_has_another_identity(
    fragile: TableCaches, valkey: PrivateValkey
) -> None:
    changes: list[str | None] = []
    fragile.shared.on_change = lambda: changes.append(fragile.shared.identity)
    identity = fragile.shared.identity
    await asyncio.to_thread(valkey.restart_empty)
    assert await fragile.shared.identify() not in (None, identity)
    assert changes == [fragile.shared.identity]
    assert not fragile.shared.trusted


async def test_a_server_at_its_connection_limit_is_used_over_existing_connections(
    fragile: TableCaches, valkey: PrivateValkey
) -> None:
    table = Table({"a": "value"})
    await fragile.one(table, "a")
    valkey.command("CONFIG", "SET", "maxclients", "1")
    assert await fragile.shared.identify() is not None
    assert await fragile.shared.remove([table.tag("a")])
    assert fragile.shared.trusted


async def test_a_process_that_was_a_replica_meanwhile_has_another_identity(valkey: PrivateValkey) -> None:
    """It has the data of its former primary, in which a removal that it has confirmed may be missing."""
    with private_folder() as folder:
        other = PrivateValkey(folder)
        try:
            async with table_caches(Settings(redis_url=valkey.url, **PATIENT)) as one:
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


async def test_a_reader_gets_no_value_from_another_process(
    fragile: TableCaches, valkey: PrivateValkey
) -> None:
    """The first connection to it identifies the process; no earlier look is needed."""
    await asyncio.to_thread(valkey.restart_empty)
    valkey.command("SET", "dno:1.0:{a}", "outdated")
    assert fragile.shared.trusted
    assert await fragile.shared.get_many(["a"]) == {}
    assert not fragile.shared.trusted


async def test_an_epoch_begins_without_values(fragile: TableCaches) -> None:
    table = Table({"a": "old"})
    await fragile.one(table, "a")
    await fragile.read_through.close()
    assert await fragile.in_redis(table, "a") is not None
    fragile.shared.epoch += 1
    assert await fragile.in_redis(table, "a") is None


async def test_a_fill_delayed_in_a_frozen_redis_does_not_outlive_a_removal(
    fragile: TableCaches, valkey: PrivateValkey
) -> None:
    """It is executed when Redis resumes; the relay's removal deletes its value."""
    tag = "delayed"
    token = (await fragile.shared.lease_many([tag]))[tag]
    assert token is not None
    valkey.pause()
    assert await fragile.shared.fill_many([Fill(tag, token, b"old", 60)]) == {tag}
    valkey.resume()
    assert await _until_confirmed(fragile, tag)
    fragile.shared.trust(fragile.shared.distrust_count)
    assert await fragile.shared.fill_many([Fill(tag, token, b"old", 60)]) == {tag}
    assert await fragile.shared.get_many([tag]) == {}


async def test_a_lease_from_before_a_distrust_is_not_filled_after_it(fragile: TableCaches) -> None:
    token = (await fragile.shared.lease_many(["a"]))["a"]
    assert token is not None
    fragile.shared.distrust("a removal failed")
    fragile.shared.trust(fragile.shared.distrust_count)
    assert await fragile.shared.fill_many([Fill("a", token, b"old", 60)]) == {"a"}


async def test_no_reply_is_taken_for_that_of_another_command(valkey: PrivateValkey) -> None:
    """A connection that timed out is closed: its late reply must not be read by the next command."""
    settings = Settings(redis_url=valkey.url, redis_timeout=0.05, breaker_threshold=1000)
    async with table_caches(settings) as one:
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


async def test_cached_values_are_served_while_postgresql_is_away(here: TableCaches) -> None:
    table = Table({"a": "value"})
    await here.one(table, "a")
    await here.read_through.close()
    table.error = Unavailable("away")
    assert await here.one(table, "a") == "value"
    here.memory.clear()
    assert await here.one(table, "a") == "value"
    with pytest.raises(Unavailable):
        await here.one(table, "b")


async def test_fills_continue_after_scripts_were_flushed(fragile: TableCaches, valkey: PrivateValkey) -> None:
    for _ in range(2):
        valkey.command("SCRIPT", "FLUSH")
        table = Table({"a": "value"})
        await fragile.one(table, "a")
        await fragile.read_through.close()
        assert await fragile.in_redis(table, "a") is not None


async def test_reads_are_answered_while_redis_is_out_of_memory(valkey: PrivateValkey) -> None:
    async with table_caches(Settings(redis_url=valkey.url, **PATIENT)) as one:
        valkey.command("CONFIG", "SET", "maxmemory", "1")
        table = Table({str(number): "value" for number in range(20)})
        for key in table.rows:
            assert await one.one(table, key) == "value"


async def test_the_minimum_of_connections_is_opened_at_the_start(valkey: PrivateValkey) -> None:
    async with table_caches(Settings(redis_url=valkey.url, min_redis_connections=10, **PATIENT)) as one:
        assert len(await one.shared.client.client_list(_type="normal")) == 10


async def _until_confirmed(one: TableCaches, tag: str) -> bool:
    async def confirmed() -> bool:
        return await one.shared.identify() is not None and await one.shared.remove([tag])

    return bool(await until(confirmed))


async def test_a_value_in_flight_during_a_distrust_is_not_used(valkey: PrivateValkey) -> None:
    async with table_caches(Settings(redis_url=valkey.url, **PATIENT)) as one:
        token = (await one.shared.lease_many(["a"]))["a"]
        await one.shared.fill_many([Fill("a", token or "", b"old", 60)])
        valkey.pause()
        reading = asyncio.create_task(one.shared.get_many(["a"]))
        await asyncio.sleep(0.01)
        one.shared.distrust("a removal was not confirmed")
        one.shared.trust(one.shared.distrust_count)
        valkey.resume()
        assert await reading == {}


async def test_a_removal_in_flight_during_a_distrust_is_not_confirmed(valkey: PrivateValkey) -> None:
    """It may have been executed by another process, or under keys of an ended epoch."""
    async with table_caches(Settings(redis_url=valkey.url, **PATIENT)) as one:
        valkey.pause()
        removing = asyncio.create_task(one.shared.remove(["a"]))
        await asyncio.sleep(0.01)
        one.shared.distrust("a new epoch has begun")
        valkey.resume()
        assert not await removing
        assert await one.shared.remove(["a"])


async def test_a_subscriber_gets_an_error_when_the_channel_is_lost(
    fragile: TableCaches, valkey: PrivateValkey
) -> None:
    """Resubscribing by itself would hide the messages in between."""
    async with fragile.shared.subscribe() as channel:
        assert await channel.next(0.01) is None
        await asyncio.to_thread(valkey.restart_empty)
        with pytest.raises(FAILURES):
            await channel.next(5)


async def test_a_failed_subscription_raises_within_its_time_out(
    fragile: TableCaches, valkey: PrivateValkey
) -> None:
    valkey.pause()
    started = perf_counter()
    with pytest.raises(FAILURES):
        async with fragile.shared.subscribe():
            pass
    assert perf_counter() - started < HANGS


async def test_many_concurrent_reads_use_few_connections(fragile: TableCaches) -> None:
    table = Table({str(number): "value" for number in range(1000)})
    await asyncio.gather(*(fragile.one(table, key) for key in table.rows))
    await fragile.read_through.close()
    assert (
        len(await fragile.shared.client.client_list(_type="normal")) <= Settings().min_redis_connections + 1
    )


async def test_connections_to_a_replaced_process_are_closed(valkey: PrivateValkey) -> None:
    """The former process keeps running, cut off from the others: its values are outdated."""
    with private_folder() as folder:
        former = PrivateValkey(folder)
        try:
            async with table_caches(Settings(redis_url=former.url, **PATIENT)) as one:
                pool = one.shared._topology._cache_client.connection_pool  # type: ignore[attr-defined]
                address = urlsplit(valkey.url)
                pool.connection_kwargs |= {
                    "port": address.port
                }  # the address that the name resolves to from now on
                replaced = one.shared.identity
                connection_to_new = pool.make_connection()
                await connection_to_new.connect()
                await connection_to_new.disconnect()
                assert one.shared.identity != replaced
                assert not one.shared.trusted
                for connection in pool._available_connections:
                    connection.port = address.port
                for _ in range(10):
                    assert await one.shared.identify() not in (None, replaced)
                    assert await one.shared.remove(["a"])
        finally:
            former.stop()
