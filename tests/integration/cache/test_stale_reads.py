"""After an answered write nobody is served the old value: each race, step by step."""

import asyncio
from collections.abc import Sequence
from typing import Any

from app.cache.message import decode
from tests.integration.cache.instance import Instance
from tests.integration.cache.table import Table


async def test_a_reader_overtaken_by_a_write_leaves_the_old_value_nowhere(here: Instance) -> None:
    """Stale set: it misses, reads the old row, is held; a write commits and invalidates; it goes on."""
    table = Table({"a": "old"})
    table.hold()
    reader = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()

    table.rows["a"] = "new"
    assert await here.invalidator.invalidate([table.tag("a")])
    table.go.set()

    assert await reader == "old"  # it asked before the write was answered
    await here.cache.close()
    assert here.in_memory(table, "a") is None
    assert await here.in_redis(table, "a") is None
    assert await here.one(table, "a") == "new"


async def test_a_reader_on_another_instance_cannot_bring_the_old_value_back(
    here: Instance, there: Instance
) -> None:
    table = Table({"a": "old"})
    table.hold()
    reader = asyncio.create_task(there.one(table, "a"))
    await table.read.wait()

    table.rows["a"] = "new"
    await here.invalidator.invalidate([table.tag("a")])
    there.invalidator.evict([table.tag("a")])
    table.go.set()

    assert await reader == "old"
    await there.cache.close()
    assert await here.in_redis(table, "a") is None
    assert await there.one(table, "a") == "new"


async def test_whoever_comes_after_a_write_joins_no_fetch_from_before_it(here: Instance) -> None:
    table = Table({"a": "old"})
    table.hold()
    early = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    table.rows["a"] = "new"
    await here.invalidator.invalidate([table.tag("a")])

    table.read.clear()
    late = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    table.go.set()

    assert (await early, await late) == ("old", "new")
    assert here.in_memory(table, "a") == "new"


async def test_a_value_found_in_redis_just_before_its_removal_does_not_stay_in_memory(
    here: Instance, there: Instance
) -> None:
    """Between the eviction from L1 and the removal from L2 a reader still finds the old value in L2."""
    table = Table({"a": "old"})
    await there.one(table, "a")
    await there.cache.close()
    remove_and_publish = here.shared.remove_and_publish

    async def read_first(tags: Sequence[str], message: bytes) -> bool:
        assert await here.one(table, "a") == "old"
        assert here.in_memory(table, "a") == "old"
        return await remove_and_publish(tags, message)

    here.shared.remove_and_publish = read_first  # type: ignore[method-assign, assignment]
    table.rows["a"] = "new"
    await here.invalidator.invalidate([table.tag("a")])

    assert here.in_memory(table, "a") is None
    assert await here.one(table, "a") == "new"


async def test_an_answer_from_redis_that_a_write_has_overtaken_is_not_remembered(here: Instance) -> None:
    """The old bytes are on their way up while the write removes them."""
    table = Table({"a": "old"})
    await here.one(table, "a")
    await here.cache.close()
    here.memory.clear()
    get = here.shared.get_or_lease
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(tags: Sequence[str]) -> dict[str, bytes | str | None]:
        found = await get(tags)
        asked.set()
        await go.wait()
        return found

    here.shared.get_or_lease = slow  # type: ignore[method-assign]
    reader = asyncio.create_task(here.one(table, "a"))
    await asyncio.wait_for(asked.wait(), 10)
    here.shared.get_or_lease = get  # type: ignore[method-assign]
    table.rows["a"] = "new"
    await here.invalidator.invalidate([table.tag("a")])
    go.set()

    assert await reader == "old"
    assert here.in_memory(table, "a") is None
    assert await here.one(table, "a") == "new"


