"""What a read costs, who shares it, and what becomes of it when something fails."""

import asyncio
import contextlib
from dataclasses import replace
from time import monotonic

import pytest

from app.cache.read_set import ReadSet
from app.caller_budgets import Budgets
from app.errors import Unavailable
from app.settings import Settings
from tests.integration.cache.conftest import PATIENT
from tests.integration.cache.instance import Instance, instance
from tests.integration.cache.processes import until_answered
from tests.integration.cache.table import Table

KEYS = [f"k{number}" for number in range(50)]


async def test_all_misses_of_a_tick_share_their_round_trips_and_statements(here: Instance) -> None:
    """Two regions, fifty readers: one look into L2 that brings the leases, one fill, one statement per region."""
    await here.one(Table({}), "a")  # from now on Redis knows the scripts
    await here.cache.close()
    tariffs, hours = Table(dict.fromkeys(KEYS, "tariff")), Table(dict.fromkeys(KEYS, "hours"))
    before = here.shared.round_trips
    await asyncio.gather(*(here.one(table, key) for table in (tariffs, hours) for key in KEYS))
    await here.cache.close()
    assert [len(statement) for statement in tariffs.statements + hours.statements] == [50, 50]
    assert here.shared.round_trips - before == 2


async def test_what_redis_knows_costs_one_round_trip_and_no_statement(
    here: Instance, there: Instance
) -> None:
    table = Table(dict.fromkeys(KEYS, "value"))
    await here.read(table, *KEYS)
    await here.cache.close()
    before = there.shared.round_trips
    assert await there.read(table, *KEYS) == table.rows
    assert there.shared.round_trips - before == 1
    assert len(table.statements) == 1


async def test_what_memory_knows_costs_no_turn_of_the_loop(here: Instance) -> None:
    table = Table({"a": "value"})
    await here.one(table, "a")
    read = here.one(table, "a")
    with pytest.raises(StopIteration) as end:
        read.send(None)
    assert end.value.value == "value"


async def test_many_readers_of_one_key_on_two_instances_cost_one_statement(
    here: Instance, there: Instance
) -> None:
    """The lease decides between the instances, the flight among the readers of each."""
    table = Table({"a": "value"})
    readers = [(here, there)[number % 2].one(table, "a") for number in range(500)]
    assert set(await asyncio.gather(*readers)) == {"value"}
    assert len(table.statements) == 1


async def test_readers_of_later_ticks_join_the_fetch_under_way(here: Instance) -> None:
    table = Table({"a": "value"})
    table.hold()
    readers = [asyncio.create_task(here.one(table, "a"))]
    await table.read.wait()
    readers += [asyncio.create_task(here.one(table, "a")) for _ in range(20)]
    await asyncio.sleep(0)
    table.go.set()
    assert set(await asyncio.gather(*readers)) == {"value"}
    assert len(table.statements) == 1


async def test_a_reader_whose_lease_is_elsewhere_waits_briefly_then_reads_without_filling(
    here: Instance, there: Instance
) -> None:
    table = Table({"a": "value"})
    await there.shared.lease_many([table.tag("a")])  # by somebody who never comes back with a value
    assert await here.one(table, "a") == "value"
    await here.cache.close()
    assert await here.in_redis(table, "a") is None


async def test_a_reader_of_the_lease_holders_own_process_takes_the_lease_over(here: Instance) -> None:
    """Its own fetch set out before a change; what that brings is not kept any more, and nobody waits for it."""
    table = Table({"a": "old"})
    table.hold()
    early = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    table.rows["a"] = "new"
    here.cache.detach([table.tag("a")])
    late = asyncio.create_task(here.one(table, "a"))
    async with asyncio.timeout(5):
        while len(table.statements) < 2:
            await asyncio.sleep(0)
    table.go.set()
    assert (await early, await late) == ("old", "new")
    await here.cache.close()
    here.memory.clear()
    assert await here.one(table, "a") == "new"
    assert len(table.statements) == 2


