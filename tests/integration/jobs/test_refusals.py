"""Redis is reachable but rejects commands: no reader is served an outdated value, and trust returns afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from time import monotonic

import pytest
from msgspec.structs import replace

from app.cache.read_set import ReadSet
from app.db.pool import Pool
from app.domain.entry import DnoYear
from app.domain.tariff import Tariff
from app.http.readiness import State, readiness_of
from app.settings import Settings
from loaders import regions
from tests import factories as make
from tests.integration.jobs.caches_with_jobs import CachesWithJobs, running_caches
from tests.integration.jobs.changes import backlog, correct, tag_of, update_by_sql
from tests.refusals import REFUSALS
from tests.servers import PrivateValkey
from tests.waiting import PATIENT, until, until_delivered

# Longer than the documented bound: these tests check order, on a machine that may be busy.
SOON = 30.0
# Redis still executes removals in these cases.
REMOVALS_ALLOWED = ("OOM", "NOPERM to read", "NOPERM to run scripts")


class Reader:
    """One price, as an instance returns it."""

    def __init__(self, one: CachesWithJobs, tariff: Tariff) -> None:
        self._one = one
        self._tariff = tariff

    async def price(self) -> Decimal | None:
        key = DnoYear(self._tariff.dno_id, self._tariff.year)
        found = await self._one.read_through.get_many(regions.TARIFFS, [key], ReadSet())
        assert found[key] is not None
        return next(entry.leistung for entry in found[key] or () if entry.id == self._tariff.id)

    async def until_price(self, price: str) -> None:
        async def matches() -> bool:
            return await self.price() == Decimal(price)

        await until(matches, SOON)

    async def stays(self, price: str, seconds: float = 0.7) -> None:
        end = monotonic() + seconds
        while monotonic() < end:
            assert await self.price() == Decimal(price)
            await asyncio.sleep(0.01)


async def redis_state(one: CachesWithJobs) -> State:
    report = await readiness_of(one.pool, one.shared, one.memory, one.settings).report()
    return report.resources["redis"].status


@asynccontextmanager
async def two_warm_instances(
    settings: Settings, tariff: Tariff
) -> AsyncIterator[tuple[CachesWithJobs, CachesWithJobs, Reader, Reader]]:
    """The price is in both L1s and in L2."""
    async with running_caches(settings) as one, running_caches(settings) as other:
        here, there = Reader(one, tariff), Reader(other, tariff)
        for reader in (here, there, here, there):
            assert await reader.price() == Decimal("58.21")
        await until_in_l2(one, here, tariff)
        yield one, other, here, there


async def until_in_l2(one: CachesWithJobs, reader: Reader, tariff: Tariff) -> None:
    """A fill is given up where Redis takes long to answer, and a price in L1 is not filled again: it is read again then."""

    async def filled() -> bool:
        if await in_l2(one, tariff):
            return True
        one.memory.clear()
        await reader.price()
        return False

    await until(filled)


async def in_l2(one: CachesWithJobs, tariff: Tariff) -> bool:
    tag = tag_of(tariff)
    return tag in await one.shared.get_many([tag])


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    return await make.tariff(pool, await make.dno(pool))


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_correction_is_visible_while_redis_rejects_commands(
    kind: str, pool: Pool, tariff: Tariff, settings: Settings, valkey: PrivateValkey
) -> None:
    settings = replace(settings, redis_url=valkey.url, **PATIENT)
    async with two_warm_instances(settings, tariff) as (one, other, here, there):
        REFUSALS[kind].begin(valkey)
        await correct(one, tariff.id, "60.00")
        assert await here.price() == Decimal("60.00")
        await there.until_price("60.00")
        await asyncio.gather(here.stays("60.00"), there.stays("60.00"))
        for each in (one, other):
            assert await redis_state(each) is not State.UP
        if kind not in REMOVALS_ALLOWED:
            assert await backlog(pool) == 1

        await correct(other, tariff.id, "61.00")
        assert await there.price() == Decimal("61.00")
        await here.until_price("61.00")
        await update_by_sql(pool, tariff.id, "62.00")
        await asyncio.gather(here.until_price("62.00"), there.until_price("62.00"))
        await asyncio.gather(here.stays("62.00"), there.stays("62.00"))

        REFUSALS[kind].end(valkey)
        await until_delivered(pool, SOON)
        for each in (one, other):
            await until(lambda: is_up(each))  # noqa: B023 - awaited at once
        await asyncio.gather(here.stays("62.00", 0.2), there.stays("62.00", 0.2))
        await until_in_l2(one, here, tariff)
        other.memory.clear()
        assert await there.price() == Decimal("62.00")
        assert await correct(one, tariff.id, "63.00")
        assert await here.price() == Decimal("63.00")
        await there.until_price("63.00")


@pytest.mark.parametrize("kind", REMOVALS_ALLOWED)
async def test_a_correction_is_delivered_where_redis_still_executes_removals(
    kind: str, pool: Pool, tariff: Tariff, settings: Settings, valkey: PrivateValkey
) -> None:
    """Until a command is rejected: then L2 is distrusted, and the relay waits. So nothing is read or probed here."""
    settings = replace(settings, redis_url=valkey.url, **PATIENT, max_missed_heartbeats=1000)
    async with two_warm_instances(settings, tariff) as (one, _, here, there):
        REFUSALS[kind].begin(valkey)
        await correct(one, tariff.id, "60.00")
        await until_delivered(pool, SOON)
        assert await backlog(pool) == 0
        assert await here.price() == Decimal("60.00")
        await there.until_price("60.00")


async def is_up(one: CachesWithJobs) -> bool:
    return one.memory.enabled and one.shared.trusted and await redis_state(one) is State.UP


@pytest.mark.parametrize("kind", REFUSALS)
async def test_rejected_commands_are_detected_without_a_correction(
    kind: str, pool: Pool, tariff: Tariff, settings: Settings, valkey: PrivateValkey
) -> None:
    """Reads of cached values alone would never reveal them."""
    settings = replace(settings, redis_url=valkey.url, redis_timeout=5.0)
    async with two_warm_instances(settings, tariff) as (one, _, here, _):
        REFUSALS[kind].begin(valkey)
        async with asyncio.timeout(SOON):
            while one.shared.trusted:
                assert await here.price() == Decimal("58.21")
                await asyncio.sleep(0.01)
        assert await redis_state(one) is not State.UP
        REFUSALS[kind].end(valkey)
        await until(lambda: is_up(one))
