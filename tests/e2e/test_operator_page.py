"""The page of an operator in a browser: prices over the years at two widths, without JavaScript."""

from datetime import datetime

import pytest

from app.db.pool import Pool
from app.domain import clock
from app.settings import Settings
from tests import factories as make
from tests.e2e.browser import open_page
from tests.e2e.test_pages import COMPLETE, needs_browser, set_width
from tests.integration.graph.running import running

LEFT_OVER = "[...document.querySelectorAll('.year-chart text, .year-chart .legend')].filter((each) => {\
 const box = each.getBoundingClientRect(); return box.left < 0 || box.right > innerWidth }).length"


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
async def test_without_javascript_the_prices_of_each_level_and_year_are_a_link_away(
    server: str, width: int
) -> None:
    async with open_page("about:blank") as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=True)
        await set_width(page, width)
        await page.command("Page.navigate", url=f"{server}/en/operators/stadtwerke-malchow?level=MS")
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('.year-chart').length === 2")
        assert await page.evaluate(LEFT_OVER) == 0
        # The newest charges are the first figures on the page.
        assert "119.08" in await page.evaluate("document.querySelector('table').textContent")
        await page.evaluate("document.querySelector('a[href*=\"level=NS\"]').click()")
        await page.wait_for(
            f"{COMPLETE} && document.querySelector('#years')?.textContent.includes('low voltage')"
        )
        await page.evaluate("document.querySelector('a[href*=\"/2018?level=NS\"]').click()")
        await page.wait_for(f"{COMPLETE} && document.querySelector('h1')?.textContent.includes('2018')")
        assert "low voltage" in await page.evaluate("document.querySelector('#years').textContent")


@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
async def test_without_javascript_the_history_and_all_levels_unfold(server: str, width: int) -> None:
    async with open_page("about:blank") as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=True)
        await set_width(page, width)
        await page.command("Page.navigate", url=f"{server}/en/operators/stadtwerke-malchow")
        await page.wait_for(f"{COMPLETE} && document.querySelector('.changes') !== null")
        assert await page.evaluate("document.querySelector('.changes').checkVisibility()") is False
        await page.evaluate("document.querySelectorAll('summary').forEach((each) => each.click())")
        await page.wait_for("document.querySelector('.changes').checkVisibility()")
        heights = await page.evaluate(
            "[...document.querySelectorAll('summary')].map((each) => each.getBoundingClientRect().height)"
        )
        assert min(heights) >= 44
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


@needs_browser
@pytest.mark.parametrize("price", ["11.7725", "999.9999"])
async def test_the_prices_beside_a_curve_are_not_cut_off(settings: Settings, pool: Pool, price: str) -> None:
    """A price without its first digit would be another one."""
    dno = await make.dno(pool)
    year = datetime.now(clock.GERMANY).year
    await make.time_of_use(pool, dno, year, price_ht="13.9615", price_st=price)
    beyond = (
        "[...document.querySelectorAll('.curve .price')].filter((each) => each.getBoundingClientRect().left"
        " < each.closest('svg').getBoundingClientRect().left).map((each) => each.textContent)"
    )
    async with running(settings) as server, open_page("about:blank") as page:
        await server.delivered()
        await set_width(page, 390)
        address = server.url.removesuffix("/graphql") + f"/en/operators/{dno.slug}"
        await page.command("Page.navigate", url=address)
        await page.wait_for(
            f"{COMPLETE} && document.querySelector('.curve')?.textContent.includes('{price}')"
        )
        assert await page.evaluate(beyond) == []
