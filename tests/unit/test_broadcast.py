"""What is delivered to the subscribers of one process."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from app.broadcast import Broadcast, Filter, Subscriber
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind
from app.errors import Code, Unavailable
from tests.error_codes import raises_code
from tests.waiting import until

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


async def received(subscriber: Subscriber, count: int) -> list[int]:
    return [(await asyncio.wait_for(anext(subscriber), 30)).entry.version for _ in range(count)]


async def nothing_is_queued(subscriber: Subscriber) -> bool:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(subscriber), 0.01)
    return True


async def test_each_subscriber_receives_each_change_in_order() -> None:
    broadcast = Broadcast(10)
    async with broadcast.subscribe(ALL) as one, broadcast.subscribe(ALL) as other:
        for version in (1, 2, 3):
            broadcast.send(change(version))
        assert await received(one, 3) == await received(other, 3) == [1, 2, 3]


async def test_a_waiting_subscriber_is_woken() -> None:
    broadcast = Broadcast(10)
    async with broadcast.subscribe(ALL) as subscriber:
        waiting = asyncio.create_task(received(subscriber, 1))
        await asyncio.sleep(0)
        broadcast.send(change(1))
        assert await waiting == [1]


async def test_only_changes_that_match_the_filter_are_delivered() -> None:
    broadcast = Broadcast(10)
    async with (
        broadcast.subscribe(Filter(dno_id=HERE)) as here,
        broadcast.subscribe(Filter(topics=frozenset({Topic.HLZF}))) as hlzf,
    ):
        broadcast.send(change(1, entry=uuid4(), dno=ELSEWHERE, topic=Topic.HLZF))
        broadcast.send(change(2, entry=uuid4(), dno=HERE, topic=Topic.TARIFFS))
        broadcast.send(change(3, entry=uuid4(), dno=HERE, topic=Topic.HLZF))
        broadcast.send(change(4, entry=uuid4(), dno=HERE, topic=Topic.TIME_OF_USE))
        broadcast.send(change(5, entry=uuid4(), dno=HERE, topic=Topic.OPERATOR))
        assert await received(here, 3) == [2, 3, 4]
        assert await received(hlzf, 2) == [1, 3]
        assert await nothing_is_queued(here)
        assert await nothing_is_queued(hlzf)


async def test_a_change_that_is_sent_twice_is_delivered_once() -> None:
    broadcast = Broadcast(10)
    async with broadcast.subscribe(ALL) as subscriber:
        for version in (1, 1, 2, 1, 2, 3):
            broadcast.send(change(version))
        assert await received(subscriber, 3) == [1, 2, 3]
        assert await nothing_is_queued(subscriber)


async def test_an_entry_moved_in_the_database_is_delivered_once_under_both_operators() -> None:
    broadcast = Broadcast(10)
    async with broadcast.subscribe(Filter(dno_id=ELSEWHERE)) as there:
        for event in (change(2), change(2, dno=ELSEWHERE), change(2), change(2, dno=ELSEWHERE)):
            broadcast.send(event)
        assert await received(there, 1) == [2]
        assert await nothing_is_queued(there)


async def test_the_number_of_remembered_entries_is_bounded() -> None:
    broadcast = Broadcast(10, remembered=2)
    async with broadcast.subscribe(ALL) as subscriber:
        others = [uuid4() for _ in range(2)]
        broadcast.send(change(1))
        for entry in others:
            broadcast.send(change(1, entry=entry))
        broadcast.send(change(1))  # its entry is forgotten: a duplicate costs less than an unbounded memory
        assert await received(subscriber, 4) == [1, 1, 1, 1]


async def test_a_slow_subscriber_is_closed_with_a_reason_and_delays_no_other() -> None:
    broadcast = Broadcast(3)
    async with broadcast.subscribe(ALL) as slow, broadcast.subscribe(ALL) as quick:
        versions: list[int] = []
        for version in range(1, 8):
            broadcast.send(change(version))
            versions += await received(quick, 1)
        assert versions == [1, 2, 3, 4, 5, 6, 7]
        await until(lambda: not slow.waiting)  # the clock has been looked at
        with raises_code(Code.SLOW_SUBSCRIBER):
            await anext(slow)


def bulk(entries: int, *, topic: Topic = Topic.TARIFFS) -> Event:
    """One statement over many entries."""
    changed = tuple(EntryChange(UUID(int=number), 1, ChangeKind.CORRECTED) for number in range(entries))
    return Event(1, topic, HERE, 2025, datetime(2026, 1, 1, tzinfo=UTC), changed)


async def test_a_statement_over_more_entries_than_a_queue_holds_is_delivered_in_portions() -> None:
    """Each subscriber receives each entry once and in order; what exceeds the queue stays in a log shared by all."""
    broadcast = Broadcast(4, timeout=5)
    async with broadcast.subscribe(ALL) as one, broadcast.subscribe(ALL) as other:
        broadcast.send(bulk(1000))
        broadcast.send(change(1))
        assert len(one.waiting) == len(other.waiting) == 4
        for subscriber in (one, other):
            ids = [(await asyncio.wait_for(anext(subscriber), 30)).entry.id for _ in range(1001)]
            assert ids == [UUID(int=number) for number in range(1000)] + [ENTRY]
            assert len(subscriber.waiting) == 0
        assert broadcast.max_unread == 0
        assert not broadcast._log


async def test_a_statement_of_many_events_is_delivered_like_one_of_many_entries() -> None:
    """One event for each operator and year that it touched; a subscriber of one operator is not behind at all."""
    broadcast = Broadcast(4, timeout=5)
    async with broadcast.subscribe(ALL) as everything, broadcast.subscribe(Filter(dno_id=HERE)) as here:
        for number in range(300):
            broadcast.send(change(1, entry=UUID(int=number), dno=HERE if number % 100 == 0 else uuid4()))
        assert here.behind is None
        assert [(await anext(here)).entry.id.int for _ in range(3)] == [0, 100, 200]
        assert [(await anext(everything)).entry.id.int for _ in range(300)] == list(range(300))


async def test_a_subscriber_that_is_behind_receives_all_that_matches_its_filter_and_nothing_else() -> None:
    broadcast = Broadcast(2, timeout=5)
    async with broadcast.subscribe(Filter(topics=frozenset({Topic.HLZF}))) as hlzf:
        broadcast.send(bulk(10, topic=Topic.HLZF))
        broadcast.send(change(1))
        broadcast.send(change(2, entry=uuid4(), topic=Topic.HLZF))
        assert await received(hlzf, 11) == [1] * 10 + [2]
        assert await nothing_is_queued(hlzf)


async def test_a_subscriber_that_reads_nothing_is_closed_without_further_events() -> None:
    broadcast = Broadcast(4, timeout=0.05)
    async with broadcast.subscribe(ALL) as silent:
        broadcast.send(bulk(100))
        await until(lambda: not silent.waiting)
        with raises_code(Code.SLOW_SUBSCRIBER):
            await anext(silent)
        assert not broadcast._log


async def test_the_log_for_subscribers_that_are_behind_is_bounded_in_total() -> None:
    broadcast = Broadcast(4, timeout=60, max_log=100)
    async with broadcast.subscribe(ALL) as behind, broadcast.subscribe(ALL) as quick:
        for number in range(100):
            broadcast.send(
                Event(
                    number,
                    Topic.TARIFFS,
                    HERE,
                    2025,
                    datetime(2026, 1, 1, tzinfo=UTC),
                    tuple(EntryChange(uuid4(), 1, ChangeKind.CORRECTED) for _ in range(10)),
                )
            )
            assert await received(quick, 10) == [1] * 10
            assert len(broadcast._log) <= 110
        with raises_code(Code.SLOW_SUBSCRIBER):
            await anext(behind)
        assert not broadcast._log


async def test_a_subscriber_that_leaves_while_behind_frees_the_log() -> None:
    broadcast = Broadcast(4, timeout=60)
    async with broadcast.subscribe(ALL):
        broadcast.send(bulk(100))
        assert broadcast._log
    assert not broadcast._log


async def test_at_shutdown_queued_changes_are_delivered_before_the_reason() -> None:
    broadcast = Broadcast(3)
    async with broadcast.subscribe(ALL) as subscriber:
        broadcast.send(change(1))
        broadcast.close_all("The server stops.")
        assert await received(subscriber, 1) == [1]
        with pytest.raises(Unavailable, match=r"The server stops\."):
            await anext(subscriber)


async def test_a_subscriber_that_has_left_is_no_longer_counted() -> None:
    broadcast = Broadcast(3)
    async with broadcast.subscribe(ALL):
        assert broadcast.has_subscribers
    assert not broadcast.has_subscribers


async def test_subscribers_of_other_operators_get_nothing_queued() -> None:
    broadcast = Broadcast(1)
    subscriptions = [broadcast.subscribe(Filter(dno_id=uuid4())) for _ in range(1000)]
    subscribers = [await subscription.__aenter__() for subscription in subscriptions]
    async with broadcast.subscribe(Filter(dno_id=HERE)) as mine:
        broadcast.send(change(1))
        assert await received(mine, 1) == [1]
    assert all(not subscriber.waiting for subscriber in subscribers)
    for subscription in subscriptions:
        await subscription.__aexit__(None, None, None)
