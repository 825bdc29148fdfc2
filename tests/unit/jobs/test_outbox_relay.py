"""When the relay delivers, in which batches, and what it does when it cannot: the outbox and Redis are given."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from math import inf
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from app.cache.message import Message, decode
from app.db import outbox
from app.db.outbox import Batch, OutboxStatus
from app.domain import tags
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind
from app.errors import Unavailable
from app.failpoints import FailPoint
from app.jobs import outbox_relay
from app.jobs.outbox_relay import OutboxRelay, Outcome
from app.settings import Settings
from tests.unit.jobs.instance import EPOCH, Instance

BATCH = 8


def event(number: int, operator: int = 9) -> Event:
    change = EntryChange(uuid4(), 1, ChangeKind.CORRECTED)
    return Event(number, Topic("tariffs"), UUID(int=operator), 2025, datetime.now(UTC), (change,))


class Database:
    """The outbox. `ended` are the transactions: True where it was committed."""

    def __init__(self, one: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[Event] = []
        self.locked = False  # by another relay
        self.limits: list[int] = []
        self.within: list[float | None] = []
        self.ended: list[bool] = []
        self.agreed = (EPOCH, one.consistency.identity)
        self.delivered = 40
        self.taken: Callable[[], None] = lambda: None
        self._connection = object()
        monkeypatch.setattr(one.pool, "connection", self.connection)
        monkeypatch.setattr(outbox, "may_relay", self._may_relay)
        monkeypatch.setattr(outbox, "take", self._take)
        monkeypatch.setattr(outbox, "fetch_waiting", self._waiting)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Database"]:
        yield self

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        before = list(self.events), self.delivered
        try:
            yield
        except BaseException:
            self.events, self.delivered = before
            self.ended.append(False)
            raise
        self.ended.append(True)

    async def _may_relay(self, connection: object, within: float | None) -> bool:
        assert connection is self
        self.within.append(within)
        return not self.locked

    async def _take(self, connection: object, *, limit: int, epoch: int, identity: str) -> Batch:
        assert connection is self
        self.limits.append(limit)
        if (epoch, identity) != self.agreed:
            return Batch([], 0, 0)
        taken, self.events = self.events[:limit], self.events[limit:]
        previous, self.delivered = self.delivered, self.delivered + 2
        self.taken()
        return Batch(taken, self.delivered, previous)

    async def _waiting(self, pool: object, *, limit: int) -> list[Event]:
        assert pool is not None
        self.limits.append(limit)
        return self.events[:limit]


class Redis:
    """`confirms`: whether removals of so many tags are confirmed."""

    def __init__(self, one: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.confirms: Callable[[], bool] = lambda: True
        self.removed: list[list[str]] = []
        self.messages: list[Message] = []
        monkeypatch.setattr(one.shared, "remove_and_publish", self._remove_and_publish)
        monkeypatch.setattr(one.shared, "publish", self._publish)

    async def _remove_and_publish(self, names: list[str], data: bytes) -> bool:
        self.removed.append(names)
        if not self.confirms():
            return False
        return await self._publish(data)

    async def _publish(self, data: bytes) -> bool:
        message = decode(data)
        assert message is not None
        self.messages.append(message)
        return True


class Relaying:
    def __init__(self, one: Instance, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        self.one = one
        self.database = Database(one, monkeypatch)
        self.redis = Redis(one, monkeypatch)
        self.notified = asyncio.Event()
        self.relay = OutboxRelay(
            one.pool,
            one.shared,
            one.consistency,
            self.notified,
            Settings(max_relay_batch=BATCH, **settings),
            invalidator=one.invalidator,
        )
        one.shared.trust()
        one.shared.valid_until = inf


@pytest.fixture
async def relaying(one: Instance, monkeypatch: pytest.MonkeyPatch) -> Relaying:
    return Relaying(one, monkeypatch)


def sample(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


# One batch


async def test_a_batch_is_removed_published_and_committed(relaying: Relaying) -> None:
    events = [event(1, 8), event(2, 9)]
    relaying.database.events = list(events)
    before = sample("dno_outbox_delivered_total")
    assert await relaying.relay._deliver() is Outcome.DONE
    touched = sorted(tags.of_all(events))
    assert relaying.redis.removed == [touched]
    assert relaying.redis.messages == [
        Message(
            touched, events, "relay", generation=relaying.one.shared.generation, batch=42, previous_batch=40
        )
    ]
    assert relaying.database.ended == [True]
    assert relaying.database.within == [0.3]
    assert sample("dno_outbox_delivered_total") - before == 2


async def test_the_tags_of_acknowledged_events_are_published_without_a_removal(
    one: Instance, relaying: Relaying
) -> None:
    _, second, third = events = [event(1, 7), event(2, 8), event(3, 9)]
    relaying.database.events = list(events)
    one.invalidator.acknowledged.note(one.shared.generation, [1])
    one.invalidator.acknowledged.note("1.0", [2])  # under the keys of another epoch
    assert await relaying.relay._deliver() is Outcome.DONE
    touched = sorted(tags.of_all([second, third]))
    assert relaying.redis.removed == [touched]
    assert relaying.redis.messages == [
        Message(
            touched, events, "relay", generation=relaying.one.shared.generation, batch=42, previous_batch=40
        )
    ]


async def test_an_unconfirmed_removal_is_published_as_such_and_rolled_back(relaying: Relaying) -> None:
    relaying.database.events = [event(1)]
    touched = sorted(tags.of_all(relaying.database.events))
    relaying.redis.confirms = lambda: False
    assert await relaying.relay._deliver() is Outcome.FAILED
    assert relaying.redis.messages == [Message(touched, [], "relay", unconfirmed=True)]
    assert relaying.database.ended == [False]
    assert len(relaying.database.events) == 1


async def test_while_another_relay_holds_the_lock_nothing_is_taken(relaying: Relaying) -> None:
    relaying.database.events = [event(1)]
    relaying.database.locked = True
    assert await relaying.relay._deliver() is Outcome.LOCKED
    assert relaying.database.limits == []


async def test_an_outbox_without_events_for_this_epoch_is_not_published(
    one: Instance, relaying: Relaying
) -> None:
    relaying.database.agreed = (EPOCH + 1, one.consistency.identity)
    relaying.database.events = [event(1)]
    before = sample("dno_outbox_delivered_total")
    assert await relaying.relay._deliver() is Outcome.FAILED
    assert (relaying.redis.removed, relaying.redis.messages) == ([], [])
    assert sample("dno_outbox_delivered_total") == before


@pytest.mark.parametrize("changed", ["epoch", "identity"])
async def test_a_batch_that_was_published_under_an_outdated_agreement_is_rolled_back(
    one: Instance, relaying: Relaying, changed: str
) -> None:
    relaying.database.events = [event(1)]

    def change() -> bool:
        if changed == "epoch":
            one.shared.epoch += 1
        else:
            one.shared._topology._identities[""] = "another process"
        return True

    relaying.redis.confirms = change
    assert await relaying.relay._deliver() is Outcome.FAILED
    assert relaying.database.ended == [False]


@pytest.mark.parametrize(
    ("settings", "within"),
    [
        ({"relay_timeout": 0.3, "redis_timeout": 0.05}, 0.3),
        ({"relay_timeout": 0.3, "redis_timeout": 0.2}, 0.6),
    ],
)
async def test_the_transaction_may_last_as_long_as_three_answers_of_redis(
    one: Instance, monkeypatch: pytest.MonkeyPatch, settings: dict[str, float], within: float
) -> None:
    limits: list[float] = []

    @asynccontextmanager
    async def timeout(seconds: float) -> AsyncIterator[None]:
        limits.append(seconds)
        yield

    relaying = Relaying(one, monkeypatch, **settings)
    relaying.database.events = [event(1)]
    monkeypatch.setattr(asyncio, "timeout", timeout)
    await relaying.relay._deliver()
    assert relaying.database.within == pytest.approx([within])
    # A third of it is left for the commit.
    assert limits == pytest.approx([within * 2 / 3])


async def test_a_batch_that_redis_does_not_take_in_time_is_rolled_back(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    relaying = Relaying(one, monkeypatch, relay_timeout=0.01, redis_timeout=0.001)
    relaying.database.events = [event(1)]

    async def hang(*_: object) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(one.shared, "remove_and_publish", hang)
    async with asyncio.timeout(60):
        assert await relaying.relay._deliver() is Outcome.FAILED
    assert relaying.database.ended == [False]


async def test_batches_are_halved_after_a_failure_and_doubled_after_a_success(relaying: Relaying) -> None:
    relaying.database.events = [event(number) for number in range(100)]
    relaying.redis.confirms = lambda: len(relaying.database.limits) > 5
    for _ in range(10):
        await relaying.relay._deliver()
    assert relaying.database.limits == [8, 4, 2, 1, 1, 1, 2, 4, 8, 8]
    assert len(relaying.database.events) == 100 - 1 - 2 - 4 - 8 - 8


async def test_the_fail_points_are_reached_before_and_after_the_publication(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    armed = FailPoint.AFTER_COMMIT
    relaying = Relaying(one, monkeypatch, fail_point=armed)
    reached: list[tuple[FailPoint, FailPoint | None, int]] = []

    def reach(point: FailPoint, setting: FailPoint | None) -> None:
        reached.append((point, setting, len(relaying.redis.messages)))

    monkeypatch.setattr(outbox_relay, "reach", reach)
    relaying.database.events = [event(1)]
    await relaying.relay._deliver()
    assert reached == [(FailPoint.IN_RELAY, armed, 0), (FailPoint.AFTER_PUBLISH, armed, 1)]


# All batches


class Reviews:
    """`statuses` are the outbox's states one after the other; an error is raised."""

    def __init__(self, one: Instance, monkeypatch: pytest.MonkeyPatch, *statuses: int | Exception | None):
        self.left = list(statuses)
        self._one = one
        monkeypatch.setattr(one.consistency, "review", self._review)

    async def _review(self) -> OutboxStatus | None:
        status = self.left.pop(0)
        if isinstance(status, Exception):
            raise status
        return None if status is None else self._one.status(backlog=status)


