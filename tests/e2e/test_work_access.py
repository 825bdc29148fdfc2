"""Keys, people and own changes in the workbench, in a browser: on a wide and on a narrow window, and without JavaScript."""

import pytest

from tests.e2e.test_pages import needs_browser, open_path
from tests.e2e.test_work import FIELD, fill, follow, open_entry, sign_in, tab, workbench

__all__ = ["workbench"]

WINDOWS = [(1280, True), (390, True), (390, False)]


@needs_browser
@pytest.mark.parametrize(("width", "scripts"), WINDOWS)
async def test_a_key_is_created_with_its_secret_shown_once_and_revoked(
    workbench: str, width: int, scripts: bool
) -> None:
    name = f"charger {width} {scripts}"
    async with tab(width, scripts=scripts) as page:
        await sign_in(page, workbench)
        await open_path(page, f"{workbench}/en/work/keys")
        await fill(page, "main form.stack [name=name]", name)
        created = await follow(page, "main form.stack button")
        assert name in created
        assert "dno_" in created
        assert [url for url in page.requests if "dno_" in url.partition("?")[2]] == []
        await open_path(page, f"{workbench}/en/work/keys")
        listed = await page.evaluate("document.querySelector('main').innerText")
        assert name in listed
        assert "dno_" not in listed
        gone = await follow(page, f"button[aria-label='Revoke: {name}']")
        assert name not in gone.partition("Revoke")[2]


@needs_browser
@pytest.mark.parametrize(("width", "scripts"), WINDOWS)
async def test_an_own_change_is_undone(workbench: str, width: int, scripts: bool) -> None:
    operator = {(1280, True): "netze-bw", (390, True): "avacon-netz", (390, False): "n-ergie-netz"}[
        width, scripts
    ]
    async with tab(width, scripts=scripts) as page:
        await sign_in(page, workbench)
        await open_entry(page, workbench, operator)
        before = await page.evaluate(f"document.querySelector('{FIELD}').value")
        await fill(page, FIELD, f"{float(before) + 0.01:.2f}")
        assert "Saved" in await follow(page, "button[value=save]")
        entry = await page.evaluate("location.pathname")
        await open_path(page, f"{workbench}/en/work/changes")
        await follow(page, "main .history button")
        await open_path(page, workbench + entry)
        after = await page.evaluate(f"document.querySelector('{FIELD}').value")
        assert float(after) == float(before)


@needs_browser
@pytest.mark.parametrize(("width", "scripts"), WINDOWS)
async def test_a_person_is_added_with_a_password_that_is_shown_once(
    workbench: str, width: int, scripts: bool
) -> None:
    email = f"grace-{width}-{scripts}@example.org".lower()
    async with tab(width, scripts=scripts) as page:
        await sign_in(page, workbench)
        await open_path(page, f"{workbench}/en/work/people")
        await fill(page, "main form.stack [name=email]", email)
        assert email in await follow(page, "main form.stack button")
        assert await page.evaluate("document.querySelector('main output')?.textContent.length") > 10
        await open_path(page, f"{workbench}/en/work/people")
        assert email in await page.evaluate("document.querySelector('main').innerText")
        assert not await page.evaluate("document.querySelector('main output') !== null")


@needs_browser
async def test_a_long_address_covers_nothing_where_only_screen_readers_read_it(workbench: str) -> None:
    email = f"{'g' * 60}@{'x' * 40}.{'y' * 40}.example.org"
    async with tab(390) as page:
        await sign_in(page, workbench)
        await open_path(page, f"{workbench}/en/work/people")
        await fill(page, "main form.stack [name=email]", email)
        assert email in await follow(page, "main form.stack button")
        await open_path(page, f"{workbench}/en/work/people")
        assert email in await page.evaluate("document.querySelector('main').textContent")
        reach = "Math.max(...[...document.querySelectorAll('.skip')].map(one => one.getBoundingClientRect().right))"
        assert await page.evaluate(reach) <= 0
