"""The cost of a read, how concurrent readers share it, and its outcome when something fails."""

import asyncio
import contextlib
from dataclasses import replace
from time import monotonic

import pytest

from app.cache.read_set import ReadSet
from app.caller_budgets import Budgets
from app.errors import Unavailable
from app.settings import Settings
from tests.integration.cache.processes import until_answered
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.waiting import PATIENT, until

KEYS = [f"k{number}" for number in range(50)]


async def test_all_misses_of_a_tick_share_their_round_trips_and_statements(here: TableCaches) -> None:
    """Two regions, fifty readers: one read of L2 that also takes the leases, one fill, one statement per region."""
    await here.one(Table({}), "a")  # loads the scripts into Redis
    await here.read_through.close()
    tariffs, hours = Table(dict.fromkeys(KEYS, "tariff")), Table(dict.fromkeys(KEYS, "hours"))
    before = here.shared.round_trips
    await asyncio.gather(*(here.one(table, key) for table in (tariffs, hours) for key in KEYS))
    await here.read_through.close()
    assert [len(statement) for statement in tariffs.statements + hours.statements] == [50, 50]
    assert here.shared.round_trips - before == 2


async def test_a_hit_in_l2_costs_one_round_trip_and_no_statement(
    here: TableCaches, there: TableCaches
) -> None:
    table = Table(dict.fromkeys(KEYS, "value"))
    await here.read(table, *KEYS)
    await here.read_through.close()
    before = there.shared.round_trips
    assert await there.read(table, *KEYS) == table.rows
    assert there.shared.round_trips - before == 1
    assert len(table.statements) == 1


async def test_a_hit_in_l1_returns_without_suspending(here: TableCaches) -> None:
    table = Table({"a": "value"})
    await here.one(table, "a")
    read = here.one(table, "a")
    with pytest.raises(StopIteration) as end:
        read.send(None)
    assert end.value.value == "value"


async def test_many_readers_of_one_key_on_two_instances_cost_one_statement(
    here: TableCaches, there: TableCaches
) -> None:
    """The lease is shared by the instances, the in-flight read by the readers of each."""
    table = Table({"a": "value"})
    readers = [(here, there)[number % 2].one(table, "a") for number in range(500)]
    assert set(await asyncio.gather(*readers)) == {"value"}
    assert len(table.statements) == 1


async def test_readers_of_later_ticks_join_the_fetch_in_flight(here: TableCaches) -> None:
    table = Table({"a": "value"})
    table.hold()
    readers = [asyncio.create_task(here.one(table, "a"))]
    await table.read.wait()
    readers += [asyncio.create_task(here.one(table, "a")) for _ in range(20)]
    await asyncio.sleep(0)
    table.go.set()
    assert set(await asyncio.gather(*readers)) == {"value"}
    assert len(table.statements) == 1


async def test_a_reader_whose_lease_another_instance_holds_waits_briefly_then_reads_without_filling(
    here: TableCaches, there: TableCaches
) -> None:
    table = Table({"a": "value"})
    await there.shared.lease_many([table.tag("a")])  # by a holder that never fills it
    assert await here.one(table, "a") == "value"
    await here.read_through.close()
    assert await here.in_redis(table, "a") is None


async def test_a_reader_takes_over_the_lease_of_its_own_process(here: TableCaches) -> None:
    """The process's earlier fetch began before a change: its value is not cached, and no reader waits for it."""
    table = Table({"a": "old"})
    table.hold()
    early = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    table.rows["a"] = "new"
    here.read_through.detach([table.tag("a")])
    late = asyncio.create_task(here.one(table, "a"))
    await until(lambda: len(table.statements) == 2, pause=0)
    table.go.set()
    assert (await early, await late) == ("old", "new")
    await here.read_through.close()
    here.memory.clear()
    assert await here.one(table, "a") == "new"
    assert len(table.statements) == 2


async def test_a_waiting_reader_takes_a_lease_that_a_change_has_removed(
    here: TableCaches, there: TableCaches
) -> None:
    """It does not wait for a value that will never be filled."""
    table = Table({"a": "new"})
    await there.shared.lease_many([table.tag("a")])
    waiting = asyncio.create_task(here.one(table, "a"))
    await asyncio.sleep(0.002)  # it has polled once, and polls again only later
    assert await there.shared.remove([table.tag("a")])
    assert await waiting == "new"
    await here.read_through.close()
    assert await there.in_redis(table, "a") is not None


