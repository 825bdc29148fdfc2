"""What a person sees who opens the server in a browser."""

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.web import pages
from tests.e2e.browser import CHROMIUM, open_page
from tests.servers import private_folder

ASSETS = Path(pages.__file__).parent / "assets" / "manifest.json"
EXAMPLES = sorted((Path(pages.__file__).parent / "graphiql" / "examples").glob("*.graphql"))
QUERIES = [example for example in EXAMPLES if "subscription" not in example.read_text()]

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
needs_graphiql = pytest.mark.skipif(not ASSETS.exists(), reason="GraphiQL was not built: there is no npm")


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[str]:
    """`dno serve` without settings: embedded databases and the starter data."""
    with private_folder() as folder:
        environment = {"LOCAL_FOLDER": str(folder), "PORT": "0"}
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("dno"),
            "serve",
            env={"PATH": os.environ["PATH"], **environment},
            stdout=PIPE,
            stderr=STDOUT,
        )
        assert process.stdout
        try:
            yield await _address(process.stdout)
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.communicate(), 30)


async def _address(output: asyncio.StreamReader) -> str:
    said = b""
    async with asyncio.timeout(60):
        while not (found := re.search(rb"GraphiQL +(http://[\d.:]+)/", said)):
            line = await output.readline()
            assert line, said.decode()
            said += line
    return found[1].decode()


@needs_browser
@needs_graphiql
async def test_graphiql_executes_its_first_example_without_requests_to_other_hosts(server, tmp_path):
    async with open_page(f"{server}/graphql") as page:
        await page.wait_for("document.querySelector('.graphiql-query-editor .view-lines')?.textContent")
        await page.evaluate("document.querySelector('.graphiql-execute-button').click()")
        await page.wait_for("document.querySelector('.result-window')?.textContent.includes('N-ERGIE')")
        tabs = await page.evaluate("document.querySelectorAll('.graphiql-tab').length")
        await page.screenshot(tmp_path / "graphiql.png")
    assert tabs == len(EXAMPLES)
    assert [url for url in page.requests if not url.startswith((f"{server}/", "data:"))] == []
    assert page.complaints == []


@needs_browser
async def test_the_first_page_loads_without_errors(server, tmp_path):
    async with open_page(f"{server}/") as page:
        await page.wait_for("document.readyState === 'complete'")
        await page.screenshot(tmp_path / "home.png")
    assert {url for url in page.requests if not url.startswith(f"{server}/")} == set()
    assert page.complaints == []


async def test_every_example_and_the_first_page_have_correct_responses(server):
    async with httpx.AsyncClient(base_url=server) as client:

        async def ask(query: Path) -> Any:
            return (await client.post("/graphql", json={"query": query.read_text()})).json()

        for example in QUERIES:
            answer = json.dumps(await ask(example))
            assert '"errors"' not in answer, (example.stem, answer)
            assert len(answer) > 100, (example.stem, answer)
        static = Path(pages.__file__).parent / "static"
        answer, printed = (
            await ask(static / "question.graphql"),
            json.loads((static / "answer.json").read_text()),
        )
        assert answer["data"] == printed["data"]
