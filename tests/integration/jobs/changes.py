"""Changes of one tariff, with plain SQL and as a mutation makes them; the backlog of the outbox; the lock of relays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from math import inf
from uuid import UUID

from app.db import outbox, tariffs
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain import tags
from app.domain.account import Principal, Role
from app.domain.correction import TariffCorrection
from app.domain.entry import DnoYear
from app.domain.event import Event
from app.domain.tariff import Tariff
from tests.integration.jobs.caches_with_jobs import CachesWithJobs
from tests.waiting import until

TAG = "operator:1"


def tag_of(tariff: Tariff) -> str:
    return tags.tariffs(DnoYear(tariff.dno_id, tariff.year))


def keep_in_l1(one: CachesWithJobs, tag: str = TAG) -> None:
    assert one.memory.keep(tag, "old", size=1, tags=(tag,), until=inf, since=one.memory.now())


async def update_by_sql(pool: Pool, tariff_id: UUID, *prices: str) -> None:
    """As psql does: only triggers and the relay deliver the changes."""
    async with pool.connection() as connection:
        for price in prices:
            await connection.execute(
                "UPDATE netzentgelte_data SET leistung = $2 WHERE id = $1", tariff_id, Decimal(price)
            )


async def correct_in_database(pool: Pool, tariff_id: UUID, price: str) -> list[Event]:
    """A mutation up to its commit: nothing is removed from caches or published yet."""
    async with unit_of_work(pool, Principal(Role.EDITOR, name="ada@example.org")) as work:
        await tariffs.correct(work, TariffCorrection(id=tariff_id, prices={"leistung": Decimal(price)}))
    return work.events


async def correct(one: CachesWithJobs, tariff_id: UUID, price: str) -> bool:
    """A whole mutation: committed, removed from caches and published. True if Redis has confirmed the removal."""
    events = await correct_in_database(one.pool, tariff_id, price)
    return await one.invalidator.invalidate(tags.of_all(events), [event.id for event in events])


@asynccontextmanager
async def relay_lock_held(pool: Pool) -> AsyncIterator[None]:
    """Holds the lock of relays, as another relay would."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await until(lambda: outbox.may_relay(connection))
        yield


async def backlog(pool: Pool) -> int:
    return (await outbox.fetch_outbox_status(pool)).backlog