async def test_misses_are_batched_while_the_maximum_of_statements_is_in_flight(redis_url: str) -> None:
    settings = Settings(redis_url=redis_url, max_statements_in_flight=2, entity_cache=False)
    async with table_caches(settings) as one:
        table = Table(dict.fromkeys(KEYS, "value"))
        table.hold()
        readers = []
        for key in KEYS:
            readers.append(asyncio.create_task(one.one(table, key)))
            await asyncio.sleep(0.001)
        table.go.set()
        await asyncio.gather(*readers)
    assert [len(statement) for statement in table.statements] == [1, 1, 48]


async def test_a_cancelled_reader_does_not_cancel_the_shared_read(here: TableCaches) -> None:
    table = Table({"a": "value"})
    table.hold()
    cancelled = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    waiting = asyncio.create_task(here.one(table, "a"))
    await asyncio.sleep(0)
    cancelled.cancel()
    table.go.set()
    assert await waiting == "value"
    with contextlib.suppress(asyncio.CancelledError):
        await cancelled
    assert cancelled.cancelled()
    assert here.in_memory(table, "a") == "value"


async def test_an_error_is_raised_to_its_readers_and_is_not_cached(here: TableCaches) -> None:
    broken, sound = Table({"a": "value"}), Table({"a": "value"})
    broken.error = Unavailable("away")
    outcomes = await asyncio.gather(
        here.one(broken, "a"), here.one(sound, "a"), here.one(broken, "a"), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Unavailable, str, Unavailable]
    broken.error = None
    assert await here.one(broken, "a") == "value"


async def test_one_unreadable_key_does_not_fail_other_keys(here: TableCaches) -> None:
    """PostgreSQL rejects a whole statement for one key with a NUL in it."""
    table = Table(dict.fromkeys(KEYS, "value"))
    table.reject("\0")
    outcomes = await asyncio.gather(*(here.one(table, key) for key in [*KEYS, "\0"]), return_exceptions=True)
    assert outcomes[:-1] == ["value"] * 50
    assert isinstance(outcomes[-1], ValueError)


async def test_keys_of_any_characters_have_their_own_records(here: TableCaches, there: TableCaches) -> None:
    keys = ["", "}", "{", "{a}", "a}:lease", "*", "ü", "\ud800", "a b", "\r\n", "x" * 5000]
    table = Table({key: f"value {number}" for number, key in enumerate(keys)})
    assert await here.read(table, *keys) == table.rows
    await here.read_through.close()
    assert await there.read(table, *keys) == table.rows
    assert len(table.statements) == 1


async def test_the_read_set_holds_every_tag_and_the_earliest_expiry(
    here: TableCaches, there: TableCaches
) -> None:
    long, short = Table({"a": "value"}, lifetime=1000), Table({"a": "value"}, lifetime=10)
    for reader in (here, here, there):  # from PostgreSQL, from memory, from Redis
        read_set = ReadSet()
        await reader.read_through.get_many(long.region, ["a"], read_set)
        await reader.read_through.get_many(short.region, ["a", "none"], read_set)
        await reader.read_through.close()
        assert read_set.tags == {long.tag("a"), short.tag("a"), short.tag("none")}
        assert 8 < read_set.until - monotonic() < 12


@pytest.mark.parametrize("absent", [False, True])
async def test_records_read_together_expire_at_different_times(
    here: TableCaches, there: TableCaches, absent: bool
) -> None:
    """Otherwise all of them would be read again at the same time."""
    lifetime = Settings().absent_lifetime if absent else 1000.0
    table = Table({} if absent else dict.fromkeys(KEYS, "value"), lifetime=lifetime)
    for reader in (here, there):  # from PostgreSQL, then from Redis
        lifetimes = await lifetimes_of(reader, table)
        await reader.read_through.close()
        assert len({round(seconds / lifetime, 3) for seconds in lifetimes}) > len(KEYS) / 4
        assert all(0.85 * lifetime < seconds <= 1.1 * lifetime for seconds in lifetimes)
        assert min(lifetimes) < 0.97 * lifetime
        assert max(lifetimes) > 1.03 * lifetime
    assert len(table.statements) == 1


