"""What an instance does with received messages, and when none arrive."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from app.broadcast import Filter, Subscriber
from app.cache.message import CHANNEL, Message, decode
from app.cache.read_set import ReadSet
from app.cache.subscription import Subscription
from app.db.pool import Pool
from app.domain import tags
from app.domain.entry import DnoYear
from app.errors import Unavailable
from app.jobs.outbox_relay import SENDER, OutboxRelay
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from loaders.regions import TARIFFS
from tests import factories as make
from tests.integration.jobs.caches_with_jobs import CachesWithJobs, caches, running_caches
from tests.integration.jobs.changes import TAG, correct, keep_in_l1, tag_of, update_by_sql
from tests.servers import PrivateValkey, cloned
from tests.waiting import LIMIT, PATIENT, until, until_delivered


async def test_an_invalidation_by_another_instance_evicts_from_l1(pool: Pool, settings: Settings) -> None:
    async with running_caches(settings) as writer, running_caches(settings) as other:
        keep_in_l1(other)
        assert await writer.invalidator.invalidate([TAG])
        await until(lambda: other.memory.get(TAG) is None)


async def test_l1_is_off_while_the_channel_is_lost_and_empty_when_it_is_back(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    async with running_caches(replace(settings, redis_url=valkey.url)) as one:
        keep_in_l1(one)
        valkey.kill()
        await until(lambda: not one.memory.enabled)
        assert one.memory.get(TAG) is None
        valkey.start()
        await until(lambda: one.memory.enabled)
        assert len(one.memory) == 0


async def test_missing_heartbeats_count_as_a_lost_connection(pool: Pool, settings: Settings) -> None:
    """The connection is open, but no heartbeat arrives: other messages would not arrive either."""
    async with caches(settings) as one:
        listener, beat, *_ = one.jobs(relays=False)
        async with Supervisor([listener], stop_timeout=5):
            async with Supervisor([beat], stop_timeout=5):
                await until(lambda: one.memory.enabled)
                keep_in_l1(one)
            await until(lambda: one.memory.get(TAG) is None)
            await until(lambda: len(one.memory) == 0)


async def test_heartbeats_of_other_instances_do_not_replace_ones_own(pool: Pool, settings: Settings) -> None:
    """They prove that another instance is alive, not that earlier messages of this one have arrived."""
    async with caches(settings) as one, caches(settings) as other:
        listener, beat, *_ = one.jobs(relays=False)
        _, other_beat, *_ = other.jobs(relays=False)
        async with Supervisor([other_beat, listener], stop_timeout=5):
            async with Supervisor([beat], stop_timeout=5):
                await until(lambda: one.memory.enabled)
            await until(lambda: not one.memory.enabled)
            received_until = one.validity.received_until
            await asyncio.sleep(2 * settings.heartbeat_interval)
            assert not one.memory.enabled
            assert one.validity.received_until <= received_until


async def test_an_instance_that_stops_announces_it(pool: Pool, settings: Settings) -> None:
    async with caches(settings) as one, caches(settings) as other:
        async with one.shared.subscribe() as channel:
            _, beat, *_ = other.jobs(relays=False)
            async with Supervisor([beat], stop_timeout=5):
                first = decode(await channel.next(5) or b"")
            last = decode(await channel.next(5) or b"")
            while last is not None and last.beat is not None and not last.beat.leaving:
                last = decode(await channel.next(5) or b"")
        assert first is not None
        assert first.beat is not None
        assert not first.beat.leaving
        assert last is not None
        assert last.beat is not None


async def test_a_message_of_another_release_means_that_anything_may_have_changed(
    pool: Pool, settings: Settings
) -> None:
    async with running_caches(settings) as one:
        keep_in_l1(one)
        assert await one.shared.publish(b"a message of a later release")
        await until(lambda: one.memory.get(TAG) is None)
        await until(lambda: one.memory.enabled)


async def test_subscribers_read_the_new_state_because_eviction_precedes_delivery(
    pool: Pool, settings: Settings
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    tag = tag_of(tariff)
    async with running_caches(settings) as one:
        await until_delivered(pool)
        keep_in_l1(one, tag)
        found: list[object] = []
        one.broadcast.send = lambda event: found.append(one.memory.get(tag))  # type: ignore[method-assign]
        async with pool.connection() as connection:
            await connection.execute("UPDATE netzentgelte_data SET leistung = 60 WHERE id = $1", tariff.id)
        await until(lambda: bool(found))
        assert found == [None]


async def test_changes_published_while_the_channel_was_lost_are_delivered_late(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """Another instance's relay published them while this one was not subscribed."""
    settings = replace(settings, redis_url=valkey.url)
    tariff = await make.tariff(pool, await make.dno(pool))
    async with caches(settings) as disconnected, running_caches(settings):
        await until_delivered(pool)
        async with resubscribed(disconnected) as subscriber:
            await update_by_sql(pool, tariff.id, "60")
            await update_by_sql(pool, tariff.id, "61")
            await until_delivered(pool)
        versions = [(await asyncio.wait_for(anext(subscriber), 30)).entry.version for _ in range(2)]
        assert versions == [2, 3]
        assert not subscriber.waiting


