"""Which Redis is believed, and from when on."""

import asyncio
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from app.cache.codec import CODEC_VERSION
from app.cache.redis import Fill
from app.cache.servers import FAILURES
from app.db import outbox
from app.db.pool import Pool
from app.jobs import trust
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests.integration.jobs.instances import Instance, caches, instance, until
from tests.servers import PrivateValkey, private_folder

TAG = "operator:1"


@pytest.fixture
def other_valkey() -> Iterator[PrivateValkey]:
    with private_folder() as folder:
        server = PrivateValkey(folder)
        yield server
        server.stop()


async def epoch(pool: Pool) -> int:
    return (await outbox.fetch_standing(pool)).epoch


async def keep(one: Instance, data: bytes) -> None:
    [token] = (await one.shared.lease_many([TAG])).values()
    assert token is not None
    assert not await one.shared.fill_many([Fill(TAG, token, data, 60)])


async def test_l2_is_used_only_once_an_epoch_was_agreed_on(pool: Pool, settings: Settings) -> None:
    async with caches(settings) as one:
        assert not one.shared.trusted
        async with Supervisor(one.jobs(hears=False), stop_deadline=5):
            await until(lambda: one.shared.trusted)
        assert one.shared.epoch == await epoch(pool) == 2


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


async def test_nobody_believes_a_redis_that_the_others_have_left(
    pool: Pool, settings: Settings, valkey: PrivateValkey, other_valkey: PrivateValkey
) -> None:
    """Two masters, as in a failover that not all have noticed: what one instance removes, the other
    does not see, so one of them must do without L2.
    """
    async with (
        instance(replace(settings, redis_url=valkey.url)) as left_behind,
        instance(replace(settings, redis_url=other_valkey.url)) as ahead,
    ):
        await until(lambda: not left_behind.shared.trusted)
        assert ahead.shared.trusted
        assert ahead.shared.epoch == await epoch(pool)


async def test_the_last_one_on_a_redis_does_not_wait_for_ever(
    pool: Pool,
    settings: Settings,
    valkey: PrivateValkey,
    other_valkey: PrivateValkey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever agreed on the other Redis has died meanwhile."""
    async with instance(replace(settings, redis_url=valkey.url)) as survivor:
        async with instance(replace(settings, redis_url=other_valkey.url)):
            await until(lambda: not survivor.shared.trusted)
        monkeypatch.setattr(trust, "PATIENCE", 0.2)
        await until(lambda: survivor.shared.trusted)
        assert survivor.shared.epoch == await epoch(pool)


async def test_two_releases_that_write_differently_do_not_share_l2(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay removes the keys of its own encoding only: those of the other release would stay."""
    async with instance(settings) as old:
        monkeypatch.setattr(trust, "CODEC_VERSION", CODEC_VERSION + 1)
        async with caches(settings) as new, Supervisor(new.jobs(hears=False), stop_deadline=5):
            await until(lambda: new.shared.trusted or old.shared.trusted)
            assert new.shared.epoch != old.shared.epoch or not (new.shared.trusted and old.shared.trusted)
