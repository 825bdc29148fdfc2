"""A real browser, driven over its own protocol."""

import asyncio
import base64
import itertools
import json
import re
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from tests.servers import private_folder

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
    "--window-size=1360,850",
]
PATIENCE = 30


class Navigated(Exception):
    """The page was left while a script ran in it."""


class Page:
    """What one tab asked for (`requests`) and complained about (`complaints`)."""

    def __init__(self, socket: ClientConnection) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def open(self, url: str) -> None:
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.command(f"{domain}.enable")
        await self.command("Page.navigate", url=url)

    async def command(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._ids)
        self._answers[number] = asyncio.get_running_loop().create_future()
        waiting = asyncio.wait_for(self._answers[number], PATIENCE)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        answer = await waiting
        if answer.get("error", {}).get("message") == "Inspected target navigated or closed":
            raise Navigated
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def evaluate(self, script: str) -> Any:
        answer = await self.command(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def wait_for(self, script: str) -> Any:
        """The first value of the script that counts as true, also on a page that follows."""
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(Navigated):
                    if value := await self.evaluate(script):
                        return value
                await asyncio.sleep(0.05)

    async def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode((await self.command("Page.captureScreenshot"))["data"]))

    async def listen(self) -> None:
        async for message in self._socket:
            event = json.loads(message)
            if "id" in event:
                self._answers.pop(event["id"]).set_result(event)
            else:
                self._note(event["method"], event["params"])

    def _note(self, method: str, event: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(event["request"]["url"])
            case "Network.loadingFailed" if not event.get("canceled"):
                self.complaints.append(f"not loaded: {event}")
            case "Log.entryAdded" if event["entry"]["level"] in ("warning", "error"):
                self.complaints.append(event["entry"]["text"])
            case "Runtime.consoleAPICalled" if event["type"] in ("warning", "error", "assert"):
                self.complaints.append(str(event["args"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(str(event["exceptionDetails"]))


class _Browser:
    def __init__(self, process: Process, socket: ClientConnection) -> None:
        self._process = process
        self._address = "{}:{}".format(*socket.remote_address)
        self.commands = Page(socket)

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Page]:
        """Empty, in a window of its own and with cookies, storage and a cache of its own; at the end all are gone."""
        context = (await self.commands.command("Target.createBrowserContext"))["browserContextId"]
        try:
            target = await self.commands.command(
                "Target.createTarget", url="about:blank", browserContextId=context, newWindow=True
            )
            address = f"ws://{self._address}/devtools/page/{target['targetId']}"
            async with connect(address, max_size=None) as socket, _listening(Page(socket)) as page:
                yield page
        finally:
            await self.commands.command("Target.disposeBrowserContext", browserContextId=context)


@asynccontextmanager
async def _listening(page: Page) -> AsyncIterator[Page]:
    listening = asyncio.create_task(page.listen())
    try:
        yield page
    finally:
        listening.cancel()


@asynccontextmanager
async def _browser() -> AsyncIterator[_Browser]:
    assert CHROMIUM
    with private_folder() as folder:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM, *QUIET, f"--user-data-dir={folder}", "about:blank", stderr=PIPE
        )
        try:
            async with connect(await _address(process), max_size=None) as socket:
                browser = _Browser(process, socket)
                async with _listening(browser.commands):
                    yield browser
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait_for(process.wait(), PATIENCE)


# One for all tests of a worker: its start takes longer than most of them.
_of_the_worker: _Browser | None = None
_opened = AsyncExitStack()


@asynccontextmanager
async def open_page(url: str) -> AsyncIterator[Page]:
    global _of_the_worker
    if _of_the_worker is None or _of_the_worker.ended:
        _of_the_worker = await _opened.enter_async_context(_browser())
    async with _of_the_worker.tab() as page:
        await page.open(url)
        yield page


async def stop_browser() -> None:
    """Of this worker, if a test has started it."""
    global _of_the_worker
    _of_the_worker = None
    await _opened.aclose()


async def _address(process: Process) -> str:
    """The browser reports it."""
    assert process.stderr
    async with asyncio.timeout(PATIENCE):
        while not (found := re.search(rb"ws://\S+", await process.stderr.readline())):
            assert process.returncode is None
    return found[0].decode()
