"""Which Redis is trusted as L2, and from when on."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from math import inf
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from app.broadcast import Filter
from app.cache.codec import CODEC_VERSION
from app.cache.failures import FAILURES
from app.cache.redis import Fill
from app.db import outbox, tariffs
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain.account import Principal, Role
from app.domain.correction import TariffCorrection
from app.jobs import l2_consistency
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests import factories as make
from tests.integration.jobs.caches_with_jobs import CachesWithJobs, caches, running_caches
from tests.integration.jobs.changes import TAG, tag_of
from tests.servers import PrivateValkey, private_folder
from tests.waiting import PATIENT, until


@pytest.fixture
def other_valkey() -> Iterator[PrivateValkey]:
    with private_folder() as folder:
        server = PrivateValkey(folder)
        yield server
        server.stop()


async def epoch(pool: Pool) -> int:
    return (await outbox.fetch_outbox_status(pool)).epoch


async def keep_in_l2(one: CachesWithJobs, data: bytes) -> None:
    [token] = (await one.shared.lease_many([TAG])).values()
    assert token is not None
    assert not await one.shared.fill_many([Fill(TAG, token, data, 60)])


async def test_l2_is_used_only_once_an_epoch_was_agreed_on(pool: Pool, settings: Settings) -> None:
    async with caches(settings) as one:
        assert not one.shared.trusted
        async with Supervisor(one.jobs(subscribes=False), stop_timeout=5):
            await until(lambda: one.shared.trusted)
        assert one.shared.epoch == await epoch(pool) > 1


@pytest.mark.parametrize("step", ["identify", "fetch_outbox_status"])
async def test_a_distrust_during_a_review_is_not_ended_by_that_review(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The review may have read its data before the removal that failed."""
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
    """Not only for those of the earlier distrust."""
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


async def trusted_without_jobs(one: CachesWithJobs) -> None:
    async def reviewed_and_trusted() -> bool:
        await one.consistency.review()
        return one.shared.trusted

    await until(reviewed_and_trusted)


async def test_any_number_of_instances_start_under_one_epoch(pool: Pool, settings: Settings) -> None:
    async with (
        running_caches(settings) as one,
        running_caches(settings) as two,
        running_caches(settings) as three,
    ):
        agreed = await epoch(pool)
        assert {one.shared.epoch, two.shared.epoch, three.shared.epoch} == {agreed}
    async with running_caches(settings) as later:
        assert later.shared.epoch == await epoch(pool) == agreed


@pytest.mark.parametrize("stale", [False, True], ids=["empty", "with stale keys"])
async def test_a_redis_that_has_become_another_process_starts_one_new_epoch_for_all(
    pool: Pool, settings: Settings, valkey: PrivateValkey, stale: bool
) -> None:
    settings = replace(settings, redis_url=valkey.url, **PATIENT)
    async with running_caches(settings) as one, running_caches(settings) as other:
        await keep_in_l2(one, b"old")
        [(key, value)] = [
            (key, await one.shared.client.get(key)) async for key in one.shared.client.scan_iter("*}")
        ]
        before = await epoch(pool)

        valkey.restart_empty()
        if stale:
            await restore(one, key, value)
        await until(lambda: {one.shared.epoch, other.shared.epoch} == {before + 1})
        await until(lambda: all([one.shared.trusted, other.shared.trusted, one.memory.enabled]))

        assert await epoch(pool) == before + 1
        assert await other.shared.get_many([TAG]) == {}
        await keep_in_l2(one, b"new")
        assert await other.shared.get_many([TAG]) == {TAG: b"new"}


async def restore(one: CachesWithJobs, key: bytes, value: bytes) -> None:
    await until(lambda: one.shared.client.set(key, value), ignoring=FAILURES)


