"""The viewer of the REST API in a browser."""

from pathlib import Path

import pytest

from tests.e2e.browser import CHROMIUM, open_page
from tests.e2e.test_graphiql import ASSETS
from tests.e2e.test_pages import set_width

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
needs_viewer = pytest.mark.skipif(not ASSETS.exists(), reason="the viewer was not built: there is no npm")


@needs_browser
@needs_viewer
async def test_the_viewer_lists_all_addresses_and_sends_requests_to_this_server_only(
    server: str, tmp_path: Path
) -> None:
    async with open_page(f"{server}/docs/api/requests") as page:
        await page.wait_for("document.querySelectorAll('.opblock').length > 10")
        described = await page.evaluate(
            "fetch('/api/v1/openapi.json').then((response) => response.json()).then((api) =>"
            " Object.values(api.paths).flatMap(Object.keys).length)"
        )
        assert await page.evaluate("document.querySelectorAll('.opblock').length") == described
        block = """document.querySelector('[data-path="/api/v1/levies/{year}"]').closest('.opblock')"""
        await page.evaluate(f"{block}.querySelector('button').click()")
        await page.wait_for(f"{block}.querySelector('.try-out__btn') !== null")
        await page.evaluate(f"{block}.querySelector('.try-out__btn').click()")
        # The viewer takes over what is typed some time later: until then its button only states that the year is missing.
        await page.wait_for(
            f"(() => {{ const field = {block}.querySelector('.parameters input'); if (!field) return false;"
            " Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, '2025');"
            " field.dispatchEvent(new Event('input', { bubbles: true }));"
            f" {block}.querySelector('.execute')?.click();"
            f" return {block}.querySelector('.live-responses-table')?.textContent.includes('KWKG'); }})()"
        )
        for width in (1280, 390):
            await set_width(page, width)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await page.screenshot(tmp_path / f"viewer-{width}.png")
        assert await page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert [url for url in page.requests if not url.startswith((f"{server}/", "data:", "about:"))] == []
    assert page.complaints == []
