"""An instance whose PostgreSQL alone is silent: it trusts its caches on the word of others, and no longer than that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from uuid import UUID

from msgspec.structs import replace

from app.cache.read_set import ReadSet
from app.db import outbox
from app.db.pool import Pool
from app.domain import tags
from app.domain.entry import DnoYear
from app.settings import Settings
from loaders.regions import TARIFFS
from tests import factories as make
from tests.integration.jobs.instances import Instance
from tests.integration.jobs.instances import instance as an_instance
from tests.integration.jobs.test_validity import BOUND, emptied, port_of, set_price
from tests.proxy import Proxies
from tests.servers import PrivateValkey
from tests.waiting import until


@dataclass
class Scene:
    proxies: Proxies
    alone: Instance  # its PostgreSQL is behind the proxy "postgres"
    other: Instance  # its Redis is behind the proxy "redis"
    key: DnoYear
    entry: UUID

    @property
    def tag(self) -> str:
        return tags.tariffs(self.key)

    async def price(self) -> str:
        """As `alone` reads it."""
        found = await self.alone.read_through.get_many(TARIFFS, [self.key], ReadSet())
        [tariff] = found[self.key] or ()
        return str(tariff.leistung)

    @property
    def answers(self) -> bool:
        return self.alone.memory.get(self.tag) is not None or self.alone.shared.trusted


@asynccontextmanager
async def scene(pool: Pool, settings: Settings, valkey: PrivateValkey) -> AsyncIterator[Scene]:
    tariff = await make.tariff(pool, await make.dno(pool), leistung="1")
    async with Proxies() as proxies:
        where = int(settings.database_url.rpartition(":")[2].partition("/")[0])
        postgres = await proxies.open("postgres", where)
        redis = await proxies.open("redis", port_of(valkey))
        settings = replace(settings, redis_url=valkey.url, database_connect_timeout=1.0)
        apart = replace(settings, database_url=settings.database_url.replace(f":{where}/", f":{postgres}/"))
        behind = replace(settings, redis_url=valkey.url.replace(f":{port_of(valkey)}", f":{redis}"))
        async with an_instance(apart) as alone, an_instance(behind) as other:
            await emptied(pool)
            made = Scene(proxies, alone, other, DnoYear(tariff.dno_id, tariff.year), tariff.id)
            assert await made.price() == "1"
            assert alone.memory.get(made.tag) is not None
            yield made


async def silence(made: Scene) -> None:
    await made.proxies.hold("postgres")
    await made.proxies.reset("postgres")


async def test_it_goes_on_answering_and_shows_what_others_change(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    async with scene(pool, settings, valkey) as made:
        statements = made.alone.pool.statements
        await silence(made)
        until_then = monotonic() + 4
        while monotonic() < until_then:
            assert made.alone.memory.enabled
            assert made.alone.shared.trusted
            assert await made.price() == "1"
            await asyncio.sleep(0.05)
        assert made.alone.pool.statements == statements
        for price in ("2", "3", "4"):
            await set_price(pool, made.entry, price)
            await until(lambda: made.alone.memory.get(made.tag) is None, BOUND)
            # It cannot read by itself: the other one puts it into L2.
            await made.other.read_through.get_many(TARIFFS, [made.key], ReadSet())
            async with asyncio.timeout(10):
                while await made.alone.shared.get_many([made.tag]) == {}:
                    await asyncio.sleep(0.01)
            assert await made.price() == price


async def test_it_does_not_answer_once_nobody_attests(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    async with scene(pool, settings, valkey) as made:
        await silence(made)
        await made.proxies.hold("redis")
        await until(lambda: not made.answers, BOUND + 1)
        until_then = monotonic() + 2
        while monotonic() < until_then:
            assert not made.answers
            await asyncio.sleep(0.01)


async def test_a_heartbeat_that_was_long_on_its_way_attests_nothing(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """What the other instance sent before it was cut off reaches Redis after a change that it could not deliver."""
    async with scene(pool, settings, valkey) as made:
        await made.proxies.lag("redis", up=4)
        await asyncio.sleep(0.6)  # heartbeats of that time arrive after four seconds
        await silence(made)
        await until(lambda: not made.answers, BOUND + 1)
        await set_price(pool, made.entry, "2")
        until_then = monotonic() + 6
        while monotonic() < until_then:
            entry = made.alone.memory.get(made.tag)
            assert entry is None or str(entry.value[0].leistung) == "2"
            await asyncio.sleep(0.005)


async def test_silence_is_no_proof_while_others_reach_the_database(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """The other one sees that something waits, and cannot deliver it."""
    async with scene(pool, settings, valkey) as made, pool.connection() as third, third.transaction():
        await third.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await until(lambda: outbox.may_relay(third))
        await silence(made)
        await asyncio.sleep(BOUND)
        await set_price(pool, made.entry, "2")
        await until(lambda: not made.other.shared.trusted, BOUND + 1)
        await until(lambda: not made.answers, BOUND)
