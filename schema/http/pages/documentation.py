"""The documentation as pages, which are rendered once and kept; and the OpenAPI document for readers."""

from collections.abc import Iterator
from functools import cache, lru_cache
from math import inf
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from app.cache.read_set import ReadSet
from app.errors import AppError, Code, quoted
from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.http.conditional_requests import respond_from_cache
from app.http.encoded_response import encode_cached
from app.resources import resources_of
from app.web.documentation import address_of, article, names
from app.web.language import LANGUAGES, Language, language_of, split_path
from app.web.page_view import PageView
from app.web.rendering import render
from schema.http.openapi import write_openapi
from schema.http.pages.representation import represent, with_page_headers
from schema.http.rest import DOCUMENT
from schema.http.rest_operations import own_document
from schema.root import schema

_MAX_PAGES: Final = 512  # in memory, about 20 kB each
_MAX_CONTENTS: Final = 40  # longer tables of contents have the headings of the second level only


class DocumentationPages:
    @property
    def routes(self) -> list[BaseRoute]:
        return list(self._routes())

    def _routes(self) -> Iterator[BaseRoute]:
        for prefix in ("", *(f"/{language}" for language in LANGUAGES)):
            yield Route(f"{prefix}/docs", self.respond)
            yield Route(f"{prefix}/docs/api", self.respond_with_api)
            yield Route(f"{prefix}/docs/{{name}}", self.respond)
            yield Route(f"{prefix}/docs/decisions/{{decision}}", self.respond)

    async def respond(self, request: Request) -> BufferedResponse:
        scope = request.scope
        decision = request.path_params.get("decision")
        name = request.path_params.get("name", "") if decision is None else f"decisions/{decision}"
        if name not in names():
            raise AppError(f"There is no page {quoted(name)} of the documentation.", Code.NOT_FOUND)
        page = _page(name, *_view_of(scope))
        return await _respond(scope, page)

    async def respond_with_api(self, request: Request) -> BufferedResponse:
        scope = request.scope
        page = _api_page(*_view_of(scope))
        return await _respond(scope, page)


def _view_of(scope: Scope) -> tuple[str, Language, str]:
    """What a page depends on beside its name: the prefix, the language, and the public address."""
    return split_path(scope["path"]).prefix, language_of(scope), resources_of(scope).settings.public_url


async def _respond(scope: Scope, page: CachedResponse) -> BufferedResponse:
    if page.edge is None:
        page.edge = resources_of(scope).edge.describe(ReadSet())
    await encode_cached(scope, page)
    return with_page_headers(scope, respond_from_cache(scope, page, inf))


@lru_cache(_MAX_PAGES)
def _page(name: str, prefix: str, language: Language, public_url: str) -> CachedResponse:
    found = article(name, prefix)
    contents = found.headings
    if len(contents) > _MAX_CONTENTS:
        contents = [heading for heading in contents if heading.level == 2]
    view = PageView(language, prefix, address_of(name), public_url=public_url)
    body = render("documentation", view, article=found, contents=contents, name=name)
    return represent(body, language)


@cache
def _api_page(prefix: str, language: Language, public_url: str) -> CachedResponse:
    described: dict[str, Any] = msgspec.json.decode(write_openapi(schema, own_document(DOCUMENT)))
    operations = [
        {"path": path, "method": method.upper(), **operation}
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]
    body = render(
        "openapi",
        PageView(language, prefix, "/docs/api", public_url=public_url),
        info=described["info"],
        operations=operations,
        schemas=described["components"]["schemas"],
    )
    return represent(body, language)
