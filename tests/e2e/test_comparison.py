"""Comparison, ranking and the operators at a postal code in a browser: without JavaScript, at narrow widths, in German."""

import json

import pytest

from tests.e2e.axe import needs_axe, violations_of
from tests.e2e.browser import Page, open_page
from tests.e2e.test_pages import COMPLETE, WIDTHS, needs_browser, open_path, set_width

PATHS = (
    "/de/compare?with=n-ergie-netz&with=netze-bw&with=bayernwerk-netz&with=regensburg-netz&with=e-dis-netz&profile=INDUSTRY",
    "/de/compare?with=n-ergie-netz&with=none&add=stadtwerke",
    "/de/compare?level=MS",
    "/de/ranking?profile=INDUSTRY&derived=true&dearest=true",
    "/de/ranking?kw=none",
    "/de/my-operator?postalCode=99999",
    "/de/my-operator?postalCode=44263",
    "/de/my-operator?postalCode=none",
)


async def without_scripts(page: Page, address: str) -> None:
    await page.command("Emulation.setScriptExecutionDisabled", value=True)
    await page.command("Page.navigate", url=address)
    await page.wait_for(f"{COMPLETE} && document.querySelector('main form') !== null")


async def submit(page: Page, **values: str) -> None:
    """Fills in the form of the page, and presses its button."""
    for name, value in values.items():
        await page.evaluate(f"document.querySelector('main form [name={name}]').value = {json.dumps(value)}")
    await page.evaluate("document.querySelector('main form button').click()")


async def follow(page: Page, link: str) -> None:
    """Selects the first link whose text has this part."""
    await page.evaluate(
        f"[...document.querySelectorAll('main a')].find((a) => a.textContent.includes({json.dumps(link)})).click()"
    )


@needs_browser
async def test_without_javascript_operators_are_added_by_name_and_removed(server: str) -> None:
    async with open_page("about:blank") as page:
        await without_scripts(page, f"{server}/en/compare?year=2026")
        await submit(page, add="bayernwerk")
        await page.wait_for(f"{COMPLETE} && document.querySelector('#matches-title') !== null")
        await follow(page, "Bayernwerk Netz")
        await page.wait_for(f"{COMPLETE} && location.search === '?year=2026&with=bayernwerk-netz'")
        await submit(page, add="N-ERGIE Netz", profile="INDUSTRY")
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('.chosen li').length === 2")
        assert "171.33 €/kW" in await page.evaluate("document.querySelector('main').textContent")
        assert "lowest" in await page.evaluate("document.querySelector('main').textContent")
        await page.evaluate("document.querySelector('.chosen .remove').click()")
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('.chosen li').length === 1")


@needs_browser
async def test_without_javascript_the_ranking_follows_its_form_and_leads_to_comparisons(server: str) -> None:
    async with open_page("about:blank") as page:
        await without_scripts(page, f"{server}/en/ranking?year=2026")
        await submit(page, profile="INDUSTRY", region="Bayern")
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('.ranking .bar').length > 5")
        assert await page.evaluate("document.querySelector('.ranking td').textContent") == "1"
        await follow(page, "Compare the first three")
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('.chosen li').length === 3")
        await submit(page, kwh="3.500")
        await page.wait_for(f"{COMPLETE} && document.querySelector('[aria-invalid]')?.name === 'kwh'")
        assert await page.evaluate("document.querySelectorAll('.chosen li').length") == 3


@needs_browser
async def test_without_javascript_a_postal_code_and_chosen_rows_of_the_table_lead_on(server: str) -> None:
    async with open_page("about:blank") as page:
        await without_scripts(page, f"{server}/en/my-operator")
        await submit(page, postalCode="99999")
        await page.wait_for(f"{COMPLETE} && document.querySelector('h2')?.textContent === '99999'")
        await follow(page, "search by name or city")
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('.choice input').length > 10")
        await page.evaluate(
            "document.querySelectorAll('.choice input')[1].click(); document.querySelectorAll('.choice input')[3].click();"
            " document.querySelector('.choice').closest('form').querySelector('button').click()"
        )
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('.chosen li').length === 2")


@needs_browser
async def test_names_are_suggested_while_one_types(server: str) -> None:
    async with open_page(f"{server}/en/compare") as page:
        await page.wait_for(f"{COMPLETE} && document.querySelector('[data-suggest]') !== null")
        await page.evaluate(
            "window.field = document.querySelector('[data-suggest]'); field.value = 'n-ergie';"
            " field.dispatchEvent(new Event('input', { bubbles: true }))"
        )
        await page.wait_for(
            "[...document.querySelectorAll('#names option')].some((o) => o.value === 'N-ERGIE Netz')"
        )
    assert page.complaints == []


@needs_browser
@needs_axe
async def test_german_pages_fit_their_width_without_violations(server: str) -> None:
    async with open_page("about:blank") as page:
        for path in PATHS:
            for width in WIDTHS:
                await set_width(page, width)
                await open_path(page, server + path)
                assert await page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            assert await violations_of(page) == [], path


@needs_browser
@pytest.mark.parametrize("path", [PATHS[0], PATHS[1], PATHS[3], PATHS[6]])
async def test_controls_are_large_enough_for_fingers(server: str, path: str) -> None:
    async with open_page("about:blank") as page:
        await set_width(page, 390)
        await open_path(page, server + path)
        small = await page.evaluate(
            "[...document.querySelectorAll('main form :is(input:not([type=checkbox], [type=hidden]), select, button),"
            " .chosen a, .actions a, main .pages a, fieldset label')]"
            ".filter((each) => each.getBoundingClientRect().height < 44).map((each) => each.outerHTML)"
        )
        assert small == []
        shrunk = await page.evaluate(
            "[...document.querySelectorAll('main input[type=checkbox]')].map((each) => each.getBoundingClientRect())"
            ".filter((box) => box.width < box.height - 0.5).map((box) => box.width)"
        )
        assert shrunk == []


@needs_browser
async def test_the_names_of_rows_stay_in_sight_while_a_comparison_scrolls(server: str) -> None:
    async with open_page("about:blank") as page:
        await set_width(page, 390)
        await open_path(page, server + PATHS[0])
        left = "document.querySelector('.sides tbody th').getBoundingClientRect().left"
        before = await page.evaluate(left)
        await page.evaluate("document.querySelector('.scroll.sides').scrollLeft = 300")
        assert await page.evaluate("document.querySelector('.scroll.sides').scrollLeft") == 300
        assert await page.evaluate(left) == before