async def test_without_jitter_every_record_has_the_lifetime_of_its_region(redis_url: str) -> None:
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), lifetime_jitter=0) as one:
        lifetimes = await lifetimes_of(one, Table(dict.fromkeys(KEYS, "value"), lifetime=1000.0))
    assert all(900 < seconds <= 1000 for seconds in lifetimes)
    assert max(lifetimes) - min(lifetimes) < 1


async def lifetimes_of(one: TableCaches, table: Table) -> list[float]:
    """The remaining lifetime of each record in seconds, all read in one tick."""
    read_sets = [ReadSet() for _ in KEYS]
    reads = zip(KEYS, read_sets, strict=True)
    await asyncio.gather(
        *(one.read_through.get_many(table.region, [key], read_set) for key, read_set in reads)
    )
    now = monotonic()
    return [read_set.until - now for read_set in read_sets]


async def test_a_record_without_lifetime_is_not_cached(here: TableCaches) -> None:
    table = Table({"a": "value"}, lifetime=0)
    await here.one(table, "a")
    await here.one(table, "a")
    await here.read_through.close()
    assert len(table.statements) == 2
    assert await here.in_redis(table, "a") is None


async def test_without_caches_the_readers_of_a_tick_still_share_a_statement(redis_url: str) -> None:
    async with table_caches(Settings(redis_url=redis_url), entity_cache=False) as one:
        table = Table(dict.fromkeys(KEYS, "value"))
        before = one.shared.round_trips
        await asyncio.gather(*(one.one(table, key) for key in [*KEYS, *KEYS]))
        await one.one(table, "k0")
        assert [len(statement) for statement in table.statements] == [50, 1]
        assert one.shared.round_trips == before
        assert len(one.memory) == 0


async def test_without_l1_values_are_read_from_l2(redis_url: str) -> None:
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), memory_cache=False) as one:
        table = Table({"a": "value"})
        await one.one(table, "a")
        await one.read_through.close()
        await one.one(table, "a")
        assert len(table.statements) == 1
        assert len(one.memory) == 0


async def test_bytes_of_another_release_are_fetched_again_and_replaced(
    here: TableCaches, there: TableCaches
) -> None:
    """Both releases use the same key, so that both remove it; neither reads the other's bytes."""
    table = Table({"a": "value"})
    await here.one(table, "a")
    await here.read_through.close()
    newer = Table({"a": "value"})
    newer.name = table.name
    newer.region = replace(newer.region, type=str | int, tag=table.tag)

    assert await there.one(newer, "a") == "value"
    assert len(newer.statements) == 1

    async def is_cached() -> bool:
        """Redis holds it in the new encoding."""
        before = len(newer.statements)
        there.memory.clear()
        await there.one(newer, "a")
        await there.read_through.close()
        return len(newer.statements) == before

    await until_answered(is_cached)


async def test_records_under_keys_chosen_by_callers_are_written_to_redis_at_a_bounded_rate(
    here: TableCaches,
) -> None:
    """Absent ones, too: requested by names that never repeat, they would fill Redis."""
    here.read_through._open_ended = Budgets(5, 50, 60)
    table = Table(dict.fromkeys(KEYS, "value"))
    open_ended = Table(dict.fromkeys(KEYS, "value"))
    open_ended.region = replace(open_ended.region, open_ended=True)
    await here.read(table, *KEYS, *(f"absent {number}" for number in range(20)))
    await here.read(open_ended, *KEYS)
    await here.read_through.close()
    assert await _values(here, f"{table.name}:k") == 50
    assert await _values(here, f"{table.name}:absent") == 5
    assert await _values(here, f"{open_ended.name}:") == 5


async def _values(here: TableCaches, prefix: str) -> int:
    """Without leases that were not filled, which expire."""
    keys = [key async for key in here.shared.client.scan_iter(match=f"*{prefix}*")]
    return sum(not key.endswith(b":lease") for key in keys)
