"""An instance that alone cannot reach PostgreSQL trusts its caches as long as other instances attest that they can."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from msgspec.structs import replace

from app.cache.read_set import ReadSet
from app.db.pool import Pool
from app.domain import tags
from app.domain.entry import DnoYear
from app.settings import Settings
from loaders.regions import TARIFFS
from tests import factories as make
from tests.integration.jobs.caches_with_jobs import CachesWithJobs, running_caches
from tests.integration.jobs.changes import relay_lock_held, update_by_sql
from tests.integration.jobs.test_validity import BOUND, port_of
from tests.proxy import Proxies
from tests.servers import PrivateValkey
from tests.waiting import until, until_delivered


@dataclass
class Partition:
    proxies: Proxies
    isolated: CachesWithJobs  # its PostgreSQL is behind the proxy "postgres"
    other: CachesWithJobs  # its Redis is behind the proxy "redis"
    key: DnoYear
    entry: UUID

    @property
    def tag(self) -> str:
        return tags.tariffs(self.key)

    async def price(self) -> str:
        """As `isolated` reads it."""
        found = await self.isolated.read_through.get_many(TARIFFS, [self.key], ReadSet())
        [tariff] = found[self.key] or ()
        return str(tariff.leistung)

    async def fill_l2(self) -> bool:
        """A fill that meets a late invalidation is rejected, and the next read fills again."""
        await self.other.read_through.get_many(TARIFFS, [self.key], ReadSet())
        return bool(await self.isolated.shared.get_many([self.tag]))

    @property
    def uses_caches(self) -> bool:
        return self.isolated.memory.get(self.tag) is not None or self.isolated.shared.trusted


@asynccontextmanager
async def partition(pool: Pool, settings: Settings, valkey: PrivateValkey) -> AsyncIterator[Partition]:
    tariff = await make.tariff(pool, await make.dno(pool), leistung="1")
    async with Proxies() as proxies:
        where = int(settings.database_url.rpartition(":")[2].partition("/")[0])
        postgres = await proxies.open("postgres", where)
        redis = await proxies.open("redis", port_of(valkey))
        settings = replace(settings, redis_url=valkey.url, database_connect_timeout=1.0)
        apart = replace(settings, database_url=settings.database_url.replace(f":{where}/", f":{postgres}/"))
        behind = replace(settings, redis_url=valkey.url.replace(f":{port_of(valkey)}", f":{redis}"))
        async with running_caches(apart) as isolated, running_caches(behind) as other:
            await until_delivered(pool)
            partitioned = Partition(proxies, isolated, other, DnoYear(tariff.dno_id, tariff.year), tariff.id)
            assert await partitioned.price() == "1"
            assert isolated.memory.get(partitioned.tag) is not None
            yield partitioned


async def block_postgres(partitioned: Partition) -> None:
    await partitioned.proxies.hold("postgres")
    await partitioned.proxies.reset("postgres")


async def test_it_continues_to_answer_and_shows_changes_of_other_instances(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    async with partition(pool, settings, valkey) as partitioned:
        statements = partitioned.isolated.pool.statements
        await block_postgres(partitioned)
        until_then = monotonic() + 4
        while monotonic() < until_then:
            assert partitioned.isolated.memory.enabled
            assert partitioned.isolated.shared.trusted
            assert await partitioned.price() == "1"
            await asyncio.sleep(0.05)
        assert partitioned.isolated.pool.statements == statements
        for price in ("2", "3", "4"):
            await update_by_sql(pool, partitioned.entry, price)
            await until(lambda: partitioned.isolated.memory.get(partitioned.tag) is None, BOUND)
            # It cannot read PostgreSQL: the other instance puts the value into L2.
            await until(partitioned.fill_l2)
            assert await partitioned.price() == price


async def test_it_stops_using_its_caches_once_no_instance_attests(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    async with partition(pool, settings, valkey) as partitioned:
        await block_postgres(partitioned)
        await partitioned.proxies.hold("redis")
        await until(lambda: not partitioned.uses_caches, BOUND + 1)
        until_then = monotonic() + 2
        while monotonic() < until_then:
            assert not partitioned.uses_caches
            await asyncio.sleep(0.01)


async def test_a_delayed_heartbeat_attests_nothing(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """Heartbeats sent before the other instance was cut off reach Redis after a change that it could not deliver."""
    async with partition(pool, settings, valkey) as partitioned:
        await partitioned.proxies.lag("redis", up=4)
        await asyncio.sleep(0.6)  # heartbeats of that time arrive after four seconds
        await block_postgres(partitioned)
        await until(lambda: not partitioned.uses_caches, BOUND + 1)
        await update_by_sql(pool, partitioned.entry, "2")
        until_then = monotonic() + 6
        while monotonic() < until_then:
            entry = partitioned.isolated.memory.get(partitioned.tag)
            assert entry is None or str(entry.value[0].leistung) == "2"
            await asyncio.sleep(0.005)


async def test_missing_heartbeats_prove_nothing_while_others_reach_the_database(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """The other instance sees an event in the outbox and cannot deliver it."""
    async with (
        partition(pool, settings, valkey) as partitioned,
        relay_lock_held(pool),
    ):
        await block_postgres(partitioned)
        await asyncio.sleep(BOUND)
        await update_by_sql(pool, partitioned.entry, "2")
        await until(lambda: not partitioned.other.shared.trusted, BOUND + 1)
        await until(lambda: not partitioned.uses_caches, BOUND)
