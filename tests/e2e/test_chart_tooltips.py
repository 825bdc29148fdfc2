"""Charts show the value next to the pointer, under a finger, or chosen by the keyboard."""

import json

from tests.e2e.browser import Page, open_page
from tests.e2e.test_pages import COMPLETE, needs_browser, open_path, set_width

PATH = "/en/operators/n-ergie-netz/2026"
SHOWN = "document.querySelector('.tooltip').textContent"
# The middle of an element, after scrolling to it, and the text of its <title>.
POINT = """(() => {
  const element = document.querySelectorAll('%s')[%d];
  element.scrollIntoView({ block: 'center', behavior: 'instant' });
  const box = element.getBoundingClientRect();
  return JSON.stringify([box.left + box.width / 2, box.top + box.height / 2, element.querySelector('title').textContent]);
})()"""

pytestmark = needs_browser


async def point(page: Page, selector: str, number: int = 0) -> tuple[float, float, str]:
    await page.wait_for(f"{COMPLETE} && !!document.querySelector('.tooltip')")
    x, y, text = json.loads(await page.evaluate(POINT % (selector, number)))
    # The tooltip is hidden by scrolling, the event of which follows with the next frame.
    await page.evaluate(
        "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))"
    )
    return x, y, text


async def move(page: Page, x: float, y: float) -> None:
    await page.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)


async def test_the_pointer_shows_the_value_that_is_next_to_it(server: str) -> None:
    async with open_page(server + PATH) as page:
        for selector in (".clock .arc", ".year .spot"):
            x, y, text = await point(page, selector)
            await move(page, x, y)
            await page.wait_for(f"{SHOWN} === {json.dumps(text)}")
            box = json.loads(
                await page.evaluate(
                    "(() => { const { left, top, right, bottom } = document.querySelector('.tooltip').getBoundingClientRect();"
                    " return JSON.stringify([left >= 0, top >= 0, right <= innerWidth, bottom <= innerHeight]) })()"
                )
            )
            assert box == [True] * 4
        await move(page, 2, 2)
        await page.wait_for(f"{SHOWN} === ''")
    assert page.complaints == []


async def test_a_finger_shows_the_value_that_it_touches(server: str) -> None:
    async with open_page("about:blank") as page:
        await set_width(page, 390)
        await page.command("Emulation.setTouchEmulationEnabled", enabled=True)
        await open_path(page, server + PATH)
        x, y, text = await point(page, ".clock .arc")
        touch = {"x": x, "y": y}
        await page.command("Input.dispatchTouchEvent", type="touchStart", touchPoints=[touch])
        await page.wait_for(f"{SHOWN} === {json.dumps(text)}")
        await page.command("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        assert await page.evaluate(SHOWN) == text


async def press(page: Page, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        await page.command("Input.dispatchKeyEvent", type=kind, key=key)


async def test_arrow_keys_go_through_the_values_of_a_chart(server: str) -> None:
    async with open_page(server + PATH) as page:
        await page.wait_for(f"{COMPLETE} && !!document.querySelector('.tooltip')")
        await page.evaluate("document.querySelector('.year svg').focus({ preventScroll: false })")
        await page.evaluate(
            "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))"
        )
        texts = json.loads(
            await page.evaluate(
                "JSON.stringify([...document.querySelectorAll('.year svg > rect > title')].map((title) => title.textContent))"
            )
        )
        assert texts[0].startswith("Thu 1 Jan: holiday")
        for key, number in (
            ("ArrowRight", 0),
            ("ArrowRight", 1),
            ("ArrowLeft", 0),
            ("ArrowLeft", 0),
            ("End", -1),
        ):
            await press(page, key)
            await page.wait_for(f"{SHOWN} === {json.dumps(texts[number])}")
        assert await page.evaluate("document.querySelector('.tooltip').getAttribute('role')") == "status"
        await press(page, "Escape")
        await page.wait_for(f"{SHOWN} === ''")
    assert page.complaints == []


async def test_without_javascript_each_value_has_its_title_and_charts_are_no_stop_of_the_keyboard(
    server: str,
) -> None:
    async with open_page("about:blank") as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=True)
        await page.command("Page.navigate", url=server + PATH)
        await page.wait_for(f"{COMPLETE} && document.querySelectorAll('.clock .arc > title').length > 1")
        assert await page.evaluate("document.querySelectorAll('svg[tabindex], .tooltip').length") == 0
        assert await page.evaluate("document.querySelectorAll('.year .spot > title').length") > 10