async def test_a_lease_that_a_change_took_away_is_taken_by_who_waited_for_it(
    here: Instance, there: Instance
) -> None:
    """He need not wait for a value that nobody will bring."""
    table = Table({"a": "new"})
    await there.shared.lease_many([table.tag("a")])
    waiting = asyncio.create_task(here.one(table, "a"))
    await asyncio.sleep(0.002)  # he has looked once, and looks again only later
    assert await there.shared.remove([table.tag("a")])
    assert await waiting == "new"
    await here.cache.close()
    assert await there.in_redis(table, "a") is not None


async def test_while_statements_are_under_way_further_misses_gather(redis_url: str) -> None:
    settings = Settings(redis_url=redis_url, max_statements_in_flight=2, entity_cache=False)
    async with instance(settings) as one:
        table = Table(dict.fromkeys(KEYS, "value"))
        table.hold()
        readers = []
        for key in KEYS:
            readers.append(asyncio.create_task(one.one(table, key)))
            await asyncio.sleep(0.001)
        table.go.set()
        await asyncio.gather(*readers)
    assert [len(statement) for statement in table.statements] == [1, 1, 48]


async def test_a_reader_that_gives_up_takes_nobody_with_it(here: Instance) -> None:
    table = Table({"a": "value"})
    table.hold()
    impatient = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    patient = asyncio.create_task(here.one(table, "a"))
    await asyncio.sleep(0)
    impatient.cancel()
    table.go.set()
    assert await patient == "value"
    with contextlib.suppress(asyncio.CancelledError):
        await impatient
    assert impatient.cancelled()
    assert here.in_memory(table, "a") == "value"


async def test_an_error_reaches_those_who_asked_and_is_not_remembered(here: Instance) -> None:
    broken, sound = Table({"a": "value"}), Table({"a": "value"})
    broken.error = Unavailable("away")
    outcomes = await asyncio.gather(
        here.one(broken, "a"), here.one(sound, "a"), here.one(broken, "a"), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Unavailable, str, Unavailable]
    broken.error = None
    assert await here.one(broken, "a") == "value"


async def test_one_unreadable_key_spoils_nothing_for_strangers(here: Instance) -> None:
    """PostgreSQL refuses a whole statement for one key with a NUL in it."""
    table = Table(dict.fromkeys(KEYS, "value"))
    fetch = table.region.fetch

    async def picky(pool: object, keys: list[str]) -> dict[str, str]:
        found = await fetch(pool, keys)
        if "\0" in keys:
            raise ValueError("invalid byte sequence")
        return found

    object.__setattr__(table.region, "fetch", picky)
    outcomes = await asyncio.gather(*(here.one(table, key) for key in [*KEYS, "\0"]), return_exceptions=True)
    assert outcomes[:-1] == ["value"] * 50
    assert isinstance(outcomes[-1], ValueError)


async def test_keys_of_any_characters_have_their_own_records(here: Instance, there: Instance) -> None:
    keys = ["", "}", "{", "{a}", "a}:lease", "*", "ü", "\ud800", "a b", "\r\n", "x" * 5000]
    table = Table({key: f"value {number}" for number, key in enumerate(keys)})
    assert await here.read(table, *keys) == table.rows
    await here.cache.close()
    assert await there.read(table, *keys) == table.rows
    assert len(table.statements) == 1


async def test_the_read_set_knows_every_tag_and_the_first_end(here: Instance, there: Instance) -> None:
    long, short = Table({"a": "value"}, lifetime=1000), Table({"a": "value"}, lifetime=10)
    for reader in (here, here, there):  # from PostgreSQL, from memory, from Redis
        read_set = ReadSet()
        await reader.cache.get_many(long.region, ["a"], read_set)
        await reader.cache.get_many(short.region, ["a", "none"], read_set)
        await reader.cache.close()
        assert read_set.tags == {long.tag("a"), short.tag("a"), short.tag("none")}
        assert 8 < read_set.until - monotonic() < 12


@pytest.mark.parametrize("absent", [False, True])
async def test_records_read_together_do_not_expire_together(
    here: Instance, there: Instance, absent: bool
) -> None:
    """Else all of them would be read again at one moment."""
    lifetime = Settings().absent_lifetime if absent else 1000.0
    table = Table({} if absent else dict.fromkeys(KEYS, "value"), lifetime=lifetime)
    for reader in (here, there):  # from PostgreSQL, then from Redis
        lifetimes = await lifetimes_of(reader, table)
        await reader.cache.close()
        assert len({round(seconds / lifetime, 3) for seconds in lifetimes}) > len(KEYS) / 4
        assert all(0.85 * lifetime < seconds <= 1.1 * lifetime for seconds in lifetimes)
        assert min(lifetimes) < 0.97 * lifetime
        assert max(lifetimes) > 1.03 * lifetime
    assert len(table.statements) == 1