async def test_memory_that_was_switched_off_meanwhile_takes_nothing_from_before(here: Instance) -> None:
    """While nobody listened, an invalidation may have been missed."""
    table = Table({"a": "old"})
    table.hold()
    early = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    here.memory.switch_off()
    table.rows["a"] = "new"
    here.memory.switch_on()

    table.read.clear()
    late = asyncio.create_task(here.one(table, "a"))
    await asyncio.wait_for(table.read.wait(), 5)
    table.go.set()

    assert (await early, await late) == ("old", "new")
    assert here.in_memory(table, "a") == "new"


async def test_while_nobody_listens_a_fetch_under_way_is_not_joined(here: Instance) -> None:
    table = Table({"a": "old"})
    here.memory.switch_off()
    table.hold()
    early = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    table.rows["a"] = "new"  # somebody else's write, of which nothing is heard

    table.read.clear()
    late = asyncio.create_task(here.one(table, "a"))
    await asyncio.wait_for(table.read.wait(), 5)
    table.go.set()

    assert (await early, await late) == ("old", "new")


async def test_there_is_none_is_forgotten_like_any_value(here: Instance, there: Instance) -> None:
    table = Table({})
    assert await here.one(table, "a") is None
    await here.cache.close()
    assert await here.one(table, "a") is None
    assert await there.one(table, "a") is None
    assert len(table.statements) == 1

    table.rows["a"] = "new"
    await here.invalidator.invalidate([table.tag("a")])
    there.invalidator.evict([table.tag("a")])
    assert await here.one(table, "a") == "new"
    assert await there.one(table, "a") == "new"


async def test_who_hears_of_a_change_finds_it_removed(here: Instance, there: Instance) -> None:
    """On one connection the removal is executed before the message is sent."""
    table = Table({"a": "old"})
    await here.one(table, "a")
    await here.cache.close()
    async with there.shared.subscribe() as channel:
        writing = asyncio.create_task(here.invalidator.invalidate([table.tag("a")]))
        assert await channel.next(5) is not None
        assert await there.in_redis(table, "a") is None
        assert await writing


async def test_a_removal_that_redis_does_not_confirm_costs_it_the_trust(
    fragile: Instance, valkey: Any
) -> None:
    """A write while Redis is frozen: this instance reads PostgreSQL from then on, even after it woke."""
    table = Table({"a": "old"})
    await fragile.one(table, "a")
    await fragile.cache.close()
    valkey.pause()
    table.rows["a"] = "new"
    assert not await fragile.invalidator.invalidate([table.tag("a")])
    assert not fragile.shared.trusted
    assert await fragile.one(table, "a") == "new"
    valkey.resume()
    fragile.memory.clear()
    assert await fragile.one(table, "a") == "new"


async def test_what_matches_a_pattern_goes_from_redis_and_all_from_memory(
    here: Instance, there: Instance
) -> None:
    tables = [Table({"a?b": "old", "a*b": "old", "[a]": "old"}) for _ in range(2)]
    for table in tables:
        await here.read(table, *table.rows)
    await here.cache.close()
    async with there.shared.subscribe() as channel:
        assert await here.invalidator.invalidate_matching(f"{tables[0].name}:a?b") == 2
        said = decode(await channel.next(5) or b"")
        assert said is not None
        assert said.everything
    assert len(here.memory) == 0
    assert await there.in_redis(tables[0], "a*b") is None
    assert await there.in_redis(tables[0], "[a]") is not None
    assert await here.invalidator.invalidate_matching(f"{tables[0].name}:[a]") == 1
    assert await here.invalidator.invalidate_matching("*") == 3


async def test_a_write_of_any_size_is_removed_to_its_last_tag(here: Instance) -> None:
    table = Table({str(number): "old" for number in range(2500)})
    await here.read(table, *table.rows)
    await here.cache.close()
    tags = [table.tag(key) for key in table.rows]
    assert len(await here.shared.get_many(tags)) == 2500
    before = here.shared.round_trips
    assert await here.invalidator.invalidate(tags)
    assert here.shared.round_trips - before == 4  # three portions, then the message
    assert await here.shared.get_many(tags) == {}
