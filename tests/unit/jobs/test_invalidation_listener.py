"""What an instance does with each kind of message, and what it publishes: no server is needed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from math import inf
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.broadcast import Filter, Subscriber
from app.cache.message import Beat, Message, encode
from app.cache.subscription import Subscription
from app.db.changes import Changes
from app.domain import tags
from app.domain.entry import DnoYear
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind
from app.errors import Unavailable
from app.jobs import invalidation_listener
from app.jobs.backoff import Backoff
from app.jobs.invalidation_listener import InvalidationListener
from app.jobs.l2_consistency import OutboxEmptied
from tests.unit.jobs.instance import BOUND, EPOCH, Instance
from tests.waiting import LIMIT, until

TAG = "operator:1"
TARIFFS, HLZF = Topic("tariffs"), Topic("hlzf")


def event(number: int = 1, *, version: int = 1, entry: UUID | None = None) -> Event:
    entries = (EntryChange(entry or uuid4(), version, ChangeKind.CORRECTED),)
    return Event(number, TARIFFS, UUID(int=9), 2025, datetime.now(UTC), entries)


def tag_of(change: Event) -> str:
    assert change.dno_id is not None
    make = tags.tariffs if change.topic is TARIFFS else tags.hlzf
    return make(DnoYear(change.dno_id, 2025))


def keep(one: Instance, *names: str) -> None:
    for name in names:
        assert one.memory.keep(name, "old", size=1, tags=(name,), until=inf, since=one.memory.now())


class Channel:
    """Gives the messages one after the other, then None: the channel is silent."""

    def __init__(self, one: Instance, *messages: Message | bytes | float) -> None:
        self._one = one
        self._messages = list(messages)
        self.bounds: list[float] = []
        self.left = self._messages

    async def next(self, seconds: float) -> bytes | None:
        """A number is the time that passes before the next message."""
        self.bounds.append(seconds)
        while self._messages and isinstance(self._messages[0], float):
            self._one.now += self._messages.pop(0)  # type: ignore[operator]
        if not self._messages:
            return None
        message = self._messages.pop(0)
        return message if isinstance(message, bytes) else encode(message)  # type: ignore[arg-type]


class Listening:
    def __init__(self, one: Instance) -> None:
        self.one = one
        self.heartbeats = 0
        heartbeat: Any = SimpleNamespace(publish=self._publish_heartbeat)
        self.listener = InvalidationListener(
            one.pool,
            one.shared,
            one.memory,
            one.validity,
            one.consistency,
            one.invalidator,
            one.broadcast,
            heartbeat,
            one.settings,
        )
        self.backoff = Backoff(shortest=1, longest=8)
        self.backoff._next = 8
        one.memory.switch_on(0.0)
        one.memory.valid_until = inf
        one.shared.trust()
        one.consistency.deliveries.begin(one.now, 3)

    async def receive(self, *messages: Message | bytes | float) -> Channel:
        channel = Channel(self.one, *messages)
        await self.listener._listen(channel, self.backoff)  # type: ignore[arg-type]
        return channel

    async def _publish_heartbeat(self) -> None:
        self.heartbeats += 1

    def cached(self, *names: str) -> list[bool]:
        self.one.memory.valid_until = inf
        return [self.one.memory.get(name) is not None for name in names]


@pytest.fixture
def listening(one: Instance) -> Listening:
    return Listening(one)


@pytest.fixture
def subscriber(one: Instance) -> Subscriber:
    return one.broadcast.subscribe(Filter())


def beat(sent: float, *, sender: str = "self", **fields: Any) -> Message:
    return Message([], [], sender, beat=Beat(sent, EPOCH, **fields))


async def test_tags_of_another_instance_are_evicted(one: Instance, listening: Listening) -> None:
    keep(one, TAG, "operator:2")
    await listening.receive(Message([TAG], [], "other"))
    assert listening.cached(TAG, "operator:2") == [False, True]
    assert one.pool.expected_writable == 1
    assert one.shared.distrust_reason is None


async def test_tags_of_an_own_message_were_evicted_before_it_was_published(
    one: Instance, listening: Listening
) -> None:
    """What was read since is not evicted again."""
    keep(one, TAG)
    await listening.receive(Message([TAG], [], "self"))
    assert listening.cached(TAG) == [True]
    assert one.pool.expected_writable == 1


async def test_a_heartbeat_announces_no_change(one: Instance, listening: Listening) -> None:
    keep(one, TAG)
    await listening.receive(beat(one.now), beat(one.now, sender="other"))
    assert one.pool.expected_writable == 0
    assert listening.cached(TAG) == [True]


async def test_events_without_tags_announce_a_change(one: Instance, listening: Listening) -> None:
    await listening.receive(Message([], [event()], "relay"))
    assert one.pool.expected_writable == 1


async def test_a_message_about_everything_clears_l1(one: Instance, listening: Listening) -> None:
    keep(one, TAG, "operator:2")
    await listening.receive(Message([], [], "other", everything=True))
    assert listening.cached(TAG, "operator:2") == [False, False]


async def test_an_unconfirmed_removal_ends_trust_in_l2(one: Instance, listening: Listening) -> None:
    await listening.receive(Message([TAG], [], "other", unconfirmed=True))
    assert one.shared.distrust_reason == "a removal of another instance was not confirmed"


@pytest.mark.parametrize(
    "message",
    [
        Message([TAG], [], "other", acknowledged=[1], generation="1.0"),
        Message([], [event()], "relay", generation="1.0"),
        Message([], [], "other", everything=True, generation="1.0"),
    ],
    ids=["of a writer", "of a relay", "about everything"],
)
async def test_a_removal_under_another_epoch_ends_trust_in_l2_before_subscribers_read(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch, message: Message
) -> None:
    trusted: list[str | None] = []
    monkeypatch.setattr(one.broadcast, "send", lambda _: trusted.append(one.shared.distrust_reason))
    await listening.receive(message)
    assert one.shared.distrust_reason == "a removal of another instance was under another epoch"
    assert trusted == [one.shared.distrust_reason] * len(message.events)


async def test_a_removal_under_the_same_epoch_keeps_trust_in_l2(one: Instance, listening: Listening) -> None:
    generation = one.shared.generation
    await listening.receive(
        Message([TAG], [], "other", acknowledged=[1], generation=generation),
        Message([], [event()], "relay", generation=generation),
    )
    assert one.shared.distrust_reason is None


async def test_an_acknowledged_event_is_not_evicted_again_under_the_same_keys(
    one: Instance, listening: Listening, subscriber: Subscriber
) -> None:
    first, second = event(1), event(2)
    second = Event(2, HLZF, UUID(int=8), 2025, second.changed_at, second.entries)
    acknowledgement = Message(["x"], [], "other", acknowledged=[1], generation=one.shared.generation)
    await listening.receive(acknowledgement)
    keep(one, tag_of(first), tag_of(second))
    await listening.receive(Message([], [first, second], "relay"))
    assert listening.cached(tag_of(first), tag_of(second)) == [True, False]
    assert [change.event for change in subscriber.waiting] == [first, second]
    # The relay delivers an event once: its number need not be remembered.
    assert not one.invalidator.acknowledged.covers(1, one.shared.generation)


async def test_an_event_acknowledged_under_other_keys_is_evicted(one: Instance, listening: Listening) -> None:
    change = event()
    await listening.receive(Message(["x"], [], "other", acknowledged=[1], generation="1.0"))
    keep(one, tag_of(change))
    await listening.receive(Message([], [change], "relay"))
    assert listening.cached(tag_of(change)) == [False]


async def test_the_delay_of_each_event_is_measured(one: Instance, listening: Listening) -> None:
    before = delays()
    past = event()
    past = Event(1, past.topic, past.dno_id, 2025, datetime.now(UTC) - timedelta(hours=2), past.entries)
    future = Event(2, past.topic, past.dno_id, 2025, datetime.now(UTC) + timedelta(hours=2), past.entries)
    await listening.receive(Message([], [past, future], "relay"))
    count, total = (after - earlier for after, earlier in zip(delays(), before, strict=True))
    assert count == 2
    assert total == pytest.approx(7200, abs=60)


def delays() -> tuple[float, float]:
    name = "dno_invalidation_delay_seconds"
    return REGISTRY.get_sample_value(f"{name}_count") or 0.0, REGISTRY.get_sample_value(f"{name}_sum") or 0.0


async def test_an_own_heartbeat_proves_the_channel(one: Instance, listening: Listening) -> None:
    channel = await listening.receive(beat(one.now - 0.3))
    assert one.validity.received_until == one.now - 0.3
    assert listening.backoff._next == 1
    assert channel.bounds == [BOUND, BOUND]


async def test_a_heartbeat_of_another_instance_proves_no_channel(one: Instance, listening: Listening) -> None:
    fields: dict[str, Any] = {"proven_before": 0.0, "received": {"self": one.now - 0.1}}
    await listening.receive(beat(one.now, sender="other", **fields))
    assert one.validity.received_until == -inf
    assert one.database_proven_until == one.now - 0.1
    assert listening.backoff._next == 8


async def test_an_own_heartbeat_proves_nothing_while_a_delivered_batch_is_missing(
    one: Instance, listening: Listening
) -> None:
    one.consistency.deliveries.expect(4, one.now, one.now)
    await listening.receive(beat(one.now))
    assert one.validity.received_until == -inf


@pytest.mark.parametrize(
    ("at", "delivered", "taken"), [(0.0, 3, True), (-0.1, 3, True), (0.1, 3, False), (0.0, 4, False)]
)
async def test_subscribers_have_received_everything_once_an_empty_outbox_is_confirmed_by_a_heartbeat(
    one: Instance, listening: Listening, at: float, delivered: int, taken: bool
) -> None:
    listening.listener._delivered_until = "1:1:"
    emptied = OutboxEmptied(one.now + at, "5:5:", delivered)
    one.consistency.emptied = emptied
    await listening.receive(beat(one.now))
    assert listening.listener._delivered_until == ("5:5:" if taken else "1:1:")
    assert one.consistency.emptied == (None if taken else emptied)


async def test_a_heartbeat_without_an_empty_outbox_changes_no_delivery(
    one: Instance, listening: Listening
) -> None:
    listening.listener._delivered_until = "1:1:"
    await listening.receive(beat(one.now))
    assert listening.listener._delivered_until == "1:1:"


async def test_a_message_of_another_encoding_ends_the_subscription(
    one: Instance, listening: Listening
) -> None:
    channel = await listening.receive(b"another encoding", Message([TAG], [], "other"))
    assert len(channel.left) == 1


async def test_messages_without_an_own_heartbeat_end_the_subscription(
    one: Instance, listening: Listening
) -> None:
    message = Message([TAG], [], "other")
    channel = await listening.receive(2 * BOUND, message, 0.01, message, message)
    assert len(channel.left) == 1


async def test_an_own_heartbeat_prolongs_the_subscription(one: Instance, listening: Listening) -> None:
    message = Message([TAG], [], "other")
    channel = await listening.receive(
        2 * BOUND, beat(one.now + 1.5 * BOUND), 1.5 * BOUND, message, 0.01, message, message
    )
    assert len(channel.left) == 1


async def test_heartbeats_that_are_late_from_the_start_end_the_subscription_as_well(
    one: Instance, listening: Listening
) -> None:
    sent = one.now
    channel = await listening.receive(2 * BOUND, beat(sent - 5), 0.01, beat(sent), beat(sent))
    assert len(channel.left) == 1


async def test_a_request_to_resubscribe_ends_the_subscription_with_l1_off(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one.broadcast, "send", lambda _: one.consistency.leave_channel())
    channel = await listening.receive(Message([], [event()], "relay"), Message([TAG], [], "other"))
    assert len(channel.left) == 1
    one.memory.valid_until = inf
    assert not one.memory.enabled


@pytest.mark.parametrize("message", [Message([TAG], [], "other", unconfirmed=True), None])
async def test_a_message_that_was_received_together_with_a_request_to_resubscribe_is_applied(
    one: Instance, listening: Listening, message: Message | None
) -> None:
    channel = Channel(one, *[message for message in [message] if message is not None])
    next_message = channel.next

    async def interrupted(seconds: float) -> bytes | None:
        listening.listener.resubscribe()
        return await next_message(seconds)

    channel.next = interrupted  # type: ignore[method-assign]
    with capture_logs() as logs:
        await listening.listener._listen(channel, listening.backoff)  # type: ignore[arg-type]
    assert (one.shared.distrust_reason is not None) is (message is not None)
    assert "channel_silent" not in [entry["event"] for entry in logs]


@pytest.mark.parametrize(
    ("message", "batches"),
    [
        (Message([TAG], [], "relay", batch=4, previous_batch=3), False),
        (Message([TAG], [], "relay", batch=5, previous_batch=4), True),
        (Message([TAG], [], "other"), False),
    ],
)
async def test_a_batch_whose_predecessor_is_missing_is_caught_up_on(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch, message: Message, batches: bool
) -> None:
    monkeypatch.setattr(invalidation_listener, "fetch_delivered", _delivered(6))
    keep(one, "operator:2")
    await listening.receive(message)
    assert listening.cached("operator:2") == [not batches]
    if batches:  # those until 6 are caught up on
        assert one.consistency.deliveries.receive(6, 4)
        assert one.consistency.deliveries.receive(7, 6)
        assert not one.consistency.deliveries.receive(9, 8)


async def test_a_batch_that_a_look_found_and_that_does_not_arrive_in_time_is_caught_up_on(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation_listener, "fetch_delivered", _delivered(4))
    one.consistency.deliveries.expect(4, one.now, one.now)
    keep(one, TAG)
    other = beat(0.0, sender="other")
    await listening.receive(BOUND / 4, other)
    assert listening.cached(TAG) == [True]
    await listening.receive(0.01, other)
    assert listening.cached(TAG) == [False]
    assert one.consistency.deliveries.complete


async def test_a_batch_that_arrives_while_the_database_does_not_answer_counts_as_received(
    one: Instance, listening: Listening
) -> None:
    """The latest number is not known then; the batch itself is."""
    await listening.receive(Message([TAG], [], "relay", batch=5, previous_batch=4))
    assert not one.consistency.deliveries.receive(9, 8)
    assert one.consistency.deliveries.receive(10, 5)


async def test_without_the_database_the_first_look_finds_the_latest_batch(
    one: Instance, listening: Listening
) -> None:
    await listening.listener._begin_deliveries()
    deliveries = one.consistency.deliveries
    deliveries.expect(8, one.now, one.now)
    assert deliveries.covers(8)
    deliveries.expect(9, one.now, one.now)
    assert not deliveries.complete


def _delivered(number: int) -> Any:
    async def fetch(_: object) -> int:
        return number

    return fetch


class History:
    """`since` are the snapshots and limits of the reads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *changes: Event) -> None:
        self.since: list[tuple[str, int]] = []
        self.changes = list(changes)
        monkeypatch.setattr(invalidation_listener, "fetch_changes_since", self._fetch)

    async def _fetch(self, pool: object, snapshot: str, limit: int) -> Changes:
        assert pool is not None
        self.since.append((snapshot, limit))
        return Changes(self.changes[:limit], "9:9:")


