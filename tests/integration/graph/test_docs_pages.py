"""The documentation as pages: rendered once, without links that lead nowhere, also from an installed package."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from graphql import parse, validate

from app.web.documentation import address_of, names
from app.web.markdown import render_markdown
from schema.root import schema
from tests.architecture.repository import ROOT
from tests.integration.graph.page_client import active_parts_of, text_of
from tests.integration.graph.running import Running

TRAVERSALS = (
    "/docs/..%2F..%2FREADME",
    "/docs/%2e%2e%2fREADME.md",
    "/docs/..%5C..%5CREADME",
    "/docs/decisions/..%2F..%2Fpyproject",
    "/docs/decisions/%2e%2e",
    "/docs/reading.md",
    "/docs/%00",
    "/docs/reading%00.md",
    "/docs/README",
    "/docs/READING",
    "/docs/" + "a" * 3000,
    "/docs/~root",
    "/docs//etc/passwd",
    "/docs/<script>alert(1)</script>",
)


async def test_every_file_of_the_documentation_is_a_page_whose_links_lead_to_pages_and_headings(
    browser: httpx.AsyncClient,
) -> None:
    pages: dict[str, str] = {}
    for name in names():
        page = await browser.get(f"/de{address_of(name)}")
        assert page.status_code == 200, name
        assert active_parts_of(page) == ["script defer src"], name
        assert '<article lang="en">' in page.text
        pages[f"/de{address_of(name)}"] = page.text
    found = 0
    for path, text in pages.items():
        for address in map(unescape, re.findall(r'href="([^"]*)"', text)):
            target, _, anchor = address.partition("#")
            if target.startswith("/de/docs") or (not target and anchor):
                found += 1
                wanted = pages.get(target or path)
                if wanted is None:
                    assert (await browser.get(target)).status_code == 200, (path, address)
                elif anchor:
                    assert f'id="{anchor}"' in wanted, (path, address)
    assert found > 500


async def test_other_addresses_in_the_documentation_are_served_or_of_the_web(
    browser: httpx.AsyncClient,
) -> None:
    others = set()
    for name in names():
        article = re.search(r"<article.*</article>", (await browser.get(address_of(name))).text, re.DOTALL)
        assert article
        addresses = set(map(unescape, re.findall(r'href="([^"]*)"', article[0])))
        others |= {each for each in addresses if not each.startswith(("/docs", "#", "/graphql?"))}
    assert {each for each in others if not each.startswith(("https://", "http://"))} <= {"/schema.graphql"}


async def test_every_query_of_the_documentation_opens_in_graphiql_and_nothing_that_writes(
    browser: httpx.AsyncClient,
) -> None:
    opened = [
        parse_qs(urlsplit(unescape(address)).query)["query"][0]
        for name in names()
        for address in re.findall(
            r'href="(/graphql\?query=[^"]+)"', (await browser.get(address_of(name))).text
        )
    ]
    assert len(opened) > 20
    for text in opened:
        assert validate(schema._schema, parse(text)) == [], text
        assert "mutation" not in text


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_nothing_but_pages_is_read_by_name(browser: httpx.AsyncClient, path: str) -> None:
    page = await browser.get(path)
    assert page.status_code == 404
    assert "root:" not in page.text
    assert "[project]" not in page.text
    assert active_parts_of(page) == ["script defer src"]


async def test_an_unchanged_page_of_the_documentation_is_not_sent_again_and_compressed_where_accepted(
    browser: httpx.AsyncClient,
) -> None:
    plain = await browser.get("/en/docs/limits", headers={"accept-encoding": "identity"})
    packed = await browser.get("/en/docs/limits", headers={"accept-encoding": "gzip"})
    assert plain.text == packed.text
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] != packed.headers["etag"]
    again = await browser.get("/en/docs/limits", headers={"if-none-match": packed.headers["etag"]})
    assert again.status_code == 304
    german = await browser.get("/docs/limits", headers={"accept-language": "de"})
    assert german.headers["content-language"] == "de"
    assert "auf Englisch" in text_of(german)
    assert "accept-language" in german.headers["vary"]


async def test_the_documentation_takes_no_statement(browser: httpx.AsyncClient, server: Running) -> None:
    await server.delivered()
    before = server.resources.pool.statements
    for path in ("/docs", "/docs/writing", "/docs/decisions", "/docs/changelog", "/docs/starter-data"):
        assert (await browser.get(path)).status_code == 200, path
    assert server.resources.pool.statements == before


def _members(description: Any) -> set[str]:
    """Those of all objects that are described there, also of nullable ones, in lists and as one of several."""
    if isinstance(description, list):
        return set().union(*map(_members, description))
    if not isinstance(description, dict):
        return set()
    return set(description.get("properties", ())).union(*map(_members, description.values()))


async def test_the_description_of_the_rest_api_has_every_address_parameter_response_and_schema(
    browser: httpx.AsyncClient,
) -> None:
    described = (await browser.get("/api/v1/openapi.json")).json()
    page = await browser.get("/en/docs/api")
    text = text_of(page).replace("\u200b", "")
    assert active_parts_of(page) == ["script defer src"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in text
            assert f'id="{operation["operationId"]}"' in page.text
            assert operation["summary"] in text
            for parameter in operation.get("parameters", ()):
                assert f"<code>{parameter['name']}</code>" in page.text
            for status in operation["responses"]:
                assert f"<code>{status}</code>" in page.text
    for name, schema_of in described["components"]["schemas"].items():
        assert f'id="{name}"' in page.text
        for member in _members(schema_of):
            assert f"<dt><code>{member}</code>" in page.text, (name, member)
    refused = described["paths"]["/api/v1/dnos/{slug}/atypical-use/{year}"]["post"]["responses"]["400"]
    assert "rows" in _members(refused)
    for member in _members(described["paths"]):
        assert f"<dt><code>{member}</code>" in page.text, member
    anchors = set(re.findall(r'href="#([^"]+)"', page.text))
    assert {anchor for anchor in anchors if f'id="{anchor}"' not in page.text} == set()
    ids = re.findall(r' id="([^"]+)"', page.text)
    assert len(ids) == len(set(ids))


async def test_the_description_names_the_types_of_which_an_answer_has_one(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/en/docs/api")).text
    assert "Tariff or TimeOfUseTariff or Price or null" in page
    names = re.findall(r'<p class="quiet">(\w+)</p>\s*<dl class="members">', page)
    assert names == ["Tariff", "TimeOfUseTariff", "Price"]


def test_markdown_becomes_html_without_scripts_styles_and_foreign_schemes() -> None:
    text = """# A <b>title</b>

