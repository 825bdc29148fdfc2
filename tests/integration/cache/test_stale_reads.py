"""After an answered write no reader gets the old value: each race, step by step."""

import asyncio
from collections.abc import Sequence
from typing import Any

from app.cache.message import decode
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import TableCaches
from tests.waiting import LIMIT


async def test_a_reader_overtaken_by_a_write_caches_no_old_value(here: TableCaches) -> None:
    """Stale set: it misses and reads the old row; a write commits and invalidates; then the reader continues."""
    table = Table({"a": "old"})
    table.hold()
    reader = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()

    table.rows["a"] = "new"
    assert await here.invalidator.invalidate([table.tag("a")])
    table.go.set()

    assert await reader == "old"  # its read began before the write was answered
    await here.read_through.close()
    assert here.in_memory(table, "a") is None
    assert await here.in_redis(table, "a") is None
    assert await here.one(table, "a") == "new"


async def test_a_reader_on_another_instance_cannot_restore_the_old_value(
    here: TableCaches, there: TableCaches
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
    await there.read_through.close()
    assert await here.in_redis(table, "a") is None
    assert await there.one(table, "a") == "new"


async def test_a_reader_after_a_write_joins_no_fetch_from_before_it(here: TableCaches) -> None:
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
    here: TableCaches, there: TableCaches
) -> None:
    """Between the eviction from L1 and the removal from L2 a reader still finds the old value in L2."""
    table = Table({"a": "old"})
    await there.one(table, "a")
    await there.read_through.close()
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


async def test_a_value_from_redis_that_a_write_has_overtaken_is_not_kept_in_l1(here: TableCaches) -> None:
    """The old bytes are in flight while the write removes them."""
    table = Table({"a": "old"})
    await here.one(table, "a")
    await here.read_through.close()
    here.memory.clear()
    get = here.shared.get_or_lease
    received, go = asyncio.Event(), asyncio.Event()

    async def slow(tags: Sequence[str]) -> dict[str, bytes | str | None]:
        found = await get(tags)
        received.set()
        await go.wait()
        return found

    here.shared.get_or_lease = slow  # type: ignore[method-assign]
    reader = asyncio.create_task(here.one(table, "a"))
    await asyncio.wait_for(received.wait(), LIMIT)
    here.shared.get_or_lease = get  # type: ignore[method-assign]
    table.rows["a"] = "new"
    await here.invalidator.invalidate([table.tag("a")])
    go.set()

    assert await reader == "old"
    assert here.in_memory(table, "a") is None
    assert await here.one(table, "a") == "new"


async def test_l1_that_was_switched_off_meanwhile_rejects_earlier_fills(here: TableCaches) -> None:
    """While it was off, an invalidation may have been missed."""
    table = Table({"a": "old"})
    table.hold()
    early = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    here.memory.switch_off()
    table.rows["a"] = "new"
    here.memory.switch_on()

    table.read.clear()
    late = asyncio.create_task(here.one(table, "a"))
    await asyncio.wait_for(table.read.wait(), LIMIT)
    table.go.set()

    assert (await early, await late) == ("old", "new")
    assert here.in_memory(table, "a") == "new"


async def test_while_l1_is_off_a_fetch_in_flight_is_not_joined(here: TableCaches) -> None:
    table = Table({"a": "old"})
    here.memory.switch_off()
    table.hold()
    early = asyncio.create_task(here.one(table, "a"))
    await table.read.wait()
    table.rows["a"] = "new"  # a write of another instance, whose message is missed

    table.read.clear()
    late = asyncio.create_task(here.one(table, "a"))
    await asyncio.wait_for(table.read.wait(), LIMIT)
    table.go.set()

    assert (await early, await late) == ("old", "new")


async def test_a_cached_absence_is_invalidated_like_any_value(here: TableCaches, there: TableCaches) -> None:
    table = Table({})
    assert await here.one(table, "a") is None
    await here.read_through.close()
    assert await here.one(table, "a") is None
    assert await there.one(table, "a") is None
    assert len(table.statements) == 1

    table.rows["a"] = "new"
    await here.invalidator.invalidate([table.tag("a")])
    there.invalidator.evict([table.tag("a")])
    assert await here.one(table, "a") == "new"
    assert await there.one(table, "a") == "new"


async def test_the_value_is_removed_before_its_message_is_received(
    here: TableCaches, there: TableCaches
) -> None:
    """On one connection the removal is executed before the message is sent."""
    table = Table({"a": "old"})
    await here.one(table, "a")
    await here.read_through.close()
    async with there.shared.subscribe() as channel:
        writing = asyncio.create_task(here.invalidator.invalidate([table.tag("a")]))
        assert await channel.next(5) is not None
        assert await there.in_redis(table, "a") is None
        assert await writing


async def test_a_removal_that_redis_does_not_confirm_ends_trust_in_l2(
    fragile: TableCaches, valkey: Any
) -> None:
    """A write while Redis is frozen: this instance reads PostgreSQL from then on, also after Redis has resumed."""
    table = Table({"a": "old"})
    await fragile.one(table, "a")
    await fragile.read_through.close()
    valkey.pause()
    table.rows["a"] = "new"
    assert not await fragile.invalidator.invalidate([table.tag("a")])
    assert not fragile.shared.trusted
    assert await fragile.one(table, "a") == "new"
    valkey.resume()
    fragile.memory.clear()
    assert await fragile.one(table, "a") == "new"


async def test_keys_that_match_a_pattern_are_removed_from_l2_and_l1_is_cleared(
    here: TableCaches, there: TableCaches
) -> None:
    tables = [Table({"a?b": "old", "a*b": "old", "[a]": "old"}) for _ in range(2)]
    for table in tables:
        await here.read(table, *table.rows)
    await here.read_through.close()
    async with there.shared.subscribe() as channel:
        assert await here.invalidator.invalidate_matching(f"{tables[0].name}:a?b") == 2
        message = decode(await channel.next(5) or b"")
        assert message is not None
        assert message.everything
    assert len(here.memory) == 0
    assert await there.in_redis(tables[0], "a*b") is None
    assert await there.in_redis(tables[0], "[a]") is not None
    assert await here.invalidator.invalidate_matching(f"{tables[0].name}:[a]") == 1
    assert await here.invalidator.invalidate_matching("*") == 3


async def test_all_tags_of_a_large_write_are_removed(here: TableCaches) -> None:
    table = Table({str(number): "old" for number in range(2500)})
    await here.read(table, *table.rows)
    await here.read_through.close()
    tags = [table.tag(key) for key in table.rows]
    assert len(await here.shared.get_many(tags)) == 2500
    before = here.shared.round_trips
    assert await here.invalidator.invalidate(tags)
    assert here.shared.round_trips - before == 4  # three portions, then the message
    assert await here.shared.get_many(tags) == {}