async def test_only_instances_on_the_agreed_redis_keep_caches(
    pool: Pool, settings: Settings, valkey: PrivateValkey, other_valkey: PrivateValkey
) -> None:
    """An instance does not see removals from another Redis: so one of them works without caches,
    and they do not alternate.
    """
    async with (
        running_caches(replace(settings, redis_url=valkey.url)) as agreed,
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


async def test_a_write_on_another_redis_is_seen_by_instances_on_the_agreed_one(
    pool: Pool, settings: Settings, valkey: PrivateValkey, other_valkey: PrivateValkey
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    tag = tag_of(tariff)
    async with (
        running_caches(replace(settings, redis_url=valkey.url)) as agreed,
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
            # Without a channel, its subscribers receive changes from history.
            change = await asyncio.wait_for(anext(subscriber), 30)
        assert (change.entry.id, change.entry.version) == (tariff.id, 2)


async def test_an_instance_leaves_its_channel_at_once_when_another_redis_is_agreed_on(
    pool: Pool, settings: Settings, valkey: PrivateValkey, other_valkey: PrivateValkey
) -> None:
    """Its own heartbeats still arrive there, but no changes of other instances."""
    async with running_caches(replace(settings, redis_url=valkey.url)) as left:
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


async def test_an_abandoned_agreement_expires(
    pool: Pool,
    settings: Settings,
    valkey: PrivateValkey,
    other_valkey: PrivateValkey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All instances on the agreed Redis have stopped."""
    monkeypatch.setattr(l2_consistency, "CONFIRM_AFTER", 0.1)
    monkeypatch.setattr(l2_consistency, "ABANDONED_AFTER", 0.6)
    async with (
        running_caches(replace(settings, redis_url=valkey.url)),
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


async def test_the_agreement_does_not_alternate_between_two_redis_processes(
    pool: Pool, settings: Settings
) -> None:
    """Two processes behind one address, reached in turn: each claim but the first few is rejected."""
    raised = []
    for identity in ("1:a", "1:b", "1:a", "1:b", "1:a"):
        raised.append(await outbox.raise_epoch(pool, identity, moved=True, abandoned_after=5))
        async with pool.connection() as connection:  # as if more than a second had passed
            await connection.execute("UPDATE cache_epoch SET raised_at = raised_at - interval '2 seconds'")
    assert raised == [True, True, False, False, False]
    assert (await outbox.fetch_outbox_status(pool)).identity == "1:b"


async def test_an_instance_that_never_shared_an_agreement_waits_until_it_is_abandoned(
    pool: Pool, settings: Settings
) -> None:
    assert await outbox.raise_epoch(pool, "1:a", moved=False, abandoned_after=5)
    assert not await outbox.raise_epoch(pool, "1:b", moved=False, abandoned_after=5)
    async with pool.connection() as connection:
        await connection.execute("UPDATE cache_epoch SET confirmed_at = now() - interval '6 seconds'")
    assert await outbox.raise_epoch(pool, "1:b", moved=False, abandoned_after=5)


async def reviewed(one: CachesWithJobs, times: int) -> None:
    """It has reviewed the outbox that many times since."""
    looked = one.consistency.looks
    await until(lambda: one.consistency.looks >= looked + times)


class NextRelease(l2_consistency.L2Consistency):
    """That of a release with another encoding, in the same process as the present one."""

    @property
    def identity(self) -> str | None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(l2_consistency, "CODEC_VERSION", CODEC_VERSION + 1)
            return super().identity


async def test_two_releases_with_different_encodings_do_not_share_l2(pool: Pool, settings: Settings) -> None:
    """A relay removes the keys of its own encoding only: those of the other release would stay."""
    async with running_caches(settings) as old, caches(settings) as new:
        new.consistency.__class__ = NextRelease
        async with Supervisor(new.jobs(subscribes=False), stop_timeout=5):
            await until(lambda: new.shared.trusted or old.shared.trusted)
            await reviewed(new, 3)
            assert new.shared.epoch != old.shared.epoch or not (new.shared.trusted and old.shared.trusted)


async def test_values_in_another_database_of_the_same_redis_are_not_served_after_a_write(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """Where REDIS_URL names another number for a while: what is written meanwhile is removed there only."""
    first = replace(settings, redis_url=valkey.url, **PATIENT)
    second = replace(first, redis_url=urlsplit(valkey.url)._replace(path="/1").geturl())
    async with running_caches(first) as one:
        await keep_in_l2(one, b"old")
    async with running_caches(second) as other:
        assert await other.invalidator.invalidate([TAG])
    async with running_caches(first) as one:
        assert await one.shared.get_many([TAG]) == {}


async def test_of_instances_in_two_databases_of_one_redis_only_some_use_it(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    first = replace(settings, redis_url=valkey.url, **PATIENT)
    second = replace(first, redis_url=urlsplit(valkey.url)._replace(path="/1").geturl())
    async with (
        running_caches(first) as one,
        caches(second) as other,
        Supervisor(other.jobs(subscribes=False), stop_timeout=5),
    ):
        await until(lambda: other.consistency.identity is not None)
        await reviewed(one, 3)
        assert one.shared.trusted
        assert not other.shared.trusted


@pytest.mark.parametrize("moved", [True, False])
async def test_an_agreement_of_before_a_clock_was_set_back_is_not_kept_until_that_time(
    pool: Pool, moved: bool
) -> None:
    assert await outbox.raise_epoch(pool, "1:a", moved=False, abandoned_after=5)
    await set_clock_back(pool)
    assert (await outbox.fetch_outbox_status(pool)).abandoned(5)
    assert await outbox.raise_epoch(pool, "1:b", moved=moved, abandoned_after=5)
    assert not (await outbox.fetch_outbox_status(pool)).abandoned(5)


async def test_a_change_of_before_a_clock_was_set_back_does_not_delay_the_next_one_until_that_time(
    pool: Pool,
) -> None:
    assert await outbox.raise_epoch(pool, "1:a", moved=False, abandoned_after=5)
    async with pool.connection() as connection:
        await connection.execute("UPDATE cache_epoch SET raised_at = raised_at + interval '2 hours'")
    assert await outbox.raise_epoch(pool, "1:b", moved=True, abandoned_after=5)


async def test_an_agreement_that_instances_share_goes_on_when_a_clock_is_set_back(
    pool: Pool, settings: Settings
) -> None:
    async with caches(settings) as one:
        await trusted_without_jobs(one)
        await set_clock_back(pool)
        await one.consistency.review()
        assert one.shared.trusted
        assert not (await outbox.fetch_outbox_status(pool)).abandoned(5)


async def set_clock_back(pool: Pool) -> None:
    """What was noted until now lies ahead."""
    async with pool.connection() as connection:
        await connection.execute(
            "UPDATE cache_epoch SET confirmed_at = confirmed_at + interval '2 hours',"
            " raised_at = raised_at + interval '2 hours'"
        )