<script>alert(1)</script> and <img src=x onerror=alert(1)> and [a](javascript:alert(1)) and [b](data:text/html,x)
and [c](//evil.example/x) and ![image](https://evil.example/x.png) and [d](other.md "title")

## Part `one` & two

## Part `one` & two

| Left | Right | |
| :-- | --: | --- |
| 1 | 2 | <i> |

```graphql
{ a(b: "<") }
```
"""
    resolved: list[str] = []

    def resolve(target: str) -> str | None:
        resolved.append(target)
        return "/docs/other" if target == "other.md" else None

    article = render_markdown(text, resolve, lambda query: "/graphql?query=x&y")
    assert article.title == "A <b>title</b>"
    assert [heading.anchor for heading in article.headings] == ["part-one--two", "part-one--two-1"]
    for part in ("<script", "<img", "<b>", "<i>", "style=", 'javascript:alert(1)"', 'evil.example/x"'):
        assert part not in article.html, part
    for part in (
        '<a href="/docs/other">d</a>',
        '<th class="figure" scope="col">Right</th>',
        '<td class="figure">2</td>',
        "<td></td>",
        'href="/graphql?query=x&amp;y"',
        "{ a(b: &#34;&lt;&#34;) }",
    ):
        assert part in article.html, part
    assert "other.md" in resolved


def test_the_image_has_the_documentation() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in ("docs/", "CHANGELOG.md"):
        assert f"!{name.rstrip('/')}" in ignored
        assert re.search(rf"^COPY .*\b{re.escape(name)} ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
