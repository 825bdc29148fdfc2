"""The most requested records are read in advance, by one instance, and only while PostgreSQL is not busy."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from app.cache.redis import Fill
from app.db.leader_lock import leader_lock
from app.db.pool import Pool
from app.db.query_logs import AskedQuestion, fetch_most_asked, insert_many
from app.domain import tags
from app.domain.entry import DnoYear
from app.jobs import cache_warmer
from app.jobs.cache_warmer import CacheWarmer
from app.settings import Settings
from tests import factories as make
from tests.integration.jobs.caches_with_jobs import running_caches


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_warmer, "BETWEEN", 0)


async def log_questions(pool: Pool, key: DnoYear, times: int) -> None:
    question = AskedQuestion(datetime.now(UTC), "?", key.dno_id, key.year, None, None, 0.9, 1, False)
    await insert_many(pool, [question] * times)


async def popular(pool: Pool) -> list[DnoYear]:
    """Three keys, the most requested first."""
    dno = await make.dno(pool)
    keys = [DnoYear(dno.id, year) for year in (2023, 2025, 2024)]
    for times, key in zip((5, 3, 1), keys, strict=True):
        await log_questions(pool, key, times)
    return keys


async def test_the_most_requested_records_are_read_first(pool: Pool, settings: Settings) -> None:
    keys = await popular(pool)
    read: list[DnoYear] = []

    async def load(key: DnoYear) -> None:
        read.append(key)

    async with running_caches(replace(settings, max_warmed_pairs=2)) as one:
        assert await CacheWarmer(pool, one.shared, load, one.settings).warm() == 2
    assert read == keys[:2]


async def test_one_instance_warms_at_a_time(pool: Pool, settings: Settings) -> None:
    await popular(pool)
    async with running_caches(settings) as one, leader_lock("cache warmer", settings):
        assert await CacheWarmer(pool, one.shared, _not_called, settings).warm() == 0


async def test_it_stops_while_no_connection_is_free(pool: Pool, settings: Settings) -> None:
    await popular(pool)
    async with running_caches(settings) as one, AsyncExitStack() as busy:
        warmer = CacheWarmer(one.pool, one.shared, _not_called, replace(settings, max_database_connections=1))
        read = fetch_most_asked

        async def fetch_then_take_all_connections(*arguments: object) -> tuple[DnoYear, ...]:
            keys = await read(*arguments)  # type: ignore[arg-type]
            while one.pool.idle:
                await busy.enter_async_context(one.pool.connection())
            return keys

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cache_warmer, "fetch_most_asked", fetch_then_take_all_connections)
            assert await warmer.warm() == 0


async def test_it_stops_when_a_read_is_slow(
    pool: Pool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_warmer, "BUSY", 0.01)
    keys = await popular(pool)
    read: list[DnoYear] = []

    async def slowly(key: DnoYear) -> None:
        read.append(key)
        await asyncio.sleep(0.02)

    async with running_caches(settings) as one:
        await CacheWarmer(pool, one.shared, slowly, settings).warm()
    assert read == keys[:1]


async def test_a_metric_counts_records_that_were_still_cached(pool: Pool, settings: Settings) -> None:
    key, *_ = await popular(pool)

    async def load(_: DnoYear) -> None: ...

    async with running_caches(settings) as one:
        [token] = (await one.shared.lease_many([tags.tariffs(key)])).values()
        assert token is not None
        await one.shared.fill_many([Fill(tags.tariffs(key), token, b"kept", 60)])
        before = outcomes()
        await CacheWarmer(pool, one.shared, load, settings).warm()
    hits, misses = (after - earlier for after, earlier in zip(outcomes(), before, strict=True))
    assert (hits, misses) == (1, 11)


def outcomes() -> tuple[float, float]:
    hit, miss = (
        REGISTRY.get_sample_value("dno_cache_warmed_reads_total", {"outcome": outcome}) or 0.0
        for outcome in ("hit", "miss")
    )
    return hit, miss


async def _not_called(key: DnoYear) -> None:
    raise AssertionError("nothing was to be read")
