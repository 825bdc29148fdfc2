"""The explorer of a server that executes registered documents only, and the console where GraphiQL was not built."""

import json
import shutil
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

import app
from tests.e2e.browser import CHROMIUM, open_page
from tests.e2e.serving import serving
from tests.e2e.test_graphiql import EXAMPLES, READY, execute, link, needs_graphiql, shows
from tests.e2e.test_pages import set_width
from tests.integration.scratch_tree import LEFT_OUT
from tests.servers import private_folder

PRICES = "query Prices($slug: String!) {\n  dno(slug: $slug) { name }\n}\n"
MARKUP = 'query Markup { searchDnos(query: "</script><script>window.attacked=1</script><!--") { score } }'
MANIFEST = {sha256(text.encode()).hexdigest(): text for text in (PRICES, MARKUP)}
ONLY = "registered documents only"
LISTED = "[...document.querySelectorAll('.own-documents li button:enabled')]"
# The bodies of requests to the endpoint, from here on.
RECORD = """
window.sent = [];
const plain = window.fetch;
window.fetch = (address, options) => { sent.push(options?.body ?? ""); return plain(address, options); };
"""
ANSWER = "document.querySelector('#answer').textContent"

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
async def manifest() -> AsyncIterator[str]:
    with private_folder() as folder:
        (folder / "documents.json").write_text(json.dumps(MANIFEST))
        yield str(folder / "documents.json")


@pytest.fixture(scope="module")
async def restricted(manifest: str) -> AsyncIterator[str]:
    async with serving(REGISTERED_DOCUMENTS=manifest) as started:
        yield started.url


@pytest.fixture(scope="module")
async def without_npm() -> AsyncIterator[Path]:
    """This tree as it is installed on a machine without npm."""
    with private_folder() as folder:
        root = Path(app.__file__).parent.parent
        for package in ("app", "schema", "loaders"):
            shutil.copytree(root / package, folder / package, ignore=LEFT_OUT)
        shutil.rmtree(folder / "app" / "web" / "assets", ignore_errors=True)
        yield folder


@needs_graphiql
async def test_a_registered_document_is_chosen_and_executed_by_its_name(
    restricted: str, tmp_path: Path
) -> None:
    async with open_page("about:blank") as page:
        await page.command("Page.addScriptToEvaluateOnNewDocument", source=RECORD)
        await page.command("Page.navigate", url=f"{restricted}/graphql")
        await page.wait_for(f"{LISTED}.length === 2")
        await page.evaluate(f"{LISTED}.find((each) => each.textContent.startsWith('Prices')).click()")
        await page.wait_for(READY)
        await page.command("Page.navigate", url=link(restricted, PRICES, {"slug": "n-ergie-netz"}))
        await page.wait_for(f"location.search.includes('n-ergie') && {READY}")
        await execute(page)
        await page.wait_for(shows("N-ERGIE"))
        bodies = [json.loads(body) for body in await page.evaluate("sent.filter((body) => body)")]
        await page.screenshot(tmp_path / "registered.png")
        assert await page.evaluate("window.attacked") is None
    assert [body.get("query") for body in bodies] == [None]
    assert MANIFEST[bodies[0]["documentId"]] == PRICES
    assert bodies[0]["variables"] == {"slug": "n-ergie-netz"}
    assert page.complaints == []


@needs_graphiql
async def test_another_query_is_shown_and_the_refusal_is_explained(restricted: str) -> None:
    async with open_page(link(restricted, "query Other { viewer { email } }")) as page:
        await execute(page)
        await page.wait_for(shows(ONLY))
        await page.evaluate("document.querySelector('.graphiql-query-editor textarea').focus()")
        await page.command("Input.insertText", text="# typed")
        shown = await page.evaluate(
            "document.querySelector('.graphiql-query-editor .view-lines').textContent"
        )
        assert (
            await page.evaluate("Object.keys(localStorage).filter((key) => /tab|quer/.test(key)).length") == 0
        )
    assert "Other" in shown
    assert "typed" not in shown
    assert page.complaints == []


@needs_graphiql
async def test_on_a_phone_the_chosen_document_replaces_the_list(restricted: str) -> None:
    async with open_page("about:blank") as page:
        await set_width(page, 390)
        await page.command("Page.navigate", url=f"{restricted}/graphql")
        await page.wait_for(f"{LISTED}.length === 2")
        await page.evaluate(f"{LISTED}.find((each) => each.textContent.startsWith('Markup')).click()")
        await page.wait_for(f"{READY} && {LISTED}.length === 0")
        await execute(page)
        await page.wait_for(shows("searchDnos"))


async def test_the_documents_are_left_out_for_callers_that_may_not_read(manifest: str) -> None:
    async with (
        serving(REGISTERED_DOCUMENTS=manifest, ANONYMOUS_READING="false") as started,
        httpx.AsyncClient(base_url=started.url, headers={"accept": "text/html"}) as client,
    ):
        page = (await client.get("/graphql")).text
    assert '"enforced":true' in page
    assert "Prices" not in page


@needs_browser
async def test_the_console_opens_links_executes_and_requests_nothing_from_other_hosts(
    without_npm: Path, tmp_path: Path
) -> None:
    query = "query A($slug: String!) { dno(slug: $slug) { name } }"
    async with (
        serving(without_npm) as started,
        open_page(link(started.url, query, {"slug": "n-ergie-netz"})) as page,
    ):
        await page.wait_for("document.querySelector('h1')?.textContent === 'Query console'")
        await page.wait_for("document.querySelector('#query').value.includes('query A')")
        await page.evaluate("document.querySelector('form button').click()")
        await page.wait_for(f"{ANSWER}.includes('N-ERGIE')")
        await page.evaluate(
            "document.querySelector('#examples').selectedIndex = 4;"
            "document.querySelector('#examples').dispatchEvent(new Event('change'))"
        )
        assert "expectedVersion" in await page.evaluate("document.querySelector('#variables').value")
        await page.evaluate("document.querySelector('#operation').value = 'Before'")
        await page.evaluate("document.querySelector('form button').click()")
        await page.wait_for(f"{ANSWER}.includes('version')")
        for width in (1280, 390):
            await set_width(page, width)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await page.screenshot(tmp_path / f"console-{width}.png")
        count = await page.evaluate("document.querySelectorAll('#examples option').length")
        assert await page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert count == len(EXAMPLES)
    assert [url for url in page.requests if not url.startswith(f"{started.url}/")] == []
    assert page.complaints == []


@needs_browser
async def test_the_console_lists_registered_documents(without_npm: Path, manifest: str) -> None:
    async with (
        serving(without_npm, REGISTERED_DOCUMENTS=manifest) as started,
        open_page(f"{started.url}/graphql") as page,
    ):
        await page.wait_for("document.querySelectorAll('#examples option').length === 2")
        await page.evaluate(
            "document.querySelector('#examples').selectedIndex = 0;"
            "document.querySelector('#examples').dispatchEvent(new Event('change'));"
            """document.querySelector('#variables').value = '{"slug": "n-ergie-netz"}'"""
        )
        await page.evaluate("document.querySelector('form button').click()")
        await page.wait_for(f"{ANSWER}.includes('N-ERGIE')")
        assert await page.evaluate("document.querySelector('#query').readOnly")
        assert ONLY in await page.evaluate("document.querySelector('#only:not([hidden])').textContent")
        assert await page.evaluate("window.attacked") is None
    assert page.complaints == []
