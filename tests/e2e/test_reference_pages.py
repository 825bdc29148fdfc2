"""Coverage, changes and documentation in a browser: at three widths, in both schemes, with and without JavaScript."""

import pytest

from tests.e2e.axe import needs_axe, set_scheme, violations_of
from tests.e2e.browser import open_page
from tests.e2e.test_pages import COMPLETE, WIDTHS, needs_browser, open_path, set_width

PATHS = (
    "/coverage?family=HLZF",
    "/de/changes",
    "/en/changes?dno=n-ergie-netz",
    "/docs",
    "/de/docs/configuration",
    "/docs/decisions/0070-pages",
    "/docs/api",
)


@needs_browser
async def test_reference_pages_fit_their_width_and_request_nothing_from_other_hosts(server: str) -> None:
    async with open_page("about:blank") as page:
        for path in PATHS:
            for width in WIDTHS:
                await set_width(page, width)
                await open_path(page, server + path)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
    assert {url for url in page.requests if not url.startswith((f"{server}/", "about:"))} == set()
    assert page.complaints == []


@needs_browser
async def test_the_description_of_the_rest_api_stays_in_its_column(server: str) -> None:
    """Also the members of members, between the widths of telephones and of screens, and beside the contents."""
    beyond = (
        "(() => { const article = document.querySelector('article');"
        " const right = article.getBoundingClientRect().right;"
        " return [...article.querySelectorAll('dt, dd, dd code, dd span')]"
        ".filter((each) => each.getBoundingClientRect().right > right + 1 || each.offsetWidth === 0)"
        ".map((each) => each.textContent.slice(0, 40)) })()"
    )
    async with open_page("about:blank") as page:
        for width in (390, 560, 640, 800, 1025, 1280):
            await set_width(page, width)
            await open_path(page, f"{server}/docs/api")
            assert await page.evaluate(beyond) == [], width


@needs_browser
@needs_axe
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_reference_pages_have_no_violations_that_axe_finds(server: str, scheme: str, path: str) -> None:
    async with open_page("about:blank") as page:
        await set_scheme(page, scheme)
        for width in WIDTHS[:2]:
            await set_width(page, width)
            await open_path(page, server + path)
            assert await violations_of(page) == [], width


@needs_browser
async def test_without_javascript_a_cell_of_coverage_leads_to_its_operators(server: str) -> None:
    async with open_page("about:blank") as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=True)
        await page.command("Page.navigate", url=f"{server}/en/coverage")
        await page.wait_for(f"{COMPLETE} && document.querySelector('.heat .share-2 a') !== null")
        count = await page.evaluate("parseInt(document.querySelector('.heat .share-2 a').textContent)")
        await page.evaluate("document.querySelector('.heat .share-2 a').click()")
        await page.wait_for(
            f"{COMPLETE} && document.querySelector('.summary')?.textContent.startsWith('{count} operator')"
        )


@needs_browser
async def test_without_javascript_changes_are_filtered_and_paged(server: str) -> None:
    async with open_page("about:blank") as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=True)
        await page.command("Page.navigate", url=f"{server}/en/changes")
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('.changes > li').length === 50")
        first = await page.evaluate("document.querySelector('.changes > li').id")
        await page.evaluate("document.querySelector('[rel=next]').click()")
        await page.wait_for(
            f"{COMPLETE} && (document.querySelector('.changes > li')?.id ?? '{first}') !== '{first}'"
        )
        await page.evaluate(
            "document.querySelector('[name=family]').value = 'LEVY'; document.querySelector('form button').click()"
        )
        await page.wait_for(
            f"{COMPLETE} && location.search.includes('LEVY') && document.querySelector('.what')?.textContent.includes('levy')"
        )


@needs_browser
async def test_without_javascript_the_documentation_leads_from_page_to_page(server: str) -> None:
    async with open_page("about:blank") as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=True)
        await page.command("Page.navigate", url=f"{server}/de/docs")
        await page.wait_for(
            f"{COMPLETE} && document.querySelector('article a[href=\"/de/docs/limits\"]') !== null"
        )
        await page.evaluate("document.querySelector('article a[href=\"/de/docs/limits\"]').click()")
        await page.wait_for(f"{COMPLETE} && document.querySelector('article h1')?.textContent === 'Limits'")
