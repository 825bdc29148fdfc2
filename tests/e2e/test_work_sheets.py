"""A price sheet and an upload in a browser: typed in, checked and saved, also on a phone and without JavaScript."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.domain.account import Role
from tests.e2e.axe import needs_axe, set_scheme, violations_of
from tests.e2e.browser import Page, open_page
from tests.e2e.serving import serving
from tests.e2e.test_pages import needs_browser, open_path, set_width
from tests.e2e.test_work import follow

EMAIL, PASSWORD = "editor@example.org", "violet lantern across the quiet harbour"
SIGN_IN = f'mutation {{ signIn(email: "{EMAIL}", password: "{PASSWORD}") {{ errors {{ message }} }} }}'
FILE = (
    "Netzbetreiber;Jahr;Spannungsebene;Leistungspreis ab 2500 h (EUR/kW/a);Arbeitspreis ab 2500 h\n"
    "netze-bw;2031;MS;58,20;1,26\n"
    "netze-bw;2031;XS;58,20;1,26\n"
)


@pytest.fixture(scope="session")
async def workbench() -> AsyncIterator[str]:
    """A server of its own, with a user who may edit."""
    async with serving() as server:
        await server.add_user(EMAIL, PASSWORD, Role.EDITOR)
        yield server.url


@asynccontextmanager
async def signed_in(server: str, width: int = 1280) -> AsyncIterator[Page]:
    async with open_page("about:blank") as page:
        await open_path(page, f"{server}/operators")  # sends to itself
        body = json.dumps({"query": SIGN_IN})
        sent = (
            f"{{method: 'POST', headers: {{'content-type': 'application/json'}}, body: {json.dumps(body)}}}"
        )
        answer = await page.evaluate(f"fetch('/graphql', {sent}).then(r => r.json())")
        assert answer["data"]["signIn"]["errors"] == []
        await set_width(page, width)
        yield page


async def fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        field = json.dumps(name.replace("__", "."))
        await page.evaluate(f"document.getElementById({field}).value = {json.dumps(value)}")


async def choose_file(page: Page, path: Path) -> None:
    """By the browser's own means, so that the pages need no JavaScript."""
    document = await page.command("DOM.getDocument")
    found = await page.command(
        "DOM.querySelector", nodeId=document["root"]["nodeId"], selector=".upload input[type=file]"
    )
    await page.command("DOM.setFileInputFiles", nodeId=found["nodeId"], files=[str(path)])


@needs_browser
@pytest.mark.parametrize(("width", "scripts"), [(1280, True), (390, True), (390, False)])
async def test_a_sheet_is_typed_in_checked_and_saved(
    workbench: str, width: int, scripts: bool, tmp_path: Path
) -> None:
    year = {(1280, True): 2027, (390, True): 2028, (390, False): 2029}[width, scripts]
    async with signed_in(workbench, width) as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        await open_path(page, f"{workbench}/de/work/sheets/new?dno=netze-bw&year={year}")
        await fill(page, tariffs__MS__leistung="1.234", tariffs__MS__arbeit="1,26")
        text = await follow(page, "button[value=check]")
        assert "kann 1234 oder 1,234 heißen" in text
        assert await page.evaluate("document.getElementById('tariffs.MS.arbeit').value") == "1,26"
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await fill(page, tariffs__MS__leistung="58,20", hlzf__MS__WINTER__windows="07:45–12:00, 16:30–18:00")
        text = await follow(page, "button[value=check]")
        assert "Speichern: 2 Einträge" in text
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.screenshot(tmp_path / f"checked-{width}.png")
        assert "Gespeichert: 2 Einträge." in await follow(page, "button[value=save]")
        assert await page.evaluate("document.getElementById('tariffs.MS.leistung').value") == "58,20"


@needs_browser
@pytest.mark.parametrize(("width", "scripts"), [(1280, True), (390, False)])
async def test_a_file_is_reported_on_and_what_is_right_is_loaded(
    workbench: str, width: int, scripts: bool, tmp_path: Path
) -> None:
    year = 2031 if scripts else 2032
    file = tmp_path / "preise.csv"
    file.write_text(FILE.replace("2031", str(year)))
    async with signed_in(workbench, width) as page:
        await page.command("Emulation.setScriptExecutionDisabled", value=not scripts)
        await open_path(page, f"{workbench}/de/work/import")
        await fill(page, kind="tariffs")
        await choose_file(page, file)
        text = await follow(page, ".upload button")
        assert "1 Zeile bleibt draußen" in text
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.evaluate("document.querySelector('.load [name=partial]').checked = true")
        assert "Geladen: preise.csv" in await follow(page, ".load button")
        await open_path(page, f"{workbench}/operators/netze-bw/{year}")
        assert "58" in await page.evaluate("document.querySelector('main').innerText")


@needs_browser
@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_forms_and_reports_are_accessible(
    workbench: str, scheme: str, width: int, tmp_path: Path
) -> None:
    file = tmp_path / "preise.csv"
    file.write_text(FILE)
    async with signed_in(workbench, width) as page:
        await set_scheme(page, scheme)
        await open_path(page, f"{workbench}/en/work/sheets/new")
        assert await violations_of(page) == []
        await open_path(page, f"{workbench}/de/work/sheets/new?dno=netze-bw&year=2026")
        assert await violations_of(page) == []
        await fill(page, tariffs__HS__leistung="x", url="https://e.org/a.pdf")
        await follow(page, "button[value=check]")
        assert await violations_of(page) == []
        await fill(page, tariffs__HS__leistung="1", tariffs__HS__arbeit="99")
        await follow(page, "button[value=check]")
        assert await violations_of(page) == []
        await open_path(page, f"{workbench}/de/work/import")
        await fill(page, kind="tariffs")
        await choose_file(page, file)
        await follow(page, ".upload button")
        assert await violations_of(page) == []