@pytest.fixture
def removed(one: Instance, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tags that are removed from L2."""
    found: list[str] = []

    async def remove(names: list[str]) -> bool:
        found.extend(names)
        return True

    monkeypatch.setattr(one.shared, "remove", remove)
    return found


async def test_missed_changes_are_removed_from_both_caches_and_delivered_in_order(
    one: Instance,
    listening: Listening,
    subscriber: Subscriber,
    removed: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entry = uuid4()
    changes = [event(0, version=version, entry=entry) for version in (2, 3)]
    history = History(monkeypatch, *changes)
    listening.listener._delivered_until = "1:1:"
    keep(one, tag_of(changes[0]))
    await listening.listener._catch_up()
    assert history.since == [("1:1:", one.settings.max_catch_up_changes + 1)]
    assert [change.entry.version for change in subscriber.waiting] == [2, 3]
    assert listening.cached(tag_of(changes[0])) == [False]
    assert tag_of(changes[0]) in removed
    assert listening.listener._delivered_until == "9:9:"


async def test_history_is_not_read_without_subscribers_or_without_a_known_beginning(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(monkeypatch)
    listening.listener._delivered_until = "1:1:"
    await listening.listener._catch_up()
    one.broadcast.subscribe(Filter())
    listening.listener._delivered_until = None
    await listening.listener._catch_up()
    assert history.since == []


@pytest.mark.parametrize("surplus", [0, 1])
async def test_more_missed_changes_than_can_be_delivered_end_the_subscriptions(
    one: Instance,
    listening: Listening,
    subscriber: Subscriber,
    removed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    surplus: int,
) -> None:
    limit = one.settings.max_catch_up_changes
    History(monkeypatch, *[event(0)] * (limit + surplus))
    listening.listener._delivered_until = "1:1:"
    await listening.listener._catch_up()
    assert listening.listener._delivered_until == "9:9:"
    if surplus:
        with pytest.raises(Unavailable, match="More has changed than can be delivered"):
            await anext(subscriber)
    else:
        assert (await anext(subscriber)).entry.version == 1


async def test_deliveries_begin_with_the_first_snapshot_and_without_earlier_subscribers(
    one: Instance, listening: Listening, subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(pool: object) -> str:
        assert pool is one.pool
        return "2:2:"

    monkeypatch.setattr(invalidation_listener, "fetch_snapshot", fetch)
    await listening.listener._start_deliveries()
    assert listening.listener._delivered_until == "2:2:"
    with pytest.raises(Unavailable, match="subscribe again"):
        await anext(subscriber)
    later = one.broadcast.subscribe(Filter())
    listening.listener._delivered_until = "1:1:"
    await listening.listener._start_deliveries()
    assert listening.listener._delivered_until == "1:1:"
    one.broadcast.send(event())
    assert (await anext(later)).entry.version == 1


async def test_l1_begins_empty_after_a_channel_was_joined_and_answers_after_an_own_heartbeat(
    one: Instance, listening: Listening
) -> None:
    keep(one, TAG)
    await listening.listener._join()
    assert len(one.memory) == 0
    assert one.consistency.deliveries.complete
    assert listening.heartbeats == 1
    one.validity.prove_database(one.now)
    assert not one.memory.enabled
    one.validity.prove_channel(one.now)
    assert one.memory.enabled


async def test_batches_are_numbered_on_from_the_latest_one_when_a_channel_is_joined(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invalidation_listener, "fetch_delivered", _delivered(6))
    one.now += 1
    await listening.listener._join()
    deliveries = one.consistency.deliveries
    assert deliveries.covers(6)
    assert deliveries.receive(6, 4)
    assert deliveries.receive(7, 6)
    deliveries.expect(8, one.now - 0.1, one.now)  # a look that began before the channel was joined
    assert deliveries.complete
    deliveries.expect(8, one.now, one.now)
    assert not deliveries.complete


async def test_l1_stays_off_where_the_channel_is_to_be_left_again(
    one: Instance, listening: Listening
) -> None:
    listening.listener.resubscribe()
    await listening.listener._join()
    one.memory.valid_until = inf
    assert not one.memory.enabled
    assert listening.heartbeats == 0


async def test_a_wait_for_messages_ends_when_the_channel_is_to_be_left(
    one: Instance, listening: Listening
) -> None:
    class Silent:
        async def subscribe(self, channel: str) -> None:
            pass

        async def get_message(self, timeout: float | None) -> None:
            await asyncio.Event().wait()

    one.validity.bound = 1000
    channel = Subscription(Silent())
    listening.listener._channel = channel
    waiting = asyncio.create_task(listening.listener._listen(channel, listening.backoff))
    await until(lambda: channel._waiting is not None)
    listening.listener.resubscribe()
    await asyncio.wait_for(waiting, LIMIT)
    listening.listener.resubscribe()  # nothing waits any more


class Rounds:
    """Rounds of the listener's loop. `trouble` is raised in place of a subscription; the last pause ends the loop."""

    def __init__(self, listening: Listening, monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
        self.one, self.listener = listening.one, listening.listener
        self.calls: list[str] = []
        self.pauses: list[float] = []
        self.trouble: Exception | None = None
        self.during: Callable[[], None] = lambda: None
        self._rounds = rounds
        self.channel = Subscription(None)
        listening.listener._delivered_until = "1:1:"
        monkeypatch.setattr(self.one.shared, "subscribe", self._subscribe)
        monkeypatch.setattr(self.listener, "_join", self._called("join"))
        monkeypatch.setattr(self.listener, "_catch_up", self._called("catch up"))
        monkeypatch.setattr(self.listener, "_listen", self._listen)
        monkeypatch.setattr(asyncio, "sleep", self._sleep)
        monkeypatch.setattr(random, "uniform", lambda low, high: high)

    async def run(self) -> None:
        with pytest.raises(asyncio.CancelledError):
            await self.listener.run()

    @asynccontextmanager
    async def _subscribe(self) -> AsyncIterator[Subscription]:
        if self.trouble is not None:
            raise self.trouble
        yield self.channel

    def _called(self, name: str) -> Callable[[], Any]:
        async def call() -> None:
            self.calls.append(name)

        return call

    async def _listen(self, channel: Subscription, backoff: Backoff) -> None:
        assert channel is self.channel
        self.calls.append("listen")
        self.during()
        assert isinstance(backoff, Backoff)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) == self._rounds:
            raise asyncio.CancelledError


async def test_a_lost_channel_ends_what_rests_on_it_and_trust_in_l2(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = Rounds(listening, monkeypatch, 1)
    one.memory.switch_on(0.0)
    one.validity.prove_database(one.now)
    one.validity.prove_channel(one.now)
    assert one.memory.enabled
    one.consistency.emptied = OutboxEmptied(one.now, "5:5:", 3)
    await rounds.run()
    assert rounds.calls == ["join", "listen"]
    assert not one.memory.enabled
    assert one.validity.received_until == -inf
    assert one.consistency.emptied is None
    one.consistency.deliveries.expect(9, one.now, one.now)
    assert one.consistency.deliveries.complete  # without a channel no batch is expected
    assert one.shared.distrust_reason == "the channel was lost"


@pytest.mark.parametrize("trouble", [OSError("refused"), Unavailable("away")])
async def test_a_channel_that_cannot_be_joined_is_tried_again_with_growing_pauses(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    rounds = Rounds(listening, monkeypatch, 9)
    rounds.trouble = trouble
    await rounds.run()
    assert rounds.calls == []
    assert rounds.pauses == [0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5, 0.5, 0.5]
    assert one.shared.distrust_reason == "the channel was lost"


async def test_a_channel_that_is_left_on_purpose_does_not_end_trust_in_l2(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the reason for leaving it does, where it concerns L2."""
    rounds = Rounds(listening, monkeypatch, 2)
    rounds.during = lambda: rounds.listener.resubscribe() if len(rounds.pauses) == 0 else None
    monkeypatch.setattr(one.shared, "distrust", lambda _: rounds.calls.append("distrust"))
    await rounds.run()
    assert rounds.calls == ["join", "listen", "join", "listen", "distrust"]


async def test_a_request_to_resubscribe_interrupts_the_wait_on_the_current_channel_only(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = Rounds(listening, monkeypatch, 1)
    interrupted: list[str] = []
    monkeypatch.setattr(rounds.channel, "interrupt", lambda: interrupted.append("channel"))
    rounds.listener.resubscribe()
    assert interrupted == []
    rounds.during = rounds.listener.resubscribe
    await rounds.run()
    assert interrupted == ["channel"]
    rounds.listener.resubscribe()  # that channel is closed
    assert interrupted == ["channel"]


async def test_on_a_redis_that_is_not_the_agreed_one_changes_are_read_from_history(
    one: Instance, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = Rounds(listening, monkeypatch, 2)
    one.validity.disprove_database(one.now)
    before = one.shared.distrust_reason
    await rounds.run()
    assert rounds.calls == ["catch up", "catch up"]
    assert one.shared.distrust_reason == before
