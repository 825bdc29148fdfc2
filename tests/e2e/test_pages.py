"""Pages in a browser: at two widths, with and without JavaScript, and for screen readers."""

from pathlib import Path

import pytest

from tests.e2e.axe import needs_axe, set_scheme, violations_of
from tests.e2e.browser import CHROMIUM, Page, open_page
from tests.e2e.paths import PATHS

COMPLETE = "document.readyState === 'complete'"
WIDTHS = (1280, 390, 360)

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


async def open_path(page: Page, address: str) -> None:
    await page.evaluate("window.left = true")
    await page.command("Page.navigate", url=address)
    await page.wait_for("!window.left && document.readyState === 'complete'")


async def set_width(page: Page, width: int) -> None:
    await page.command(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=850,
        deviceScaleFactor=1,
        mobile=width < 500,
    )


@needs_browser
async def test_pages_fit_their_width_and_request_nothing_from_other_hosts(
    server: str, tmp_path: Path
) -> None:
    async with open_page("about:blank") as page:
        for path in PATHS:
            for width in WIDTHS:
                await set_width(page, width)
                await open_path(page, server + path)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
                await page.screenshot(tmp_path / f"{PATHS.index(path)}-{width}.png")
    assert {url for url in page.requests if not url.startswith((f"{server}/", "about:"))} == set()
    assert [each for each in page.complaints if "status of 40" not in each] == []


@needs_browser
async def test_pages_fit_their_width_whatever_names_operators_have(server: str) -> None:
    lengthen = (
        "(() => { const links = document.querySelectorAll('main a[href*=\"/operators/\"], .chosen a, .actions a');"
        " for (const link of links) link.textContent = 'Elektrizitätsversorgungs'.repeat(4) + ' & Söhne';"
        " return links.length })()"
    )
    async with open_page("about:blank") as page:
        await set_width(page, 390)
        of_many = [path for path in PATHS if "/operators/" not in path]
        lengthened = {}
        for path in of_many:
            await open_path(page, server + path)
            lengthened[path] = await page.evaluate(lengthen)
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
    with_operators = [
        path for path in of_many if path.startswith(("/operators", "/en/compare", "/ranking", "/changes"))
    ]
    assert all(lengthened[path] > 0 for path in with_operators), lengthened


@needs_browser
@needs_axe
@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_have_no_violations_that_axe_finds(server: str, scheme: str) -> None:
    async with open_page("about:blank") as page:
        await set_scheme(page, scheme)
        for path in PATHS:
            for width in WIDTHS[:2]:
                await set_width(page, width)
                await open_path(page, server + path)
                assert await violations_of(page) == [], (path, width)


@needs_browser
async def test_the_table_of_operators_follows_what_is_typed(server: str) -> None:
    async with open_page(f"{server}/en/operators") as page:
        await page.wait_for(
            "document.readyState === 'complete' && document.querySelectorAll('tbody tr').length > 10"
        )
        await page.evaluate(
            "window.same = true; const field = document.querySelector('[name=search]'); field.value = 'n-ergie';"
            " field.dispatchEvent(new Event('input', { bubbles: true }))"
        )
        await page.wait_for("document.querySelectorAll('tbody tr').length === 1")
        assert await page.evaluate("window.same && location.search") == "?search=n-ergie"
        assert "N-ERGIE" in await page.evaluate("document.querySelector('tbody').textContent")
    assert page.complaints == []


@needs_browser
async def test_without_javascript_forms_and_links_lead_to_the_same_pages(server: str) -> None:
    async with open_page("about:blank") as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=True)
        await page.command("Page.navigate", url=f"{server}/en/operators")
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('tbody tr').length > 10")
        await page.evaluate(
            "document.querySelector('[name=search]').value = 'n-ergie'; document.querySelector('form button').click()"
        )
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('tbody tr').length === 1")
        await page.evaluate("document.querySelector('tbody a').click()")
        await page.wait_for(
            f"{COMPLETE} && document.querySelector('h1')?.textContent.includes('N-ERGIE Netz')"
        )


@needs_browser
async def test_without_javascript_the_home_page_answers(server: str) -> None:
    async with open_page("about:blank") as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=True)
        await page.command("Page.navigate", url=f"{server}/en?q=grid+charges+N-ERGIE+2025+MS")
        await page.wait_for(
            f"{COMPLETE} && document.querySelector('.answer')?.textContent.includes('180.61')"
        )