async def test_without_jitter_every_record_has_the_lifetime_of_its_region(redis_url: str) -> None:
    async with instance(Settings(redis_url=redis_url, **PATIENT), lifetime_jitter=0) as one:
        lifetimes = await lifetimes_of(one, Table(dict.fromkeys(KEYS, "value"), lifetime=1000.0))
    assert all(900 < seconds <= 1000 for seconds in lifetimes)
    assert max(lifetimes) - min(lifetimes) < 1


async def lifetimes_of(one: Instance, table: Table) -> list[float]:
    """For how many seconds each record still holds, all read in one tick."""
    read_sets = [ReadSet() for _ in KEYS]
    reads = zip(KEYS, read_sets, strict=True)
    await asyncio.gather(*(one.cache.get_many(table.region, [key], read_set) for key, read_set in reads))
    now = monotonic()
    return [read_set.until - now for read_set in read_sets]


async def test_what_may_not_be_kept_is_not_kept(here: Instance) -> None:
    table = Table({"a": "value"}, lifetime=0)
    await here.one(table, "a")
    await here.one(table, "a")
    await here.cache.close()
    assert len(table.statements) == 2
    assert await here.in_redis(table, "a") is None


async def test_without_caches_the_readers_of_a_tick_still_share(redis_url: str) -> None:
    async with instance(Settings(redis_url=redis_url), entity_cache=False) as one:
        table = Table(dict.fromkeys(KEYS, "value"))
        before = one.shared.round_trips
        await asyncio.gather(*(one.one(table, key) for key in [*KEYS, *KEYS]))
        await one.one(table, "k0")
        assert [len(statement) for statement in table.statements] == [50, 1]
        assert one.shared.round_trips == before
        assert len(one.memory) == 0


async def test_without_memory_redis_still_answers(redis_url: str) -> None:
    async with instance(Settings(redis_url=redis_url, **PATIENT), memory_cache=False) as one:
        table = Table({"a": "value"})
        await one.one(table, "a")
        await one.cache.close()
        await one.one(table, "a")
        assert len(table.statements) == 1
        assert len(one.memory) == 0


async def test_bytes_of_another_release_are_read_anew_and_replaced(here: Instance, there: Instance) -> None:
    """Both releases name the record the same, so that both remove it; neither reads the other's bytes."""
    table = Table({"a": "value"})
    await here.one(table, "a")
    await here.cache.close()
    newer = Table({"a": "value"})
    newer.name = table.name
    newer.region = replace(newer.region, type=str | int, tag=table.tag)

    assert await there.one(newer, "a") == "value"
    assert len(newer.statements) == 1

    async def at_home() -> bool:
        """From now on Redis knows it in the new spelling."""
        before = len(newer.statements)
        there.memory.clear()
        await there.one(newer, "a")
        await there.cache.close()
        return len(newer.statements) == before

    await until_answered(at_home)


async def test_records_whose_keys_callers_make_up_are_put_into_redis_at_a_bounded_rate(
    here: Instance,
) -> None:
    """Absent ones, too: asked for by names that never repeat, they would fill Redis."""
    here.cache._open_ended = Budgets(5, 50, 60)
    table = Table(dict.fromkeys(KEYS, "value"))
    asked = Table(dict.fromkeys(KEYS, "value"))
    asked.region = replace(asked.region, open_ended=True)
    await here.read(table, *KEYS, *(f"absent {number}" for number in range(20)))
    await here.read(asked, *KEYS)
    await here.cache.close()
    assert await _values(here, f"{table.name}:k") == 50
    assert await _values(here, f"{table.name}:absent") == 5
    assert await _values(here, f"{asked.name}:") == 5


async def _values(here: Instance, prefix: str) -> int:
    """Without the leases of what was not filled, which end by themselves."""
    keys = [key async for key in here.shared.client.scan_iter(match=f"*{prefix}*")]
    return sum(not key.endswith(b":lease") for key in keys)
