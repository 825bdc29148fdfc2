"""Which Redis is believed, and from when on."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from math import inf
from typing import Any

import pytest
from msgspec.structs import replace

from app.broadcast import Filter
from app.cache.codec import CODEC_VERSION
from app.cache.failures import FAILURES
from app.cache.redis import Fill
from app.db import outbox, tariffs
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain import tags
from app.domain.account import Principal, Role
from app.domain.correction import TariffCorrection
from app.domain.entry import DnoYear
from app.jobs import l2_consistency
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests import factories as make
from tests.integration.jobs.instances import Instance, caches, instance
from tests.servers import PrivateValkey, private_folder
from tests.waiting import until

TAG = "operator:1"


@pytest.fixture
def other_valkey() -> Iterator[PrivateValkey]:
    with private_folder() as folder:
        server = PrivateValkey(folder)
        yield server
        server.stop()


async def epoch(pool: Pool) -> int:
    return (await outbox.fetch_outbox_status(pool)).epoch


async def keep(one: Instance, data: bytes) -> None:
    [token] = (await one.shared.lease_many([TAG])).values()
    assert token is not None
    assert not await one.shared.fill_many([Fill(TAG, token, data, 60)])


async def test_l2_is_used_only_once_an_epoch_was_agreed_on(pool: Pool, settings: Settings) -> None:
    async with caches(settings) as one:
        assert not one.shared.trusted
        async with Supervisor(one.jobs(hears=False), stop_timeout=5):
            await until(lambda: one.shared.trusted)
        assert one.shared.epoch == await epoch(pool) == 2


@pytest.mark.parametrize("step", ["identify", "fetch_outbox_status"])
async def test_a_distrust_during_a_review_is_not_ended_by_that_review(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What the review has read may be from before the removal that failed."""
    async with caches(settings) as one:
        await trusted_without_jobs(one)
        one.shared.distrust("a first removal failed")
        with monkeypatch.context() as during:
            owner = one.shared if step == "identify" else outbox
            reads = getattr(owner, step)

            async def reads_then_distrusts(*arguments: Any) -> Any:
                found = await reads(*arguments)
                one.shared.distrust("a second removal failed")
                return found

            during.setattr(owner, step, reads_then_distrusts)
            assert await one.consistency.review() is not None
            assert not one.shared.trusted
        assert await one.consistency.review() is not None
        assert one.shared.trusted


async def test_a_newer_distrust_waits_for_the_events_that_were_committed_before_it(
    pool: Pool, settings: Settings
) -> None:
    """Not only for those that the distrust before it has waited for."""
    async with caches(settings) as one:
        await trusted_without_jobs(one)
        tariff = await make.tariff(pool, await make.dno(pool))
        await pool.fetch("DELETE FROM outbox")
        for number in (60, 61):
            async with unit_of_work(pool, Principal(Role.EDITOR)) as work:
                await tariffs.correct(
                    work, TariffCorrection(id=tariff.id, prices={"leistung": Decimal(number)})
                )
            one.shared.distrust(f"the removal of write {number} failed")
            await one.consistency.review()
            assert not one.shared.trusted
        await pool.fetch("DELETE FROM outbox WHERE id = (SELECT min(id) FROM outbox)")  # delivered
        await one.consistency.review()
        assert not one.shared.trusted
        await pool.fetch("DELETE FROM outbox")
        await one.consistency.review()
        assert one.shared.trusted


async def trusted_without_jobs(one: Instance) -> None:
    async with asyncio.timeout(10):
        while not one.shared.trusted:
            await one.consistency.review()


async def test_any_number_of_instances_start_under_one_epoch(pool: Pool, settings: Settings) -> None:
    async with instance(settings) as one, instance(settings) as two, instance(settings) as three:
        assert {one.shared.epoch, two.shared.epoch, three.shared.epoch} == {2}
    async with instance(settings) as later:
        assert later.shared.epoch == 2


@pytest.mark.parametrize("stale", [False, True], ids=["empty", "with stale keys"])
async def test_a_redis_that_has_become_another_process_starts_anew_once_for_all(
    pool: Pool, settings: Settings, valkey: PrivateValkey, stale: bool
) -> None:
    settings = replace(settings, redis_url=valkey.url)
    async with instance(settings) as one, instance(settings) as other:
        await keep(one, b"old")
        [(key, value)] = [
            (key, await one.shared.client.get(key)) async for key in one.shared.client.scan_iter("*}")
        ]
        before = await epoch(pool)

        valkey.restart_empty()
        if stale:
            await set_again(one, key, value)
        await until(lambda: {one.shared.epoch, other.shared.epoch} == {before + 1})
        await until(lambda: all([one.shared.trusted, other.shared.trusted, one.memory.enabled]))

        assert await epoch(pool) == before + 1
        assert await other.shared.get_many([TAG]) == {}
        await keep(one, b"new")
        assert await other.shared.get_many([TAG]) == {TAG: b"new"}


async def set_again(one: Instance, key: bytes, value: bytes) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                await one.shared.client.set(key, value)
                return
            except FAILURES:
                await asyncio.sleep(0.01)


