"""What an instance does with what it hears, and with silence."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from math import inf
from uuid import UUID

import pytest
from msgspec.structs import replace

from app.broadcast import Filter, Subscriber
from app.cache.message import CHANNEL, Message, decode
from app.cache.read_set import ReadSet
from app.cache.subscription import Subscription
from app.db import tariffs
from app.db.pool import Pool
from app.db.unit_of_work import UnitOfWork, write
from app.domain import tags
from app.domain.account import Principal, Role
from app.domain.correction import TariffCorrection
from app.domain.entry import DnoYear
from app.errors import Unavailable
from app.jobs.outbox_relay import SENDER, OutboxRelay
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from loaders.regions import TARIFFS
from tests import factories as make
from tests.integration.jobs.instances import Instance, caches, instance
from tests.servers import PrivateValkey
from tests.waiting import until

TAG = "operator:1"


def remember(one: Instance, tag: str = TAG) -> None:
    assert one.memory.keep(tag, "old", size=1, tags=(tag,), until=inf, since=one.memory.now())


async def test_what_another_instance_invalidates_is_forgotten(pool: Pool, settings: Settings) -> None:
    async with instance(settings) as writer, instance(settings) as other:
        remember(other)
        assert await writer.invalidator.invalidate([TAG])
        await until(lambda: other.memory.get(TAG) is None)


async def test_l1_is_off_while_the_channel_is_lost_and_empty_when_it_is_back(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    async with instance(replace(settings, redis_url=valkey.url)) as one:
        remember(one)
        valkey.kill()
        await until(lambda: not one.memory.enabled)
        assert one.memory.get(TAG) is None
        valkey.start()
        await until(lambda: one.memory.enabled)
        assert len(one.memory) == 0


async def test_silence_is_as_bad_as_a_lost_connection(pool: Pool, settings: Settings) -> None:
    """The connection is there, yet no heartbeat comes through: nothing else would, either."""
    async with caches(settings) as one:
        listener, beat, *_ = one.jobs(relays=False)
        async with Supervisor([listener], stop_timeout=5):
            async with Supervisor([beat], stop_timeout=5):
                await until(lambda: one.memory.enabled)
                remember(one)
            await until(lambda: one.memory.get(TAG) is None)
            await until(lambda: len(one.memory) == 0)


async def test_heartbeats_of_others_do_not_stand_in_for_ones_own(pool: Pool, settings: Settings) -> None:
    """They say that somebody is alive, not that what was published before has arrived here."""
    async with caches(settings) as one, caches(settings) as other:
        listener, beat, *_ = one.jobs(relays=False)
        _, other_beat, *_ = other.jobs(relays=False)
        async with Supervisor([other_beat, listener], stop_timeout=5):
            async with Supervisor([beat], stop_timeout=5):
                await until(lambda: one.memory.enabled)
            await until(lambda: not one.memory.enabled)
            heard = one.validity.received_until
            await asyncio.sleep(2 * settings.heartbeat_interval)
            assert not one.memory.enabled
            assert one.validity.received_until <= heard


async def test_an_instance_that_leaves_is_not_missed(pool: Pool, settings: Settings) -> None:
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
    async with instance(settings) as one:
        remember(one)
        assert await one.shared.publish(b"what a later release says")
        await until(lambda: one.memory.get(TAG) is None)
        await until(lambda: one.memory.enabled)


async def test_who_is_told_reads_the_new_state_because_eviction_comes_first(
    pool: Pool, settings: Settings
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    tag = tags.tariffs(DnoYear(tariff.dno_id, tariff.year))
    async with instance(settings) as one:
        await until_empty(pool)
        remember(one, tag)
        told: list[object] = []
        one.broadcast.send = lambda event: told.append(one.memory.get(tag))  # type: ignore[method-assign]
        async with pool.connection() as connection:
            await connection.execute("UPDATE netzentgelte_data SET leistung = 60 WHERE id = $1", tariff.id)
        await until(lambda: bool(told))
        assert told == [None]


async def test_what_was_told_while_the_channel_was_lost_is_told_late(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """Another instance's relay has told the channel, and this one was not there to hear."""
    settings = replace(settings, redis_url=valkey.url)
    tariff = await make.tariff(pool, await make.dno(pool))
    async with caches(settings) as deaf, instance(settings):
        await until_empty(pool)
        async with heard_again(deaf) as subscriber:
            await set_price(pool, tariff.id, 60)
            await set_price(pool, tariff.id, 61)
            await until_empty(pool)
        heard = [(await asyncio.wait_for(anext(subscriber), 30)).entry.version for _ in range(2)]
        assert heard == [2, 3]
        assert not subscriber.waiting


