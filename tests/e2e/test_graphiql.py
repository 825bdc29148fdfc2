"""What a person sees who opens the server in a browser."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from app.web import pages
from tests.e2e.browser import CHROMIUM, open_page

ASSETS = Path(pages.__file__).parent / "assets" / "manifest.json"
EXAMPLES = sorted((Path(pages.__file__).parent / "graphiql" / "examples").glob("*.graphql"))
QUERIES = [example for example in EXAMPLES if "subscription" not in example.read_text()]

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
needs_graphiql = pytest.mark.skipif(not ASSETS.exists(), reason="GraphiQL was not built: there is no npm")


@needs_browser
@needs_graphiql
async def test_a_link_opens_its_query_with_its_variables(server, tmp_path):
    link = urlencode(
        {
            "query": "query A($slug: String!) { dno(slug: $slug) { name } }",
            "variables": '{"slug": "n-ergie-netz"}',
        }
    )
    async with open_page(f"{server}/graphql?{link}") as page:
        await page.wait_for(
            "document.querySelector('.graphiql-query-editor .view-lines')?.textContent.includes('dno')"
        )
        await page.evaluate("document.querySelector('.graphiql-execute-button').click()")
        await page.wait_for("document.querySelector('.result-window')?.textContent.includes('N-ERGIE')")
        await page.screenshot(tmp_path / "link.png")
    assert page.complaints == []


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
