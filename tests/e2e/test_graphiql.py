"""What a person sees who opens the endpoint in a browser: GraphiQL, with tabs that show the API."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from graphql import OperationDefinitionNode, OperationType, parse

from app.domain.account import Role
from app.web import pages
from tests.e2e.browser import CHROMIUM, Page, open_page
from tests.e2e.serving import Serving
from tests.e2e.test_pages import set_width

ASSETS = Path(pages.__file__).parent / "assets" / "manifest.json"
EXAMPLES = sorted((Path(pages.__file__).parent / "graphiql" / "examples").glob("*.graphql"))
PASSWORD = "a long enough sentence for tests"
READY = "document.querySelector('.graphiql-query-editor .view-lines')?.textContent.trim().length > 0"
EXECUTE = "document.querySelector('.graphiql-execute-button').click()"
TABS = "[...document.querySelectorAll('.graphiql-tab-button')].map((tab) => tab.textContent)"

needs_graphiql = pytest.mark.skipif(
    CHROMIUM is None or not ASSETS.exists(), reason="there is no Chromium, or GraphiQL was not built"
)


def link(server: str, query: str, variables: object = None) -> str:
    parameters = {"query": query} | ({} if variables is None else {"variables": json.dumps(variables)})
    return f"{server}/graphql?{urlencode(parameters)}"


def shows(text: str) -> str:
    """The editor writes spaces that do not break, and only the lines in view."""
    return (
        "document.querySelector('.result-window')?.textContent.replaceAll('\\u00a0', ' ')"
        f".includes({json.dumps(text)})"
    )


async def execute(page: Page, operation: str | None = None) -> None:
    """Of several operations, one is chosen from the menu of the button."""
    await page.wait_for(READY)
    if operation is None:
        await page.evaluate(EXECUTE)
        return
    item = f"[...document.querySelectorAll('[role=menuitem]')].find((each) => each.textContent === '{operation}')"
    press = "new PointerEvent('pointerdown', { bubbles: true, button: 0 })"
    await page.wait_for(
        f"!!({item}) || (document.querySelector('.graphiql-execute-button').dispatchEvent({press}), false)"
    )
    await page.evaluate(f"({item}).click()")


@needs_graphiql
async def test_a_link_opens_its_query_with_its_variables(server: str, tmp_path: Path) -> None:
    query = "query A($slug: String!) { dno(slug: $slug) { name } }"
    async with open_page(link(server, query, {"slug": "n-ergie-netz"})) as page:
        await execute(page)
        await page.wait_for(shows("N-ERGIE"))
        await page.screenshot(tmp_path / "link.png")
    assert page.complaints == []


@needs_graphiql
async def test_graphiql_executes_its_first_example_without_requests_to_other_hosts(
    server: str, tmp_path: Path
) -> None:
    async with open_page(f"{server}/graphql") as page:
        await execute(page)
        await page.wait_for(shows("N-ERGIE"))
        tabs = await page.evaluate(TABS)
        await page.screenshot(tmp_path / "graphiql.png")
    assert len(tabs) == len(EXAMPLES)
    assert {"TimeOfUse", "Bill", "SignedIn", "Correction"} < set(tabs)
    assert [url for url in page.requests if not url.startswith((f"{server}/", "data:"))] == []
    assert page.complaints == []


async def test_every_example_and_the_first_page_have_correct_responses(server: str) -> None:
    async with httpx.AsyncClient(base_url=server) as client:

        async def ask(query: Path, operation: str | None = None) -> Any:
            body = {"query": query.read_text(), "operationName": operation}
            return (await client.post("/graphql", json=body)).json()

        for example in EXAMPLES:
            for operation in queries_of(example):
                answer = json.dumps(await ask(example, operation))
                assert '"errors"' not in answer, (example.stem, answer)
                assert len(answer) > 100 or operation == "SignedIn", (example.stem, answer)
        static = Path(pages.__file__).parent / "static"
        answer, printed = (
            await ask(static / "question.graphql"),
            json.loads((static / "answer.json").read_text()),
        )
        assert answer["data"] == printed["data"]


def queries_of(example: Path) -> list[str]:
    definitions = parse(example.read_text()).definitions
    return [
        each.name.value
        for each in definitions
        if isinstance(each, OperationDefinitionNode) and each.operation is OperationType.QUERY and each.name
    ]


def test_no_example_has_a_password() -> None:
    for example in EXAMPLES:
        assert "signIn" not in example.read_text(), example.stem


@needs_graphiql
async def test_a_signed_in_user_corrects_an_entry_with_the_example(
    served: Serving, server: str, tmp_path: Path
) -> None:
    """The session is that of the cookie; the second execution has the version from before, and is refused."""
    await served.add_user("graphiql@example.org", PASSWORD, Role.EDITOR)
    correction = next(each for each in EXAMPLES if each.stem == "05-correction").read_text()
    tariff = await tariff_of(server, "avacon-netz")
    changed = {"id": tariff["id"], "expectedVersion": tariff["version"], "reason": "tried"}
    async with open_page(f"{server}/graphql") as page:
        await sign_in(page, "graphiql@example.org")
        await page.command("Page.navigate", url=link(server, "query SignedIn { viewer { email } }"))
        await execute(page)
        await page.wait_for(shows("graphiql@example.org"))
        address = link(server, correction, {"input": {**changed, "arbeit": tariff["arbeit"] + "1"}})
        await page.command("Page.navigate", url=address)
        await page.wait_for(f"{READY} && document.title && location.search.includes('Correction')")
        await execute(page, "Correction")
        await page.wait_for(shows(f'"version": {tariff["version"] + 1}'))
        await execute(page, "Correction")
        await page.wait_for(shows("CONFLICT"))
        await page.screenshot(tmp_path / "correction.png")
    assert page.complaints == []
    assert (await tariff_of(server, "avacon-netz"))["arbeit"] == tariff["arbeit"] + "1"


async def sign_in(page: Page, email: str) -> None:
    query = "mutation ($e: String!, $p: String!) { signIn(email: $e, password: $p) { errors { code } } }"
    body = json.dumps({"query": query, "variables": {"e": email, "p": PASSWORD}})
    signed_in = await page.evaluate(
        "fetch('/graphql', {method: 'POST', headers: {'content-type': 'application/json'},"
        f" body: {json.dumps(body)}}}).then((response) => response.text())"
    )
    assert json.loads(signed_in)["data"] == {"signIn": {"errors": []}}


async def tariff_of(server: str, slug: str) -> dict[str, Any]:
    query = f'{{ dno(slug: "{slug}") {{ tariff(year: 2025, voltageLevel: MS) {{ id version arbeit }} }} }}'
    async with httpx.AsyncClient() as client:
        answer = (await client.post(f"{server}/graphql", json={"query": query})).json()
    found: dict[str, Any] = answer["data"]["dno"]["tariff"]
    return found


STORED = "JSON.stringify([{ ...localStorage }, { ...sessionStorage }])"
KEPT_TABS = (
    "JSON.parse(localStorage['graphiql:tabState'] ?? '{\"tabs\": []}').tabs.map((tab) => tab.query ?? '')"
)
SIGN_IN = 'mutation { signIn(email: "a@example.org", password: "Hunter2") { errors { code } } }'
CHANGE = 'mutation { changePassword(current: "Hunter2", password: "Hunter2") { errors { code } } }'


@needs_graphiql
@pytest.mark.parametrize(
    ("query", "variables", "shown"),
    [
        (SIGN_IN, None, "UNAUTHENTICATED"),
        (CHANGE, None, "UNAUTHENTICATED"),
        ("query A($token: String!) { dno(slug: $token) { name } }", {"token": "Hunter2"}, "null"),
        ("query A($x: String!) { dno(slug: $x) { name } }", {"x": "a", "apiSecret": "Hunter2"}, "null"),
    ],
    ids=["sign-in", "new-password", "token", "secret"],
)
async def test_the_browser_keeps_no_operation_with_a_secret(
    server: str, query: str, variables: object, shown: str
) -> None:
    async with open_page(link(server, "query Harmless { coverage { totalDnos } }")) as page:
        await execute(page)
        await page.wait_for(shows("totalDnos"))
        await page.wait_for(f"{KEPT_TABS}.some((query) => query.includes('Harmless'))")
        await page.command("Page.navigate", url=link(server, query, variables))
        await execute(page)
        await page.wait_for(shows(shown))
        # Tabs are stored with a delay, in order: the empty one is the last.
        await page.evaluate("document.querySelector('.graphiql-tab-add').click()")
        await page.wait_for(f"{KEPT_TABS}.at(-1) === ''")
        stored = await page.evaluate(STORED)
    assert "Harmless" in json.loads(stored)[0]["graphiql:queries"]
    assert "Hunter2" not in stored


@needs_graphiql
async def test_the_browser_keeps_no_headers(server: str) -> None:
    async with open_page(link(server, "query Harmless { viewer { email } }")) as page:
        await page.wait_for(READY)
        await page.evaluate("document.querySelector('[data-name=headers]').click()")
        await page.wait_for(
            "!!document.querySelector('.graphiql-editor-tool .graphiql-editor:not(.hidden) textarea')"
        )
        await page.evaluate(
            "document.querySelector('.graphiql-editor-tool .graphiql-editor:not(.hidden) textarea').focus()"
        )
        await page.command("Input.insertText", text='{"authorization": "Bearer Hunter2"}')
        await execute(page)
        await page.wait_for(shows("UNAUTHENTICATED"))
        await page.evaluate("document.querySelector('.graphiql-tab-add').click()")
        await page.wait_for(f"{KEPT_TABS}.at(-1) === ''")
        stored = await page.evaluate(STORED)
    assert "Harmless" in stored
    assert "Hunter2" not in stored


RECTANGLES = """
['.graphiql-editors', '.graphiql-response', '.graphiql-execute-button', '.graphiql-sidebar button']
  .map((selector) => document.querySelector(selector).getBoundingClientRect())
  .map(({ left, top, right, bottom }) => [left, top, right, bottom])
