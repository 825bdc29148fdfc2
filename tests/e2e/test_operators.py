"""The table of operators in a browser: choices, their counts, the back button, headers that sort, numbered pages."""

from tests.e2e.browser import open_page
from tests.e2e.test_pages import COMPLETE, needs_browser

TABLE = f"{COMPLETE} && document.querySelectorAll('.operators tbody tr').length"


def change(name: str, value: str) -> str:
    return (
        f"(() => {{ const field = document.querySelector('[name={name}]'); field.focus(); field.value = '{value}';"
        " field.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )


@needs_browser
async def test_a_choice_is_counted_announced_and_left_by_the_back_button(server: str) -> None:
    async with open_page(f"{server}/en/operators") as page:
        await page.wait_for(f"{TABLE} === 50")
        offered = await page.evaluate("document.querySelector('option[value=Hessen]').textContent")
        await page.evaluate(
            "window.same = true; window.status_ = document.querySelector('[data-live-status]');"
            + change("region", "Hessen")
        )
        await page.wait_for("location.search === '?region=Hessen'")
        # The element that screen readers announce is the one from before, and the field keeps the focus.
        said = await page.evaluate("window.same && window.status_.isConnected && window.status_.textContent")
        assert offered == f"Hessen ({said.split()[0]})"
        assert await page.evaluate("document.activeElement.name") == "region"
        await page.evaluate(change("search", "n-ergie"))
        await page.wait_for("location.search === '?search=n-ergie&region=Hessen'")
        assert (
            await page.evaluate("document.querySelector('option[value=Bayern]').textContent") == "Bayern (1)"
        )
        await page.evaluate("history.back()")
        await page.wait_for(f"!location.search && {TABLE} === 50")
        assert await page.evaluate("document.querySelector('[name=region]').value") == ""
    assert page.complaints == []


@needs_browser
async def test_headers_sort_and_the_order_stays_with_page_and_language(server: str) -> None:
    async with open_page(f"{server}/en/operators?with=NETZENTGELTE") as page:
        await page.wait_for(f"{TABLE} === 50")
        await page.evaluate("document.querySelectorAll('thead a')[3].click()")
        await page.wait_for(f"location.search.includes('sort=CONNECTION_POINTS') && {TABLE} === 50")
        sorted_by = "[...document.querySelectorAll('[aria-sort]')].map((each) => each.textContent + ' ' + each.ariaSort)"
        assert await page.evaluate(sorted_by) == ["Units descending"]
        await page.evaluate("document.querySelector('.pages a[rel=next]').click()")
        await page.wait_for(f"location.search.includes('offset=50') && {TABLE} > 0")
        await page.evaluate("document.querySelector('.languages a[hreflang=de]').click()")
        await page.wait_for(f"location.pathname === '/de/operators' && {TABLE} > 0")
        assert await page.evaluate("location.search") == "?with=NETZENTGELTE&sort=CONNECTION_POINTS&offset=50"
        assert (await page.evaluate("document.querySelector('[role=status]').textContent")).startswith("51–")
        await page.evaluate("document.querySelector('.pages a[rel=prev]').click()")
        await page.wait_for(f"!location.search.includes('offset') && {TABLE} === 50")
    assert page.complaints == []
