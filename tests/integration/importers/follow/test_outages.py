"""PostgreSQL servers that are killed in the midst of a pass: the next pass continues, and nothing is written twice."""

import asyncio

import pytest

from app.importers.follow.follower import FAILURES
from app.importers.follow.passes import Request, run_pass
from app.settings import Settings
from tests.crawler_database import CrawlerDatabase, crawler_database
from tests.servers import PrivatePostgres, fetchval
from tests.waiting import until, until_equal

ROWS = 6_000
FILL = f"""
    INSERT INTO dnos (slug, name) SELECT 'n' || n, 'Netze ' || n FROM generate_series(1, {ROWS // 20}) n;
    INSERT INTO netzentgelte (dno_id, year, voltage_level, leistung)
    SELECT id, year, level, id FROM dnos, generate_series(2017, 2026) year, unnest(ARRAY['MS', 'NS']) level
"""
COUNT = "SELECT count(*) FROM netzentgelte_data"


async def fails(request: Request) -> None:
    with pytest.raises(FAILURES):
        await run_pass(request)


async def completes(request: Request) -> None:
    await run_pass(request)
    assert await fetchval(request.database_url, COUNT) == ROWS
    assert await fetchval(request.database_url, "SELECT count(*) FROM revisions") == ROWS
    assert await fetchval(request.database_url, "SELECT problem FROM followed_source") is None


async def test_our_server_is_killed(private_postgres: PrivatePostgres, crawler: CrawlerDatabase) -> None:
    await crawler.execute(FILL)
    request = Request(crawler.url, private_postgres.url, 10)
    running = asyncio.create_task(fails(request))
    await until(lambda: fetchval(private_postgres.url, COUNT))
    await asyncio.to_thread(private_postgres.kill)
    await running
    await asyncio.to_thread(private_postgres.start)
    await until_equal(
        lambda: crawler.connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dno-api follow'"
        ),
        0,
    )
    await completes(request)


async def test_the_followed_server_is_killed(
    private_postgres: PrivatePostgres, settings: Settings, pool: object
) -> None:
    async with crawler_database(private_postgres.admin_url, "crawler") as crawler:
        await crawler.execute(FILL)
        request = Request(crawler.url, settings.database_url, 10)
        running = asyncio.create_task(fails(request))
        await until(lambda: fetchval(settings.database_url, COUNT))
        await asyncio.to_thread(private_postgres.kill)
        await running
        problem = await fetchval(settings.database_url, "SELECT problem FROM followed_source")
        assert "does not answer at the moment" in problem
        await fails(request)
        await asyncio.to_thread(private_postgres.start)
        await completes(request)