"""
IN_VIEW = """
(() => {
  const tab = [...document.querySelectorAll('.graphiql-tab')].at(-1);
  tab.scrollIntoView();
  const { left, right, height } = tab.getBoundingClientRect();
  return left >= 0 && right <= innerWidth && height >= 44;
})()
"""


@needs_graphiql
@pytest.mark.parametrize("width", [390, 360])
async def test_on_a_phone_the_panes_are_stacked_and_everything_is_reachable(
    server: str, width: int, tmp_path: Path
) -> None:
    async with open_page("about:blank") as page:
        await set_width(page, width)
        await page.command("Page.navigate", url=f"{server}/graphql")
        await execute(page)
        await page.wait_for(shows("N-ERGIE"))
        editors, response, button, sidebar = await page.evaluate(RECTANGLES)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate(IN_VIEW)
        await page.screenshot(tmp_path / "narrow.png")
        await page.evaluate("document.querySelector('.graphiql-sidebar button').click()")
        await page.wait_for("document.querySelector('.graphiql-plugin')?.textContent.includes('Root Types')")
        docs = await page.evaluate(
            "(({ left, right }) => [left, right])(document.querySelector('.graphiql-plugin').getBoundingClientRect())"
        )
        await page.screenshot(tmp_path / "docs.png")
        await page.evaluate("document.querySelector('.graphiql-sidebar button').click()")
        await page.wait_for("document.querySelector('.graphiql-plugin').textContent === ''")
    assert editors[0] == response[0] == 0
    assert editors[2] == response[2] == width
    assert editors[3] <= response[1] < response[3] <= sidebar[1]
    assert editors[3] - editors[1] > 200
    assert response[3] - response[1] > 200
    for left, top, right, bottom in (button, sidebar):
        assert min(right - left, bottom - top) >= 44
    assert docs == [0, width]
    assert page.complaints == []
