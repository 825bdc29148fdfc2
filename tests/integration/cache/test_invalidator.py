"""What an invalidation evicts on its instance, and what it publishes to the others."""

from collections.abc import AsyncIterator
from math import inf

import pytest
from prometheus_client import REGISTRY

from app.cache.message import Message, decode
from app.cache.subscription import Subscription
from app.errors import Unavailable
from app.settings import Settings
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.servers import PrivateValkey
from tests.waiting import PATIENT

UNANSWERED = "Redis does not answer at the moment; please try again soon."


@pytest.fixture
async def one(valkey: PrivateValkey) -> AsyncIterator[TableCaches]:
    """An instance with a Redis of its own, which can be made to reject writes but not messages."""
    async with table_caches(Settings(redis_url=valkey.url, **PATIENT)) as opened:
        yield opened


@pytest.fixture
async def channel(one: TableCaches) -> AsyncIterator[Subscription]:
    async with one.shared.subscribe() as subscription:
        yield subscription


async def received(channel: Subscription) -> Message:
    message = decode(await channel.next(5) or b"")
    assert message is not None
    return message


def counted(by: str) -> float:
    return REGISTRY.get_sample_value("dno_cache_invalidations_total", {"by": by}) or 0


def keep(one: TableCaches, *tags: str) -> None:
    for tag in tags:
        assert one.memory.keep(tag, tag, size=1, tags=(tag,), until=inf, since=one.memory.now())


async def test_a_confirmed_invalidation_publishes_tags_events_generation_and_sender(
    one: TableCaches, channel: Subscription
) -> None:
    one.shared.epoch = 3
    keep(one, "a", "b", "c")
    before = counted("own")
    assert await one.invalidator.invalidate(("a", "b"), acknowledges=(7, 8))
    assert await received(channel) == Message(
        ["a", "b"], [], one.invalidator.sender, acknowledged=[7, 8], generation="1.3"
    )
    assert counted("own") == before + 2
    assert [one.memory.get(tag) is not None for tag in "abc"] == [False, False, True]
    for event in (7, 8):
        assert one.invalidator.acknowledged.covers(event, "1.3")
        assert not one.invalidator.acknowledged.covers(event, "1.4")
    assert not one.invalidator.acknowledged.covers(9, "1.3")
    one.invalidator.acknowledged.forget([7])
    assert not one.invalidator.acknowledged.covers(7, "1.3")
    assert one.invalidator.acknowledged.covers(8, "1.3")


async def test_an_unconfirmed_invalidation_is_published_as_such_and_acknowledges_nothing(
    one: TableCaches, channel: Subscription, valkey: PrivateValkey
) -> None:
    keep(one, "a")
    valkey.command("CONFIG", "SET", "min-replicas-to-write", "1")
    assert not await one.invalidator.invalidate(["a"], acknowledges=[7])
    assert await received(channel) == Message(["a"], [], one.invalidator.sender, unconfirmed=True)
    assert one.memory.get("a") is None
    assert not one.invalidator.acknowledged.covers(7, one.shared.generation)


async def test_an_invalidation_of_nothing_publishes_nothing(one: TableCaches, channel: Subscription) -> None:
    before = one.shared.round_trips
    assert await one.invalidator.invalidate([], acknowledges=[7]) is True
    assert one.shared.round_trips == before


def test_every_instance_has_a_sender_of_its_own(one: TableCaches, fragile: TableCaches) -> None:
    assert len(one.invalidator.sender) == 16
    assert one.invalidator.sender != fragile.invalidator.sender


async def test_a_value_that_was_read_during_the_removal_is_evicted_too(
    one: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From L2, before it was removed there."""
    remove = one.shared.remove_and_publish

    async def read_meanwhile(tags: list[str], message: bytes) -> bool:
        assert one.memory.get("a") is None
        keep(one, "a")
        return await remove(tags, message)

    keep(one, "a")
    monkeypatch.setattr(one.shared, "remove_and_publish", read_meanwhile)
    assert await one.invalidator.invalidate(["a"])
    assert one.memory.get("a") is None


async def test_an_invalidation_by_pattern_is_published_as_one_of_everything(
    one: TableCaches, channel: Subscription
) -> None:
    table = Table({"a": "value", "b": "value"})
    await one.read(table, "a", "b")
    await one.read_through.close()
    keep(one, "other")
    assert await one.invalidator.invalidate_matching(f"{table.name}:*") == 2
    assert await received(channel) == Message(
        [], [], one.invalidator.sender, everything=True, generation=one.shared.generation
    )
    assert len(one.memory) == 0
    assert await one.in_redis(table, "a") is None


async def test_an_invalidation_by_pattern_that_is_not_confirmed_is_published_as_such_and_rejected(
    one: TableCaches, channel: Subscription, valkey: PrivateValkey
) -> None:
    table = Table({"a": "value"})
    await one.one(table, "a")
    await one.read_through.close()
    valkey.command("CONFIG", "SET", "min-replicas-to-write", "1")
    with pytest.raises(Unavailable, match=UNANSWERED):
        await one.invalidator.invalidate_matching("*")
    assert await received(channel) == Message(
        [], [], one.invalidator.sender, everything=True, unconfirmed=True
    )
    assert len(one.memory) == 0


async def test_l1_is_cleared_before_and_after_the_removal_by_pattern(
    one: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = one.shared.remove_and_publish

    async def read_meanwhile(tags: list[str], message: bytes) -> bool:
        assert len(one.memory) == 0
        keep(one, "a")
        return await remove(tags, message)

    keep(one, "a")
    monkeypatch.setattr(one.shared, "remove_and_publish", read_meanwhile)
    await one.invalidator.invalidate_matching("*")
    assert len(one.memory) == 0


async def test_an_eviction_for_another_instance_is_counted_and_sends_nothing(one: TableCaches) -> None:
    keep(one, "a", "b", "c")
    before, round_trips = counted("others"), one.shared.round_trips
    one.invalidator.evict(["a", "b"])
    assert counted("others") == before + 2
    assert [one.memory.get(tag) is not None for tag in "abc"] == [False, False, True]
    assert one.shared.round_trips == round_trips
    one.invalidator.evict_all()
    assert len(one.memory) == 0
    assert one.shared.trusted


async def test_an_undelivered_change_is_removed_from_both_caches(
    one: TableCaches, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table({"a": "old", "b": "old"})
    await one.read(table, "a", "b")
    await one.read_through.close()
    tag, remove = table.tag("a"), one.shared.remove

    async def read_meanwhile(tags: list[str]) -> bool:
        assert one.memory.get(tag) is None
        keep(one, tag)
        return await remove(tags)

    monkeypatch.setattr(one.shared, "remove", read_meanwhile)
    await one.invalidator.evict_undelivered([tag])
    assert one.memory.get(tag) is None
    assert one.in_memory(table, "b") == "old"
    assert await one.in_redis(table, "a") is None
    assert await one.in_redis(table, "b") is not None


async def test_while_rows_may_be_old_neither_cache_keeps_what_is_being_read(one: TableCaches) -> None:
    keep(one, "a")
    since = one.memory.now()
    one.invalidator.keep_nothing()
    assert len(one.memory) == 0
    assert not one.memory.keep("a", "old", size=1, tags=("a",), until=inf, since=since)
    assert not one.shared.trusted
    assert one.shared.distrust_reason == "PostgreSQL takes no writes, and its rows may be old"