async def test_only_those_on_the_agreed_redis_keep_caches(
    pool: Pool, settings: Settings, valkey: PrivateValkey, other_valkey: PrivateValkey
) -> None:
    """What one instance removes from its Redis, the other does not see: so one of them does without caches,
    and they do not take turns.
    """
    async with (
        instance(replace(settings, redis_url=valkey.url)) as agreed,
        caches(replace(settings, redis_url=other_valkey.url)) as apart,
        Supervisor(apart.jobs(), stop_timeout=5),
    ):
        before = await epoch(pool)
        await reviewed(apart, 12)
        assert await epoch(pool) == before == agreed.shared.epoch
        assert agreed.shared.trusted
        assert agreed.memory.enabled
        assert not apart.shared.trusted
        assert not apart.memory.enabled
        assert apart.validity.reason == "others agreed on another Redis"


async def test_a_write_beside_the_agreed_redis_is_seen_by_those_on_it(
    pool: Pool, settings: Settings, valkey: PrivateValkey, other_valkey: PrivateValkey
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    tag = tags.tariffs(DnoYear(tariff.dno_id, tariff.year))
    async with (
        instance(replace(settings, redis_url=valkey.url)) as agreed,
        caches(replace(settings, redis_url=other_valkey.url)) as apart,
        Supervisor(apart.jobs(), stop_timeout=5),
    ):
        await until(lambda: apart.validity.disproved)
        assert agreed.memory.keep(tag, "old", size=1, tags=(tag,), until=inf, since=agreed.memory.now())
        async with apart.broadcast.subscribe(Filter()) as subscriber:
            async with unit_of_work(apart.pool, Principal(Role.EDITOR)) as work:
                await tariffs.correct(work, TariffCorrection(id=tariff.id, prices={"leistung": Decimal(60)}))
            await apart.invalidator.invalidate([tag], [event.id for event in work.events])
            await until(lambda: agreed.memory.get(tag) is None)
            # On no channel, its subscribers are told out of history.
            change = await asyncio.wait_for(anext(subscriber), 30)
        assert (change.entry.id, change.entry.version) == (tariff.id, 2)


async def test_who_learns_that_another_redis_is_agreed_on_leaves_its_channel_at_once(
    pool: Pool, settings: Settings, valkey: PrivateValkey, other_valkey: PrivateValkey
) -> None:
    """Its own heartbeats still come through there, and nothing of what the others change."""
    async with instance(replace(settings, redis_url=valkey.url)) as left:
        remembered = left.memory.keep(TAG, "old", size=1, tags=(TAG,), until=inf, since=left.memory.now())
        assert remembered
        async with pool.connection() as connection:
            await connection.execute(
                "UPDATE cache_epoch SET epoch = epoch + 1, redis_identity = '1:other', confirmed_at = now()"
            )
            await connection.execute("SELECT pg_notify('dno_outbox', '')")
        await until(lambda: left.memory.get(TAG) is None)
        assert not left.shared.trusted
        assert len(left.memory) == 0


async def test_an_abandoned_agreement_does_not_bind_for_ever(
    pool: Pool,
    settings: Settings,
    valkey: PrivateValkey,
    other_valkey: PrivateValkey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All who agreed on the other Redis are gone."""
    monkeypatch.setattr(l2_consistency, "CONFIRM_AFTER", 0.1)
    monkeypatch.setattr(l2_consistency, "ABANDONED_AFTER", 0.6)
    async with (
        instance(replace(settings, redis_url=valkey.url)),
        caches(replace(settings, redis_url=other_valkey.url)) as survivor,
        Supervisor(survivor.jobs(), stop_timeout=5),
    ):
        await reviewed(survivor, 8)
        assert not survivor.shared.trusted
    async with (
        caches(replace(settings, redis_url=other_valkey.url)) as survivor,
        Supervisor(survivor.jobs(), stop_timeout=5),
    ):
        await until(lambda: survivor.shared.trusted and survivor.memory.enabled)
        assert survivor.shared.epoch == await epoch(pool)


async def test_sides_are_not_changed_back_and_forth(pool: Pool, settings: Settings) -> None:
    """Two processes behind one address, met in turn: each claim but the first few is refused."""
    raised = []
    for identity in ("1:a", "1:b", "1:a", "1:b", "1:a"):
        raised.append(await outbox.raise_epoch(pool, identity, moved=True, abandoned_after=5))
        async with pool.connection() as connection:  # as if more than a second had passed
            await connection.execute("UPDATE cache_epoch SET raised_at = raised_at - interval '2 seconds'")
    assert raised == [True, True, False, False, False]
    assert (await outbox.fetch_outbox_status(pool)).identity == "1:b"


async def test_who_never_shared_an_agreement_waits_until_it_is_abandoned(
    pool: Pool, settings: Settings
) -> None:
    assert await outbox.raise_epoch(pool, "1:a", moved=False, abandoned_after=5)
    assert not await outbox.raise_epoch(pool, "1:b", moved=False, abandoned_after=5)
    async with pool.connection() as connection:
        await connection.execute("UPDATE cache_epoch SET confirmed_at = now() - interval '6 seconds'")
    assert await outbox.raise_epoch(pool, "1:b", moved=False, abandoned_after=5)


async def reviewed(one: Instance, times: int) -> None:
    """It has had that many looks since."""
    looked = one.consistency.looks
    await until(lambda: one.consistency.looks >= looked + times)


async def test_two_releases_that_write_differently_do_not_share_l2(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay removes the keys of its own encoding only: those of the other release would stay."""
    async with instance(settings) as old:
        monkeypatch.setattr(l2_consistency, "CODEC_VERSION", CODEC_VERSION + 1)
        async with caches(settings) as new, Supervisor(new.jobs(hears=False), stop_timeout=5):
            await until(lambda: new.shared.trusted or old.shared.trusted)
            assert new.shared.epoch != old.shared.epoch or not (new.shared.trusted and old.shared.trusted)
