"""Redis answers and refuses: no reader is served what a correction has made untrue, and all is well afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from time import monotonic

import pytest
from msgspec.structs import replace

from app.cache.read_set import ReadSet
from app.db import tariffs
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain import tags
from app.domain.account import Principal, Role
from app.domain.correction import TariffCorrection
from app.domain.entry import DnoYear
from app.domain.tariff import Tariff
from app.http.health import State, readiness_of
from app.settings import Settings
from loaders import regions
from tests import factories as make
from tests.integration.jobs.instances import Instance, instance
from tests.integration.jobs.test_outbox_relay import backlog, by_hand, drained
from tests.refusals import REFUSALS
from tests.servers import PrivateValkey
from tests.waiting import until

# Not the bound of the documentation: these tests are about order, on a machine that may be busy.
SOON = 10.0
# Only fills are refused there.
REMOVES_ALL_THE_SAME = ("OOM", "NOPERM to run scripts")


class Reader:
    """One price, as an instance tells it."""

    def __init__(self, one: Instance, tariff: Tariff) -> None:
        self._one = one
        self._tariff = tariff

    async def price(self) -> Decimal | None:
        key = DnoYear(self._tariff.dno_id, self._tariff.year)
        found = await self._one.read_through.get_many(regions.TARIFFS, [key], ReadSet())
        assert found[key] is not None
        return next(entry.leistung for entry in found[key] or () if entry.id == self._tariff.id)

    async def until_it_is(self, price: str) -> None:
        async with asyncio.timeout(SOON):
            while await self.price() != Decimal(price):
                await asyncio.sleep(0.002)

    async def stays(self, price: str, seconds: float = 0.7) -> None:
        until = monotonic() + seconds
        while monotonic() < until:
            assert await self.price() == Decimal(price)
            await asyncio.sleep(0.01)


async def correct(one: Instance, tariff: Tariff, price: str) -> bool:
    """As a mutation does; tells whether Redis confirmed it."""
    async with unit_of_work(one.pool, Principal(Role.EDITOR)) as work:
        await tariffs.correct(work, TariffCorrection(id=tariff.id, prices={"leistung": Decimal(price)}))
    touched = tags.of_all(work.events)
    return await one.invalidator.invalidate(touched, [event.id for event in work.events])


async def redis_state(one: Instance) -> State:
    report = await readiness_of(one.pool, one.shared, one.memory, one.settings).report()
    return report.resources["redis"].status


@asynccontextmanager
async def two_warm_instances(
    settings: Settings, tariff: Tariff
) -> AsyncIterator[tuple[Instance, Instance, Reader, Reader]]:
    """What both know is in L1 and in L2."""
    async with instance(settings) as one, instance(settings) as other:
        here, there = Reader(one, tariff), Reader(other, tariff)
        for reader in (here, there, here, there):
            assert await reader.price() == Decimal("58.21")
        await until(lambda: in_l2(one, tariff))
        yield one, other, here, there


async def in_l2(one: Instance, tariff: Tariff) -> bool:
    tag = tags.tariffs(DnoYear(tariff.dno_id, tariff.year))
    return tag in await one.shared.get_many([tag])


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    return await make.tariff(pool, await make.dno(pool))


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_correction_while_redis_refuses(
    kind: str, pool: Pool, tariff: Tariff, settings: Settings, valkey: PrivateValkey
) -> None:
    settings = replace(settings, redis_url=valkey.url)
    async with two_warm_instances(settings, tariff) as (one, other, here, there):
        REFUSALS[kind].begin(valkey)
        await correct(one, tariff, "60.00")
        assert await here.price() == Decimal("60.00")
        await there.until_it_is("60.00")
        await asyncio.gather(here.stays("60.00"), there.stays("60.00"))
        for each in (one, other):
            assert await redis_state(each) is not State.UP
        assert await backlog(pool) == (0 if kind in REMOVES_ALL_THE_SAME else 1)

        await correct(other, tariff, "61.00")
        assert await there.price() == Decimal("61.00")
        await here.until_it_is("61.00")
        await by_hand(pool, tariff, "62.00")
        await asyncio.gather(here.until_it_is("62.00"), there.until_it_is("62.00"))
        await asyncio.gather(here.stays("62.00"), there.stays("62.00"))

        REFUSALS[kind].end(valkey)
        await drained(pool, SOON)
        for each in (one, other):
            await until(lambda: is_up(each))  # noqa: B023 - awaited at once
        await asyncio.gather(here.stays("62.00", 0.2), there.stays("62.00", 0.2))
        await until(lambda: in_l2(one, tariff))
        other.memory.clear()
        assert await there.price() == Decimal("62.00")
        assert await correct(one, tariff, "63.00")
        assert await here.price() == Decimal("63.00")
        await there.until_it_is("63.00")


async def is_up(one: Instance) -> bool:
    return one.memory.enabled and one.shared.trusted and await redis_state(one) is State.UP


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_refusal_is_found_without_a_correction(
    kind: str, pool: Pool, tariff: Tariff, settings: Settings, valkey: PrivateValkey
) -> None:
    """Readers of what is cached would go on for ever."""
    settings = replace(settings, redis_url=valkey.url)
    async with two_warm_instances(settings, tariff) as (one, _, here, _):
        REFUSALS[kind].begin(valkey)
        async with asyncio.timeout(SOON):
            while one.shared.trusted:
                assert await here.price() == Decimal("58.21")
                await asyncio.sleep(0.01)
        assert await redis_state(one) is not State.UP
        REFUSALS[kind].end(valkey)
        await until(lambda: is_up(one))