@pytest.mark.parametrize("trusted", [True, False])
async def test_an_empty_outbox_is_done_where_l2_is_trusted(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    if not trusted:
        one.shared.distrust("a test")
    Reviews(one, monkeypatch, 0)
    assert await relaying.relay._deliver_all() is trusted
    assert relaying.database.limits == []


async def test_batches_are_delivered_until_the_outbox_is_empty(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviews = Reviews(one, monkeypatch, 12, 4, 0)
    relaying.database.events = [event(number) for number in range(12)]
    assert await relaying.relay._deliver_all()
    assert (reviews.left, relaying.database.events) == ([], [])
    assert sample("dno_outbox_backlog") == 0


@pytest.mark.parametrize("status", [None, Unavailable("away")])
async def test_without_a_look_at_the_outbox_nothing_is_delivered(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch, status: Exception | None
) -> None:
    Reviews(one, monkeypatch, status)
    assert not await relaying.relay._deliver_all()
    assert relaying.database.within == []


async def test_a_failed_delivery_is_not_tried_again_at_once(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviews = Reviews(one, monkeypatch, 1, 0)
    relaying.database.events = [event(1)]
    relaying.redis.confirms = lambda: False
    assert not await relaying.relay._deliver_all()
    assert len(reviews.left) == 1
    assert sample("dno_outbox_backlog") == 1


class Pauses:
    """The requested pauses; none of them takes time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requested: list[float] = []
        self.between: Callable[[], None] = lambda: None
        monkeypatch.setattr(asyncio, "sleep", self._sleep)
        monkeypatch.setattr(random, "uniform", lambda low, high: high)

    async def _sleep(self, seconds: float) -> None:
        self.requested.append(seconds)
        self.between()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    return Pauses(monkeypatch)


async def test_the_lock_of_another_relay_is_tried_again_with_growing_pauses_while_l2_is_trusted(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch, pauses: Pauses
) -> None:
    Reviews(one, monkeypatch, *[1] * 12, 0)
    relaying.database.events = [event(number) for number in range(2 * BATCH)]

    def lock() -> None:
        relaying.database.locked = True

    def unlock_for_the_ninth_and_the_twelfth_try() -> None:
        relaying.database.locked = len(relaying.database.within) not in (8, 11)

    lock()
    relaying.database.taken = lock
    pauses.between = unlock_for_the_ninth_and_the_twelfth_try
    assert await relaying.relay._deliver_all()
    assert pauses.requested == [0.02, 0.04, 0.08, *[0.1] * 5, 0.02, 0.04]


async def test_the_lock_of_another_relay_is_not_waited_for_while_l2_is_not_trusted(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch, pauses: Pauses
) -> None:
    one.shared.distrust("a test")
    Reviews(one, monkeypatch, 1)
    relaying.database.locked = True
    assert not await relaying.relay._deliver_all()
    assert pauses.requested == []


# What cannot be delivered


def keep(one: Instance, *names: str) -> None:
    one.memory.switch_on(0.0)
    one.memory.valid_until = inf
    for name in names:
        assert one.memory.keep(name, "old", size=1, tags=(name,), until=inf, since=one.memory.now())


class Evicted:
    def __init__(self, one: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proven: list[float] = []
        self._one = one
        monkeypatch.setattr(one.consistency, "note_evicted", self._note)

    async def _note(self, asked: float) -> None:
        self.proven.append(asked)

    def left(self, *names: str) -> list[bool]:
        self._one.memory.valid_until = inf
        return [self._one.memory.get(name) is not None for name in names]


async def test_what_waits_for_delivery_is_evicted_from_l1(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    evicted = Evicted(one, monkeypatch)
    waiting = event(1)
    tag = min(tags.of_all([waiting]))
    keep(one, tag, "other")
    relaying.database.events = [waiting] * BATCH
    began = one.now
    await relaying.relay._evict_undelivered()
    assert evicted.left(tag, "other") == [False, True]
    assert evicted.proven == [began]
    assert relaying.database.limits == [BATCH + 1]


async def test_all_of_l1_is_evicted_where_more_waits_than_fits_in_a_batch(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    evicted = Evicted(one, monkeypatch)
    keep(one, "other")
    relaying.database.events = [event(number) for number in range(BATCH + 1)]
    await relaying.relay._evict_undelivered()
    assert evicted.left("other") == [False]
    assert evicted.proven == [one.now]


async def test_nothing_is_evicted_while_nothing_waits_or_the_database_does_not_answer(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    evicted = Evicted(one, monkeypatch)
    keep(one, "other")
    await relaying.relay._evict_undelivered()
    assert evicted.proven == [one.now]

    async def fail(*_: object, **__: object) -> list[Event]:
        raise Unavailable("away")

    monkeypatch.setattr(outbox, "fetch_waiting", fail)
    await relaying.relay._evict_undelivered()
    assert evicted.left("other") == [True]
    assert len(evicted.proven) == 1


# The loop


class Stop(Exception):
    """Ends the loop."""


class Steps:
    """What the loop calls, in order; `results` are those of its deliveries."""

    def __init__(self, relaying: Relaying, monkeypatch: pytest.MonkeyPatch, *results: bool) -> None:
        self.calls: list[str] = []
        self.left = list(results)
        self.relaying = relaying
        monkeypatch.setattr(relaying.relay, "_deliver_all", self._deliver)
        monkeypatch.setattr(relaying.relay, "_wait_for_notification", self._called("wait"))
        monkeypatch.setattr(relaying.relay, "_evict_undelivered", self._called("evict"))

    async def _deliver(self) -> bool:
        assert not self.relaying.notified.is_set()
        self.calls.append("deliver")
        self.relaying.notified.set()
        if not self.left:
            raise Stop
        return self.left.pop(0)

    def _called(self, name: str) -> Callable[[], Any]:
        async def call() -> None:
            self.calls.append(name)

        return call


async def test_the_relay_waits_for_notifications_after_each_delivery(
    relaying: Relaying, monkeypatch: pytest.MonkeyPatch, pauses: Pauses
) -> None:
    steps = Steps(relaying, monkeypatch, True, True)
    with pytest.raises(Stop):
        await relaying.relay.run()
    assert steps.calls == ["deliver", "wait", "deliver", "wait", "deliver"]
    assert pauses.requested == []


async def test_deliveries_are_tried_again_with_growing_pauses_until_one_succeeds(
    relaying: Relaying, monkeypatch: pytest.MonkeyPatch, pauses: Pauses
) -> None:
    steps = Steps(relaying, monkeypatch, *[False] * 8, True, False)
    with pytest.raises(Stop):
        await relaying.relay.run()
    assert "evict" not in steps.calls
    assert pauses.requested == [0.02, 0.04, 0.08, 0.16, 0.25, 0.25, 0.25, 0.25, 0.02]


async def test_without_trust_in_l2_what_waits_is_evicted_before_each_pause_and_a_notification_ends_it(
    one: Instance, relaying: Relaying, monkeypatch: pytest.MonkeyPatch, pauses: Pauses
) -> None:
    one.shared.distrust("a test")
    steps = Steps(relaying, monkeypatch, *[False] * 6)
    with pytest.raises(Stop):
        await relaying.relay.run()
    assert steps.calls == [*["deliver", "evict"] * 6, "deliver"]
    # The event is set: of each pause only the shortest one is left.
    assert pauses.requested == [0.02] * 6


@pytest.mark.parametrize(
    ("relay_interval", "heartbeat_interval", "expected"), [(1.0, 0.25, 0.25), (0.1, 0.25, 0.1)]
)
async def test_a_notification_is_waited_for_until_the_next_poll_or_heartbeat(
    one: Instance,
    monkeypatch: pytest.MonkeyPatch,
    relay_interval: float,
    heartbeat_interval: float,
    expected: float,
) -> None:
    relaying = Relaying(
        one, monkeypatch, relay_interval=relay_interval, heartbeat_interval=heartbeat_interval
    )
    limits: list[float] = []
    timeout = asyncio.timeout

    def recorded(seconds: float) -> asyncio.Timeout:
        limits.append(seconds)
        return timeout(0.01 if seconds == expected else seconds)

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "timeout", recorded)
        await relaying.relay._wait_for_notification()
    assert limits == [expected]
    relaying.notified.set()
    async with asyncio.timeout(60):
        await relaying.relay._wait_for_notification()
