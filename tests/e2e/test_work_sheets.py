"""A price sheet and an upload in a browser: typed in, checked and saved, also on a phone and without JavaScript."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.browser import Page, open_page
from tests.e2e.test_pages import AXE, needs_axe, needs_browser, open_path, set_width
from tests.servers import private_folder

EMAIL, PASSWORD = "editor@example.org", "violet lantern across the quiet harbour"
SIGN_IN = f'mutation {{ signIn(email: "{EMAIL}", password: "{PASSWORD}") {{ errors {{ message }} }} }}'
FILE = (
    "Netzbetreiber;Jahr;Spannungsebene;Leistungspreis ab 2500 h (EUR/kW/a);Arbeitspreis ab 2500 h\n"
    "netze-bw;2031;MS;58,20;1,26\n"
    "netze-bw;2031;XS;58,20;1,26\n"
)
_DNO = (sys.executable, "-m", "app.cli.main")


@pytest.fixture(scope="session")
async def workbench() -> AsyncIterator[str]:
    """A server of its own, with a user who may edit."""
    with private_folder() as folder:
        usual = {"LOCAL_FOLDER": str(folder), "PORT": "0", "RATE_LIMIT_ANONYMOUS": "0"}
        environment = {"PATH": os.environ["PATH"], **usual}
        process = await asyncio.create_subprocess_exec(
            *_DNO, "serve", env=environment, stdout=PIPE, stderr=STDOUT
        )
        assert process.stdout
        try:
            address = await _address(process.stdout)
            await _add_user(environment)
            yield address
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.communicate(), 30)


async def _address(output: asyncio.StreamReader) -> str:
    said = b""
    async with asyncio.timeout(90):
        while not (found := re.search(rb"GraphiQL +(http://[\d.:]+)/", said)):
            line = await output.readline()
            assert line, said.decode()
            said += line
    return found[1].decode()


async def _add_user(environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(*_DNO, "user", "add", EMAIL, "--role", "editor"),
        env=environment,
        stdin=PIPE,
        stdout=PIPE,
        stderr=STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(f"{PASSWORD}\n".encode()), 60)
    assert process.returncode == 0, said.decode()


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


async def press(page: Page, selector: str) -> str:
    """The text of the page that follows."""
    await page.evaluate(f"window.left = true; document.querySelector({json.dumps(selector)}).click()")
    await page.wait_for("!window.left && document.readyState === 'complete'")
    return str(await page.evaluate("document.querySelector('main').innerText"))


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
        text = await press(page, "button[value=check]")
        assert "kann 1234 oder 1,234 heißen" in text
        assert await page.evaluate("document.getElementById('tariffs.MS.arbeit').value") == "1,26"
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await fill(page, tariffs__MS__leistung="58,20", hlzf__MS__WINTER__windows="07:45–12:00, 16:30–18:00")
        text = await press(page, "button[value=check]")
        assert "Speichern: 2 Einträge" in text
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.screenshot(tmp_path / f"checked-{width}.png")
        assert "Gespeichert: 2 Einträge." in await press(page, "button[value=save]")
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
        text = await press(page, ".upload button")
        assert "1 Zeile bleibt draußen" in text
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.evaluate("document.querySelector('.load [name=partial]').checked = true")
        assert "Geladen: preise.csv" in await press(page, ".load button")
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
        await page.command(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        await open_path(page, f"{workbench}/en/work/sheets/new")
        await check(page)
        await open_path(page, f"{workbench}/de/work/sheets/new?dno=netze-bw&year=2026")
        await check(page)
        await fill(page, tariffs__HS__leistung="x", url="https://e.org/a.pdf")
        await press(page, "button[value=check]")
        await check(page)
        await fill(page, tariffs__HS__leistung="1", tariffs__HS__arbeit="99")
        await press(page, "button[value=check]")
        await check(page)
        await open_path(page, f"{workbench}/de/work/import")
        await fill(page, kind="tariffs")
        await choose_file(page, file)
        await press(page, ".upload button")
        await check(page)


async def check(page: Page) -> None:
    await page.evaluate(AXE.read_text())
    found = await page.evaluate(
        "axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.target).join()))"
    )
    assert found == []
