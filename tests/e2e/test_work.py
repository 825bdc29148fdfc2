"""The workbench in a browser: from the home page to a saved correction, on every width, and without JavaScript."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from app.domain.account import Role
from tests.e2e.axe import needs_axe, set_scheme, violations_of
from tests.e2e.browser import Page, open_page
from tests.e2e.serving import serving
from tests.e2e.test_pages import WIDTHS, needs_browser, open_path, set_width

EMAIL, PASSWORD = "ada@example.org", "a long phrase for one test"
FIELD = "main form [name=leistung]"


@pytest.fixture(scope="module")
async def workbench() -> AsyncIterator[str]:
    """A server of its own, with an administrator."""
    async with serving() as server:
        await server.add_user(EMAIL, PASSWORD, Role.ADMIN)
        yield server.url


@asynccontextmanager
async def tab(width: int = 1280, *, scripts: bool = True) -> AsyncIterator[Page]:
    async with open_page("about:blank") as page:
        await set_width(page, width)
        await page.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        yield page


async def fill(page: Page, selector: str, text: str) -> None:
    await page.evaluate(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")


async def follow(page: Page, selector: str) -> str:
    """Clicks once; the text of the page that follows."""
    await page.evaluate(f"window.left = true; document.querySelector({json.dumps(selector)}).click()")
    await page.wait_for("!window.left && document.readyState === 'complete'")
    return str(await page.evaluate("document.querySelector('main').innerText"))


async def sign_in(page: Page, server: str) -> None:
    """By the form, which an address of the workbench leads to."""
    await open_path(page, f"{server}/en/work")
    await fill(page, "[name=email]", EMAIL)
    await fill(page, "[name=password]", PASSWORD)
    assert "Workbench" in await follow(page, "main form button")
    assert await page.evaluate("location.pathname + location.search") == "/en/work"


async def open_entry(page: Page, server: str, operator: str) -> None:
    await open_path(page, f"{server}/en/operators/{operator}")
    await follow(page, "a.correct")


@needs_browser
@pytest.mark.parametrize(("width", "scripts"), [(1280, True), (390, True), (390, False)])
async def test_three_steps_lead_from_the_home_page_to_a_saved_correction(
    workbench: str, width: int, scripts: bool
) -> None:
    amount = {(1280, True): "180.62", (390, True): "180.63", (390, False): "180.64"}[width, scripts]
    async with tab(width, scripts=scripts) as page:
        await sign_in(page, workbench)
        await open_path(page, f"{workbench}/en")
        await fill(page, "[name=q]", "grid charges N-ERGIE 2025 MS")
        assert "180.6" in await follow(page, ".ask button")
        await follow(page, "a.correct")
        await fill(page, FIELD, amount)
        assert "Saved" in await follow(page, "button[value=save]")
        await open_path(page, f"{workbench}/en?q=grid+charges+N-ERGIE+2025+MS")
        assert amount in await page.evaluate("document.querySelector('.answer').innerText")


@needs_browser
async def test_a_conflict_of_two_tabs_is_solved_on_the_page_that_shows_it(workbench: str) -> None:
    async with tab() as mine, tab(390) as theirs:
        for page in (mine, theirs):
            await sign_in(page, workbench)
            await open_entry(page, workbench, "netze-bw")
        # So little that it is not unusual.
        price = Decimal(await mine.evaluate(f"document.querySelector('{FIELD}').value"))
        first, second = str(price + Decimal("0.01")), str(price + Decimal("0.02"))
        await fill(theirs, FIELD, first)
        assert "Saved" in await follow(theirs, "button[value=save]")
        await fill(mine, FIELD, second)
        text = await follow(mine, "button[value=save]")
        assert "The entry has changed meanwhile" in text
        assert first in text
        assert await mine.evaluate(f"document.querySelector('{FIELD}').value") == second
        assert "Saved" in await follow(mine, "button[value=save]")
        assert await mine.evaluate(f"document.querySelector('{FIELD}').value") == second


@needs_browser
async def test_no_password_is_left_in_an_address_or_in_the_storage_of_the_browser(workbench: str) -> None:
    async with tab() as page:
        await sign_in(page, workbench)
        stored = await page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        )
        assert PASSWORD not in stored
        assert "session" not in stored
        assert [url for url in page.requests if "password" in url or "phrase" in url] == []


@needs_browser
@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_of_the_workbench_fit_their_width_and_have_no_violations_that_axe_finds(
    workbench: str, scheme: str, tmp_path: Path
) -> None:
    async with tab() as page:
        await set_scheme(page, scheme)
        await open_path(page, f"{workbench}/en/work/sign-in")
        await check(page, tmp_path / f"sign-in-{scheme}")
        await sign_in(page, workbench)
        for path in (
            "/work",
            "/work/entries",
            "/de/work/entries?list=implausible",
            "/work/set-aside",
            "/de/work/keys",
            "/work/people",
            "/work/account",
            "/de/work/changes",
        ):
            await open_path(page, workbench + path)
            await check(page, tmp_path / f"{path.strip('/').replace('/', '-')[:20]}-{scheme}")
        await open_entry(page, workbench, "avacon-netz")
        await check(page, tmp_path / f"entry-{scheme}")
        await fill(page, FIELD, "many")
        await follow(page, "button[value=save]")
        await check(page, tmp_path / f"error-{scheme}")


async def check(page: Page, picture: Path) -> None:
    for width in WIDTHS:
        await set_width(page, width)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, (picture, width)
        await page.screenshot(picture.with_name(f"{picture.name}-{width}.png"))
        assert await violations_of(page) == [], (picture, width)
    await set_width(page, WIDTHS[0])
