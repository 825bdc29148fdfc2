"""HTML pages load nothing from other servers, and browsers cache them as long as they are valid."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import graphql
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from app.http.static_assets import StaticAssets
from app.web import assets, pages
from tests.codings import CODINGS, compressions, decoded

EXAMPLES = sorted((Path(pages.__file__).parent / "graphiql" / "examples").glob("*.graphql"))
OUTSIDE = re.compile(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//(?!www\.govdata\.de|www\.marktstamm)""")


def endpoint(request: object) -> Response:
    return pages.graphiql_page(pages.RegisteredDocuments())


@pytest.fixture
async def browser() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[*pages.routes, Route("/graphql", endpoint)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def unbuilt(monkeypatch, tmp_path):
    """A machine without npm."""
    own = [path for path in assets.STATIC.iterdir() if path.suffix in (".css", ".js", ".svg")]
    monkeypatch.setattr(pages, "static_assets", lambda: StaticAssets(own, tmp_path))
    pages._console.cache_clear()
    yield
    pages._console.cache_clear()


def test_the_example_response_of_the_home_page_matches_its_query():
    question = graphql.parse((assets.STATIC / "question.graphql").read_text())
    answer = json.loads((assets.STATIC / "answer.json").read_text())["data"]
    assert _shape(question.definitions[0].selection_set) == _keys(answer)


async def test_graphiql_loads_nothing_from_other_servers(browser):
    answer = await browser.get("/graphql")
    assert not OUTSIDE.search(answer.text)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy + ";"
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert not re.search(r"<script(?![^>]* src=|[^>]* type=\"application/json\")|\son\w+=", answer.text)
    for asset in re.findall(r'"(/assets/[^"]+)"', answer.text):
        assert (await browser.get(asset)).status_code == 200


async def test_without_npm_a_console_replaces_graphiql(browser, unbuilt):
    page = (await browser.get("/graphql")).text
    assert "make assets" in page
    assert page.count("<option") == len(EXAMPLES)
    assert not OUTSIDE.search(page)
    for asset in re.findall(r'"(/assets/[^"]+)"', page):
        assert (await browser.get(asset)).status_code == 200


async def test_assets_are_immutable_because_their_names_contain_a_hash(browser):
    answer = await browser.get(assets.static_assets().addresses["page.css"])
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=", "bytes=5-1", "bytes=-0", "bytes=99999999-"])
@pytest.mark.parametrize("address", ["page.css", "/favicon.ico"])
async def test_a_range_that_cannot_be_read_or_satisfied_is_ignored(browser, address, wanted):
    address = assets.static_assets().addresses.get(address, address)
    answer = await browser.get(address, headers={"range": wanted, "accept-encoding": "identity"})
    assert answer.status_code == 200
    some = await browser.get(address, headers={"range": "bytes=0-9", "accept-encoding": "identity"})
    assert (some.status_code, some.content) == (206, answer.content[:10])


async def test_built_assets_are_sent_in_the_best_accepted_encoding(tmp_path):
    for name, text in {
        "a-X1.js": "long " * 300,
        "a-X1.js.br": "br",
        "a-X1.js.gz": "gz",
        "manifest.json": "{}",
    }.items():
        (tmp_path / name).write_text(text)
    built = StaticAssets([], tmp_path)
    encodings = []
    for accepted in (b"gzip, deflate, br, zstd", b"gzip, deflate", b"", b"br;q=0, gzip", b"zstd"):
        scope = {"headers": [(b"accept-encoding", accepted)]}
        encodings.append((await built.answer("a-X1.js", scope)).headers.get("content-encoding"))
    assert encodings == ["br", "gzip", None, "gzip", "zstd"]


async def test_own_assets_are_compressed_once_and_not_sent_again_to_those_who_have_them(browser):
    address = assets.static_assets().addresses["page.css"]
    plain = await browser.get(address, headers={"accept-encoding": "identity"})
    tags = {plain.headers["etag"]}
    for coding in CODINGS:
        async with browser.stream("GET", address, headers={"accept-encoding": coding}) as answer:
            assert answer.headers["content-encoding"] == coding
            body = b"".join([part async for part in answer.aiter_raw()])
        assert decoded(coding, body) == plain.content
        assert len(body) < len(plain.content) / 2
        before = compressions()
        known = {"accept-encoding": "br", "if-none-match": answer.headers["etag"]}
        again = await browser.get(address, headers=known)
        await browser.get(address, headers={"accept-encoding": coding})
        assert (again.status_code, again.headers["etag"]) == (304, answer.headers["etag"])
        assert compressions() == before
        tags.add(answer.headers["etag"])
    assert len(tags) == 1 + len(CODINGS)


@pytest.mark.parametrize("name", ["../pages.py", "nothing.js", "manifest.json", "home.html", "..%2fpages.py"])
async def test_nothing_else_is_served_as_an_asset(browser, name):
    assert (await browser.get(f"/assets/{name}")).status_code == 404


async def test_there_is_a_favicon(browser):
    answer = await browser.get("/favicon.ico")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    again = await browser.get("/favicon.ico", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.headers["etag"]) == (304, answer.headers["etag"])
    assert again.headers["cache-control"] == answer.headers["cache-control"]
    other = await browser.get("/favicon.ico", headers={"if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, answer.content)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_has_a_title_and_a_tab(example):
    text = example.read_text()
    assert text.startswith("# ")
    assert len(text.partition("\n")[0]) < 60
    assert f'"./examples/{example.name}"' in (example.parents[1] / "examples.js").read_text()
    assert graphql.parse(text).definitions[0].name is not None


def _shape(selection: graphql.SelectionSetNode) -> object:
    return {
        field.name.value: _shape(field.selection_set) if field.selection_set else None
        for field in selection.selections
        if isinstance(field, graphql.FieldNode)
    }


def _keys(value: object) -> object:
    match value:
        case dict():
            return {key: _keys(inner) for key, inner in value.items()}
        case [first, *_]:
            return _keys(first)
        case _:
            return None
