"""A real browser, driven over its own protocol."""

import asyncio
import base64
import itertools
import json
import re
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
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


@asynccontextmanager
async def open_page(url: str) -> AsyncIterator[Page]:
    assert CHROMIUM
    with private_folder() as folder:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM, *QUIET, f"--user-data-dir={folder}", "about:blank", stderr=PIPE
        )
        try:
            async with connect(await _address(process), max_size=None) as socket:
                page = Page(socket)
                listening = asyncio.create_task(page.listen())
                try:
                    await page.open(url)
                    yield page
                finally:
                    listening.cancel()
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait_for(process.wait(), PATIENCE)


async def _address(process: Process) -> str:
    """Of the first tab; the browser reports its port."""
    assert process.stderr
    async with asyncio.timeout(PATIENCE):
        while not (found := re.search(rb"ws://([\d.:]+)/", await process.stderr.readline())):
            assert process.returncode is None
    async with httpx.AsyncClient() as client:
        tabs = (await client.get(f"http://{found[1].decode()}/json")).json()
    return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page")
