"""GraphiQL, the viewer of the REST API, the schema as text, and static files. schema/http/pages has the other pages."""

import html
from collections.abc import Mapping
from functools import cache
from math import inf
from pathlib import Path
from string import Template
from typing import Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.http.conditional_requests import respond_from_cache
from app.http.encoded_response import encode_cached
from app.http.entity_tags import known_tag
from app.http.headers import joined
from app.http.static_assets import File
from app.web.assets import HERE, STATIC, static_assets
from app.web.policy import GRAPHIQL_POLICY, PAGE_POLICY, VIEWER_POLICY

_CLOSED_TO_ROBOTS = (
    *("/graphql", "/work", "/de/work", "/en/work", "/api/", "/export/"),
    *("/operators.", "/ranking."),  # files of views
)
_EXAMPLES = HERE / "graphiql" / "examples"
_DOCUMENTS: Final = "<!-- registered documents -->"


class RegisteredDocuments(NamedTuple):
    """The documents of the manifest by name. `enforced`: whether all others are refused."""

    documents: Mapping[str, str] = {}
    enforced: bool = False


def graphiql_page(registered: RegisteredDocuments) -> Response:
    """For browsers that request HTML from the endpoint; a plain console where GraphiQL was not built."""
    headers = {"cache-control": "no-cache", "vary": "accept, authorization, cookie"}
    built = "graphiql.js" in static_assets().addresses
    text, policy = (_graphiql(), GRAPHIQL_POLICY) if built else (_console(), PAGE_POLICY)
    return _page(text.replace(_DOCUMENTS, _data(registered)), policy, headers)


def favicon(request: Request) -> Response:
    tag = b'"%s"' % static_assets().addresses["favicon.svg"].rpartition("/")[2].encode()
    known = known_tag(joined(request.scope["headers"], b"if-none-match") or b"", tag)
    headers = {"cache-control": "public, max-age=86400", "etag": (known or tag).decode()}
    if known is not None:
        return Response(status_code=304, headers=headers)
    return File(STATIC / "favicon.svg", headers=headers)


def robots(request: Request) -> Response:
    """Pages may be indexed; the endpoint, forms and whole tables are for programs and people."""
    closed = "".join(f"Disallow: {path}\n" for path in _CLOSED_TO_ROBOTS)
    return PlainTextResponse(f"User-agent: *\n{closed}Allow: /\n", headers={"cache-control": "max-age=3600"})


def schema_route(sdl: str) -> BaseRoute:
    """The contract as text; `sdl` comes from above, where the graph is."""

    text = CachedResponse(
        sdl.encode(), "text/plain; charset=utf-8", None, cache_control=b"public, max-age=300"
    )

    async def schema(request: Request) -> BufferedResponse:
        await encode_cached(request.scope, text)
        return respond_from_cache(request.scope, text, inf, vary=b"accept-encoding")

    return Route("/schema.graphql", schema)


async def asset(request: Request) -> Response:
    return await static_assets().answer(request.path_params["name"], request.scope)


def viewer(request: Request) -> Response:
    """The description of the REST API with forms that send requests; where it was not built, the page without them."""
    if "viewer.js" not in static_assets().addresses:
        return RedirectResponse("/docs/api", 303)
    return _page(_viewer(), VIEWER_POLICY, {"cache-control": "no-cache"})


routes: list[BaseRoute] = [
    Route("/favicon.ico", favicon),
    Route("/robots.txt", robots),
    Route("/assets/{name}", asset),
    Route("/docs/api/requests", viewer),
]


def _page(text: str, policy: str, headers: dict[str, str]) -> Response:
    return HTMLResponse(text, headers={"content-security-policy": policy, **headers})


@cache
def _graphiql() -> str:
    return _fill("graphiql.html")


@cache
def _viewer() -> str:
    return _fill("viewer.html")


@cache
def _console() -> str:
    options = [_option(path) for path in sorted(_EXAMPLES.glob("*.graphql"))]
    return _fill("console.html").replace("<!-- examples -->", "".join(options))


def _option(path: Path) -> str:
    """The first line of an example is a comment that describes it; its variables are in a file beside it."""
    example, variables = path.read_text(encoding="utf-8"), path.with_suffix(".json")
    title = example.partition("\n")[0].lstrip("# ")
    values = html.escape(variables.read_text(encoding="utf-8")) if variables.exists() else ""
    return f'<option value="{html.escape(example)}" data-variables="{values}">{html.escape(title)}</option>'


def _data(registered: RegisteredDocuments) -> str:
    """A data block, which is not executed; nothing in it can end it."""
    text = msgspec.json.encode(registered._asdict()).decode().replace("<", "\\u003c")
    return f'<script type="application/json" id="registered-documents">{text}</script>'


def _fill(page: str, **texts: str) -> str:
    """An asset's address is found under its name, `page.css` as `page_css`; texts are escaped."""
    addresses = {name.replace(".", "_"): address for name, address in static_assets().addresses.items()}
    escaped = {name: html.escape(text.strip()) for name, text in texts.items()}
    return Template((STATIC / page).read_text(encoding="utf-8")).substitute(addresses | escaped)