async def test_late_changes_are_not_read_from_a_fetch_that_began_before(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    settings = replace(settings, redis_url=valkey.url)
    tariff = await make.tariff(pool, await make.dno(pool))
    detached: list[str] = []
    async with caches(settings) as disconnected, running_caches(settings):
        await until_delivered(pool)
        async with resubscribed(disconnected) as subscriber:
            await update_by_sql(pool, tariff.id, "60")
            await until_delivered(pool)
            disconnected.read_through.detach = detached.extend  # type: ignore[method-assign]
        await asyncio.wait_for(anext(subscriber), 30)
        assert tag_of(tariff) in detached


async def test_late_changes_are_not_read_from_l2_while_the_relay_has_not_delivered_them(
    pool: Pool, settings: Settings
) -> None:
    """L2 is trusted, and still holds the outdated value."""
    tariff = await make.tariff(pool, await make.dno(pool))
    key = DnoYear(tariff.dno_id, tariff.year)
    async with caches(settings) as one:
        one.shared.trust()
        one.validity.prove_database(inf)
        (before,) = (await one.read_through.get_many(TARIFFS, [key], ReadSet()))[key] or ()
        await until_filled(one, tags.tariffs(key))
        async with resubscribed(one) as subscriber:
            await update_by_sql(pool, tariff.id, "60")
            one.shared.trust()
        change = await asyncio.wait_for(anext(subscriber), LIMIT)
        (after,) = (await one.read_through.get_many(TARIFFS, [key], ReadSet()))[key] or ()
    assert (before.version, change.entry.version, after.version) == (1, 2, 2)


async def test_what_was_removed_under_a_newer_epoch_is_not_read_from_l2_under_the_old_one(
    pool: Pool, settings: Settings
) -> None:
    """The writer has entered the new epoch already, and its removal leaves the keys of the old one as they are."""
    tariff = await make.tariff(pool, await make.dno(pool))
    key = DnoYear(tariff.dno_id, tariff.year)
    async with (
        caches(settings) as one,
        caches(settings) as writer,
        Supervisor(one.jobs(relays=False), stop_timeout=5),
    ):
        await until(lambda: one.memory.enabled)
        one.shared.trust()
        await one.read_through.get_many(TARIFFS, [key], ReadSet())
        await until_filled(one, tags.tariffs(key))
        writer.shared.epoch = one.shared.epoch + 1
        assert await correct(writer, tariff.id, "60")
        await until(lambda: one.memory.get(tags.tariffs(key)) is None)
        (after,) = (await one.read_through.get_many(TARIFFS, [key], ReadSet()))[key] or ()
    assert after.version == 2


@pytest.mark.parametrize("lost", ["the writer's message", "the relay's message", "both"])
async def test_a_message_that_the_channel_loses_is_detected_and_recovered(
    pool: Pool, settings: Settings, lost: str
) -> None:
    """As between the nodes of a cluster: the connection stays open, own heartbeats arrive, and one message does not."""
    tariff = await make.tariff(pool, await make.dno(pool))
    tag = tag_of(tariff)
    async with running_caches(settings) as writer, caches(settings) as other:
        channel = LossyChannel(
            other,
            lambda message: (
                bool(message.events if message.sender == SENDER else message.tags)
                and (lost == "both" or (message.sender == SENDER) is (lost == "the relay's message"))
            ),
        )
        subscribing = [job for job in other.jobs() if not isinstance(job, OutboxRelay)]
        async with Supervisor([*subscribing, OutboxReviews(other)], stop_timeout=5):
            await until(lambda: other.memory.enabled and other.shared.trusted)
            await until_delivered(pool)
            channel.dropped, channel.joined = [], 0
            keep_in_l1(other, tag)
            async with other.broadcast.subscribe(Filter()) as subscriber:
                assert await correct(writer, tariff.id, "60")
                change = await asyncio.wait_for(anext(subscriber), LIMIT)
            assert (change.entry.id, change.entry.version) == (tariff.id, 2)
            assert other.memory.get(tag) is None
            await until(lambda: other.memory.enabled)
        assert channel.dropped
        assert channel.joined == 0


async def test_of_two_services_in_two_databases_of_one_redis_neither_receives_messages_of_the_other(
    pool: Pool, settings: Settings, valkey: PrivateValkey, admin_url: str, worker_id: str
) -> None:
    """A channel is not part of a database. Of two services that began with one backup, entries have the same ids."""
    first = replace(settings, redis_url=valkey.url, **PATIENT)
    async with cloned(admin_url, f"other_service_{worker_id}") as url:
        second = replace(first, database_url=url, redis_url=urlsplit(valkey.url)._replace(path="/1").geturl())
        async with running_caches(first) as one, running_caches(second) as other:
            mine = await make.tariff(pool, await make.dno(pool))
            await until_delivered(pool)
            async with one.broadcast.subscribe(Filter()) as subscriber:
                await make.tariff(other.pool, await make.dno(other.pool))
                await until_delivered(other.pool)
                assert await correct(one, mine.id, "60")
                change = await asyncio.wait_for(anext(subscriber), LIMIT)
            assert change.entry.id == mine.id
            assert one.shared.trusted


async def test_a_lost_message_is_delivered_before_the_one_that_reveals_the_loss(
    pool: Pool, settings: Settings
) -> None:
    """Versions of one entry are delivered in order: a version that follows a later one counts as already delivered."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with running_caches(settings) as writer, caches(settings) as other:
        channel = LossyChannel(
            other,
            lambda message: any(entry.version == 2 for event in message.events for entry in event.entries),
        )
        subscribing = [job for job in other.jobs() if not isinstance(job, OutboxRelay)]
        async with Supervisor([*subscribing, OutboxReviews(other)], stop_timeout=5):
            await until(lambda: other.memory.enabled and other.shared.trusted)
            await until_delivered(pool)
            other.consistency.deliveries.expect = lambda *_: None  # type: ignore[method-assign]  # no look is first
            async with other.broadcast.subscribe(Filter()) as subscriber:
                assert await correct(writer, tariff.id, "60")
                await until_delivered(pool)
                assert await correct(writer, tariff.id, "61")
                versions = [
                    (await asyncio.wait_for(anext(subscriber), LIMIT)).entry.version for _ in range(2)
                ]
            assert versions == [2, 3]
        assert channel.dropped


@pytest.mark.parametrize("hours", [-2, 2])
async def test_missed_changes_are_delivered_whatever_the_clocks_show(
    pool: Pool, settings: Settings, valkey: PrivateValkey, hours: int
) -> None:
    """Times of changes are PostgreSQL's; the clock of this instance may be wrong by hours in both directions.
    Changes delivered before are not delivered again.
    """
    settings = replace(settings, redis_url=valkey.url)
    dno = await make.dno(pool)
    known, tariff = await make.tariff(pool, dno, year=2025), await make.tariff(pool, dno, year=2026)
    async with caches(settings) as disconnected, running_caches(settings):
        await until_delivered(pool)
        async with resubscribed(disconnected) as subscriber:
            await update_by_sql(pool, tariff.id, "60")
            await shift_history(pool, hours)
            await until_delivered(pool)
        change = await asyncio.wait_for(anext(subscriber), 30)
        assert (change.entry.id, change.entry.version) == (tariff.id, 2)
        assert known.id not in {waiting.entry.id for waiting in subscriber.waiting}
        assert not subscriber.waiting


async def test_a_transaction_begun_before_the_gap_and_committed_in_it_is_delivered(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """Its number and its time are older than those of changes delivered before it."""
    settings = replace(settings, redis_url=valkey.url)
    dno = await make.dno(pool)
    slow, quick = await make.tariff(pool, dno, year=2025), await make.tariff(pool, dno, year=2026)
    async with caches(settings) as disconnected, running_caches(settings), pool.connection() as writer:
        await until_delivered(pool)
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("UPDATE netzentgelte_data SET leistung = 60 WHERE id = $1", slow.id)
        await update_by_sql(pool, quick.id, "61")
        await until_delivered(pool)
        async with resubscribed(disconnected) as subscriber:
            await transaction.commit()
            await until_delivered(pool)
        change = await asyncio.wait_for(anext(subscriber), 30)
        assert (change.entry.id, change.entry.version) == (slow.id, 2)
        assert not subscriber.waiting


async def test_a_subscriber_that_missed_too_many_changes_is_closed_with_a_reason(
    pool: Pool, settings: Settings
) -> None:
    settings = replace(settings, max_catch_up_changes=2)
    dno = await make.dno(pool)
    async with caches(settings) as one, resubscribed(one) as subscriber:
        for year in (2023, 2024, 2025):
            await make.tariff(pool, dno, year=year)
    with pytest.raises(Unavailable, match="subscribe again"):
        await asyncio.wait_for(anext(subscriber), 30)


@asynccontextmanager
async def resubscribed(one: CachesWithJobs) -> AsyncIterator[Subscriber]:
    """A subscriber that misses what happens within the block; afterwards the channel is subscribed again."""
    listener, beat, *_ = one.jobs(relays=False)
    async with Supervisor([listener, beat], stop_timeout=5):
        await until(lambda: one.memory.enabled)
        subscriber = one.broadcast.subscribe(Filter())
    yield subscriber
    async with Supervisor([listener, beat], stop_timeout=5):
        await until(lambda: one.memory.enabled)
    await subscriber.__aexit__()


async def shift_history(pool: Pool, hours: int) -> None:
    """As if PostgreSQL's clock had been wrong by so many hours when they were written."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("ALTER TABLE revisions DISABLE TRIGGER revisions_stay")
        await connection.execute(
            "UPDATE revisions SET changed_at = changed_at + make_interval(hours => $1)", hours
        )
        await connection.execute("ALTER TABLE revisions ENABLE TRIGGER revisions_stay")


async def until_filled(one: CachesWithJobs, tag: str) -> None:
    """Fills of L2 are written after the read that made them has returned."""
    await until(lambda: one.shared.get_many([tag]))


class LossyChannel:
    """Drops messages of one instance's channel: `dropped` are those, `joined` is the number of subscriptions."""

    def __init__(self, one: CachesWithJobs, is_lost: Callable[[Message], bool]) -> None:
        self.dropped: list[Message] = []
        self.joined = 0
        self._is_lost = is_lost
        self._subscribe = one.shared.subscribe
        one.shared.subscribe = self.subscribe  # type: ignore[method-assign]

    @asynccontextmanager
    async def subscribe(self, channel: str = CHANNEL) -> AsyncIterator[Subscription]:
        async with self._subscribe(channel) as subscription:
            self.joined += 1
            receive = subscription.next

            async def receive_next_kept(seconds: float) -> bytes | None:
                while (data := await receive(seconds)) is not None:
                    message = decode(data)
                    assert message is not None
                    if not self._is_lost(message):
                        break
                    self.dropped.append(message)
                return data

            subscription.next = receive_next_kept  # type: ignore[method-assign]
            yield subscription


class OutboxReviews:
    """Looks at the outbox as a relay does, without delivering."""

    def __init__(self, one: CachesWithJobs) -> None:
        self._one = one

    async def run(self) -> None:
        while True:
            await self._one.consistency.review()
            await asyncio.sleep(self._one.settings.heartbeat_interval)
