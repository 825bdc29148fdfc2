"""The open list of changes follows what is changed elsewhere."""

from collections.abc import AsyncIterator

import pytest

from app.db.pool import Pool
from app.domain.tariff import Tariff
from app.settings import Settings
from tests import factories as make
from tests.e2e.browser import open_page
from tests.e2e.test_pages import needs_browser
from tests.integration.graph.running import Running, running
from tests.waiting import until

pytestmark = needs_browser


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    return await make.tariff(pool, await make.dno(pool, name="Netze Adorf"), 2025, leistung="58.20")


@pytest.fixture
async def server(settings: Settings, pool: Pool, tariff: Tariff) -> AsyncIterator[Running]:
    async with running(settings) as started:
        await started.delivered()
        yield started


async def test_a_change_appears_at_the_top_of_the_open_list_by_itself(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    async with open_page(server.url.removesuffix("/graphql") + "/en/changes?family=NETZENTGELTE") as page:
        await page.wait_for("document.querySelectorAll('.changes > li').length === 1")
        await page.evaluate("window.same = document.querySelector('.changes > li')")
        await until(lambda: server.subscribers == 1)
        await pool.fetch("UPDATE netzentgelte_data SET leistung = 59.10 WHERE id = $1", tariff.id)
        await page.wait_for("document.querySelectorAll('.changes > li').length === 2")
        newest = await page.evaluate("document.querySelector('.changes > li').textContent")
        assert "corrected" in newest
        assert "59.10" in newest
        assert await page.evaluate("document.querySelectorAll('.changes > li')[1] === window.same")
    assert page.complaints == []


async def test_older_changes_are_not_followed(server: Running, pool: Pool, tariff: Tariff) -> None:
    base = server.url.removesuffix("/graphql")
    for number in range(51):
        await pool.fetch("UPDATE netzentgelte_data SET leistung = $2 WHERE id = $1", tariff.id, 60 + number)
    await server.delivered()
    async with open_page(f"{base}/en/changes") as page:
        await page.wait_for("document.querySelector('[rel=next]') !== null")
        assert await page.evaluate("'liveSubject' in document.getElementById('content').dataset")
        await page.evaluate("document.querySelector('[rel=next]').click()")
        await page.wait_for("document.readyState === 'complete' && location.search.includes('after')")
        assert not await page.evaluate("'liveSubject' in document.getElementById('content').dataset")
        assert await page.evaluate("document.querySelectorAll('.changes > li').length") == 2
