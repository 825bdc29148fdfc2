"""`crawler` is a second database with the crawler's tables; `follow()` makes one pass over it."""

from collections.abc import AsyncIterator, Callable, Coroutine

import pytest

from app.db.pool import Pool
from app.importers.follow.passes import PassReport, Request, run_pass
from app.settings import Settings
from tests.crawler_database import CrawlerDatabase, crawler_database

Follow = Callable[..., Coroutine[None, None, PassReport]]


@pytest.fixture(scope="session")
async def _crawler(admin_url: str, worker_id: str) -> AsyncIterator[CrawlerDatabase]:
    async with crawler_database(admin_url, f"crawler_{worker_id}") as opened:
        yield opened


@pytest.fixture
async def crawler(_crawler: CrawlerDatabase) -> CrawlerDatabase:
    """Empty."""
    await _crawler.execute("TRUNCATE dnos RESTART IDENTITY CASCADE")
    return _crawler


@pytest.fixture
def follow(settings: Settings, pool: Pool, crawler: CrawlerDatabase) -> Follow:
    async def follow(**options: object) -> PassReport:
        report = await run_pass(Request(crawler.url, settings.database_url, 10, **options))
        assert report is not None
        return report

    return follow