async def test_late_changes_are_not_read_from_a_fetch_that_set_out_before(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    settings = replace(settings, redis_url=valkey.url)
    tariff = await make.tariff(pool, await make.dno(pool))
    detached: list[str] = []
    async with caches(settings) as deaf, instance(settings):
        await until_empty(pool)
        async with heard_again(deaf) as subscriber:
            await set_price(pool, tariff.id, 60)
            await until_empty(pool)
            deaf.read_through.detach = detached.extend  # type: ignore[method-assign]
        await asyncio.wait_for(anext(subscriber), 30)
        assert tags.tariffs(DnoYear(tariff.dno_id, tariff.year)) in detached


async def test_late_changes_are_not_read_from_l2_while_the_relay_has_not_delivered_them(
    pool: Pool, settings: Settings
) -> None:
    """L2 is trusted, and still holds what the change has made untrue."""
    tariff = await make.tariff(pool, await make.dno(pool))
    key = DnoYear(tariff.dno_id, tariff.year)
    async with caches(settings) as one:
        one.shared.trust()
        one.validity.prove_database(inf)
        (before,) = (await one.read_through.get_many(TARIFFS, [key], ReadSet()))[key] or ()
        await until_filled(one, tags.tariffs(key))
        async with heard_again(one) as subscriber:
            await set_price(pool, tariff.id, 60)
            one.shared.trust()
        change = await asyncio.wait_for(anext(subscriber), 10)
        (after,) = (await one.read_through.get_many(TARIFFS, [key], ReadSet()))[key] or ()
    assert (before.version, change.entry.version, after.version) == (1, 2, 2)


@pytest.mark.parametrize("lost", ["the writer's message", "the relay's message", "both"])
async def test_a_message_that_the_channel_loses_is_noticed_and_made_up_for(
    pool: Pool, settings: Settings, lost: str
) -> None:
    """As between the nodes of a cluster: the connection stays, own heartbeats come, and one message does not."""
    tariff = await make.tariff(pool, await make.dno(pool))
    tag = tags.tariffs(DnoYear(tariff.dno_id, tariff.year))
    async with instance(settings) as writer, caches(settings) as other:
        channel = LossyChannel(
            other,
            lambda message: (
                bool(message.events if message.sender == SENDER else message.tags)
                and (lost == "both" or (message.sender == SENDER) is (lost == "the relay's message"))
            ),
        )
        hearing = [job for job in other.jobs() if not isinstance(job, OutboxRelay)]
        async with Supervisor([*hearing, Looks(other)], stop_timeout=5):
            await until(lambda: other.memory.enabled and other.shared.trusted)
            await until_empty(pool)
            channel.dropped, channel.joined = [], 0
            remember(other, tag)
            async with other.broadcast.subscribe(Filter()) as subscriber:
                await correct(writer, tariff.id, 60)
                change = await asyncio.wait_for(anext(subscriber), 10)
            assert (change.entry.id, change.entry.version) == (tariff.id, 2)
            assert other.memory.get(tag) is None
            await until(lambda: other.memory.enabled)
        assert channel.dropped
        assert channel.joined == 0


async def test_a_lost_message_is_delivered_before_the_one_that_tells_of_the_loss(
    pool: Pool, settings: Settings
) -> None:
    """Versions of one entry are delivered in order: what comes after a later one counts as delivered before."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with instance(settings) as writer, caches(settings) as other:
        channel = LossyChannel(
            other,
            lambda message: any(entry.version == 2 for event in message.events for entry in event.entries),
        )
        hearing = [job for job in other.jobs() if not isinstance(job, OutboxRelay)]
        async with Supervisor([*hearing, Looks(other)], stop_timeout=5):
            await until(lambda: other.memory.enabled and other.shared.trusted)
            await until_empty(pool)
            other.consistency.deliveries.expect = lambda *_: None  # type: ignore[method-assign]  # no look is first
            async with other.broadcast.subscribe(Filter()) as subscriber:
                await correct(writer, tariff.id, 60)
                await until_empty(pool)
                await correct(writer, tariff.id, 61)
                told = [(await asyncio.wait_for(anext(subscriber), 10)).entry.version for _ in range(2)]
            assert told == [2, 3]
        assert channel.dropped


@pytest.mark.parametrize("hours", [-2, 2])
async def test_what_was_missed_is_told_whatever_the_clocks_say(
    pool: Pool, settings: Settings, valkey: PrivateValkey, hours: int
) -> None:
    """Times of changes are PostgreSQL's; the clock of this instance may be wrong by hours in both directions.
    What was told before is not told again.
    """
    settings = replace(settings, redis_url=valkey.url)
    dno = await make.dno(pool)
    known, tariff = await make.tariff(pool, dno, year=2025), await make.tariff(pool, dno, year=2026)
    async with caches(settings) as deaf, instance(settings):
        await until_empty(pool)
        async with heard_again(deaf) as subscriber:
            await set_price(pool, tariff.id, 60)
            await shift_history(pool, hours)
            await until_empty(pool)
        change = await asyncio.wait_for(anext(subscriber), 30)
        assert (change.entry.id, change.entry.version) == (tariff.id, 2)
        assert known.id not in {waiting.entry.id for waiting in subscriber.waiting}
        assert not subscriber.waiting


async def test_what_was_begun_before_the_gap_and_committed_in_it_is_told(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """Its number and its time are older than those of changes that were told before it."""
    settings = replace(settings, redis_url=valkey.url)
    dno = await make.dno(pool)
    slow, quick = await make.tariff(pool, dno, year=2025), await make.tariff(pool, dno, year=2026)
    async with caches(settings) as deaf, instance(settings), pool.connection() as writer:
        await until_empty(pool)
        transaction = writer.transaction()
        await transaction.start()
        await writer.execute("UPDATE netzentgelte_data SET leistung = 60 WHERE id = $1", slow.id)
        await set_price(pool, quick.id, 61)
        await until_empty(pool)
        async with heard_again(deaf) as subscriber:
            await transaction.commit()
            await until_empty(pool)
        change = await asyncio.wait_for(anext(subscriber), 30)
        assert (change.entry.id, change.entry.version) == (slow.id, 2)
        assert not subscriber.waiting


async def test_who_missed_too_much_is_told_so(pool: Pool, settings: Settings) -> None:
    settings = replace(settings, max_catch_up_changes=2)
    dno = await make.dno(pool)
    async with caches(settings) as one, heard_again(one) as subscriber:
        for year in (2023, 2024, 2025):
            await make.tariff(pool, dno, year=year)
    with pytest.raises(Unavailable, match="subscribe again"):
        await asyncio.wait_for(anext(subscriber), 30)


@asynccontextmanager
async def heard_again(one: Instance) -> AsyncIterator[Subscriber]:
    """Its subscriber; what happens within the block it misses, and then it joins the channel again."""
    listener, beat, *_ = one.jobs(relays=False)
    async with Supervisor([listener, beat], stop_timeout=5):
        await until(lambda: one.memory.enabled)
        subscriber = one.broadcast.subscribe(Filter())
    yield subscriber
    async with Supervisor([listener, beat], stop_timeout=5):
        await until(lambda: one.memory.enabled)
    await subscriber.__aexit__()


async def set_price(pool: Pool, entry_id: UUID, price: int) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE netzentgelte_data SET leistung = $2 WHERE id = $1", entry_id, Decimal(price)
        )


async def shift_history(pool: Pool, hours: int) -> None:
    """As if PostgreSQL's clock had been that wrong when they were written."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("ALTER TABLE revisions DISABLE TRIGGER revisions_stay")
        await connection.execute(
            "UPDATE revisions SET changed_at = changed_at + make_interval(hours => $1)", hours
        )
        await connection.execute("ALTER TABLE revisions ENABLE TRIGGER revisions_stay")


async def until_empty(pool: Pool) -> None:
    async with asyncio.timeout(5):
        while await pool.fetch("SELECT id FROM outbox LIMIT 1"):
            await asyncio.sleep(0.01)


async def until_filled(one: Instance, tag: str) -> None:
    """Fills of L2 are written behind the read that made them."""
    async with asyncio.timeout(10):
        while not await one.shared.get_many([tag]):
            await asyncio.sleep(0.01)


class LossyChannel:
    """The channel of one instance from here on: what it has dropped, and how often it was joined."""

    def __init__(self, one: Instance, is_lost: Callable[[Message], bool]) -> None:
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

            async def receive_what_is_not_lost(seconds: float) -> bytes | None:
                while (data := await receive(seconds)) is not None:
                    message = decode(data)
                    assert message is not None
                    if not self._is_lost(message):
                        break
                    self.dropped.append(message)
                return data

            subscription.next = receive_what_is_not_lost  # type: ignore[method-assign]
            yield subscription


class Looks:
    """Looks at the outbox as a relay does, and delivers nothing."""

    def __init__(self, one: Instance) -> None:
        self._one = one

    async def run(self) -> None:
        while True:
            await self._one.consistency.review()
            await asyncio.sleep(self._one.settings.heartbeat_interval)


async def correct(one: Instance, entry_id: UUID, price: int) -> None:
    """As a mutation does it: written, removed from the caches and published before it is answered."""

    async def change(work: UnitOfWork) -> None:
        await tariffs.correct(work, TariffCorrection(id=entry_id, prices={"leistung": Decimal(price)}))

    _, work = await write(one.pool, Principal(role=Role.EDITOR, name="ada@example.org"), change)
    touched = tags.of_all(work.events)
    assert await one.invalidator.invalidate(touched, [event.id for event in work.events])
