"""What subscribers of one process are told."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.broadcast import Broadcast, Filter, SlowSubscriber, Subscriber
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind
from app.errors import Unavailable

HERE, ELSEWHERE, ENTRY = uuid4(), uuid4(), uuid4()
ALL = Filter()


def change(version: int, *, entry: UUID = ENTRY, dno: UUID = HERE, topic: Topic = Topic.TARIFFS) -> Event:
    return Event(
        version,
        topic,
        dno,
        2025,
        datetime(2026, 1, 1, tzinfo=UTC),
        (EntryChange(entry, version, ChangeKind.CORRECTED),),
    )


async def told(subscriber: Subscriber, count: int) -> list[int]:
    return [(await asyncio.wait_for(anext(subscriber), 1)).entry.version for _ in range(count)]


async def nothing_waits(subscriber: Subscriber) -> bool:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(subscriber), 0.01)
    return True


async def test_each_subscriber_hears_each_change_in_order() -> None:
    broadcast = Broadcast(10)
    async with broadcast.subscribe(ALL) as one, broadcast.subscribe(ALL) as other:
        for version in (1, 2, 3):
            broadcast.send(change(version))
        assert await told(one, 3) == await told(other, 3) == [1, 2, 3]


async def test_who_waits_is_woken() -> None:
    broadcast = Broadcast(10)
    async with broadcast.subscribe(ALL) as subscriber:
        waiting = asyncio.create_task(told(subscriber, 1))
        await asyncio.sleep(0)
        broadcast.send(change(1))
        assert await waiting == [1]


async def test_only_what_was_asked_for_arrives() -> None:
    broadcast = Broadcast(10)
    async with (
        broadcast.subscribe(Filter(dno_id=HERE)) as here,
        broadcast.subscribe(Filter(topics=frozenset({Topic.HLZF}))) as hlzf,
    ):
        broadcast.send(change(1, entry=uuid4(), dno=ELSEWHERE, topic=Topic.HLZF))
        broadcast.send(change(2, entry=uuid4(), dno=HERE, topic=Topic.TARIFFS))
        broadcast.send(change(3, entry=uuid4(), dno=HERE, topic=Topic.HLZF))
        broadcast.send(change(4, entry=uuid4(), dno=HERE, topic=Topic.TIME_OF_USE))
        assert await told(here, 2) == [2, 3]
        assert await told(hlzf, 2) == [1, 3]
        assert await nothing_waits(here)
        assert await nothing_waits(hlzf)


async def test_a_change_that_comes_twice_is_told_once() -> None:
    broadcast = Broadcast(10)
    async with broadcast.subscribe(ALL) as subscriber:
        for version in (1, 1, 2, 1, 2, 3):
            broadcast.send(change(version))
        assert await told(subscriber, 3) == [1, 2, 3]
        assert await nothing_waits(subscriber)


async def test_an_entry_moved_by_hand_is_news_in_both_places_once() -> None:
    broadcast = Broadcast(10)
    async with broadcast.subscribe(Filter(dno_id=ELSEWHERE)) as there:
        for event in (change(2), change(2, dno=ELSEWHERE), change(2), change(2, dno=ELSEWHERE)):
            broadcast.send(event)
        assert await told(there, 1) == [2]
        assert await nothing_waits(there)


async def test_what_is_remembered_is_bounded() -> None:
    broadcast = Broadcast(10, remembered=2)
    async with broadcast.subscribe(ALL) as subscriber:
        others = [uuid4() for _ in range(2)]
        broadcast.send(change(1))
        for entry in others:
            broadcast.send(change(1, entry=entry))
        broadcast.send(change(1))  # its entry is forgotten: better told twice than remembered for ever
        assert await told(subscriber, 4) == [1, 1, 1, 1]


async def test_a_slow_subscriber_is_closed_with_a_reason_and_harms_nobody() -> None:
    broadcast = Broadcast(3)
    async with broadcast.subscribe(ALL) as slow, broadcast.subscribe(ALL) as quick:
        heard: list[int] = []
        for version in range(1, 8):
            broadcast.send(change(version))
            heard += await told(quick, 1)
        assert heard == [1, 2, 3, 4, 5, 6, 7]
        with pytest.raises(SlowSubscriber):
            await anext(slow)


async def test_at_shutdown_what_waits_is_told_then_the_reason() -> None:
    broadcast = Broadcast(3)
    async with broadcast.subscribe(ALL) as subscriber:
        broadcast.send(change(1))
        broadcast.close_all("The server stops.")
        assert await told(subscriber, 1) == [1]
        with pytest.raises(Unavailable, match=r"The server stops\."):
            await anext(subscriber)


async def test_who_has_left_costs_nothing_more() -> None:
    broadcast = Broadcast(3)
    async with broadcast.subscribe(ALL):
        assert broadcast.has_subscribers
    assert not broadcast.has_subscribers


async def test_a_thousand_subscribers_of_other_operators_are_not_even_asked() -> None:
    broadcast = Broadcast(1)
    subscriptions = [broadcast.subscribe(Filter(dno_id=uuid4())) for _ in range(1000)]
    subscribers = [await subscription.__aenter__() for subscription in subscriptions]
    async with broadcast.subscribe(Filter(dno_id=HERE)) as mine:
        broadcast.send(change(1))
        assert await told(mine, 1) == [1]
    assert all(not subscriber.waiting for subscriber in subscribers)
    for subscription in subscriptions:
        await subscription.__aexit__(None, None, None)
