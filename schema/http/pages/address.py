"""A page: the result of one operation, rendered by the template of its name, as a cached response."""

import re
from collections.abc import Mapping
from functools import cached_property
from math import inf
from typing import Final, NamedTuple
from urllib.parse import urlencode

import msgspec
from graphql import print_ast
from starlette.requests import Request
from starlette.types import Scope

from app.cache.read_set import ReadSet
from app.cache.responses import ResponseKey, body_of, head_of
from app.domain.account import Role
from app.errors import AppError, Code, quoted
from app.http.buffered_response import BufferedResponse
from app.http.cached_response import CachedResponse
from app.http.request_state import accepted_coding, header, request_state
from app.observability.operation_names import NameCount
from app.web.language import Language, language_of, split_path
from app.web.page_view import PageView
from app.web.rendering import render
from schema.execution.documents import Operation
from schema.http.pages.parameters import PageParameters
from schema.http.pages.representation import HTML, represent, with_page_headers
from schema.http.rest_operations import CachedAddress, MadeResponse, Map, RestOperations

# The name of a fragment where it is spread, and not `... on Type`.
_SPREAD: Final = re.compile(r"\.\.\.(?!\s*on\b)\s*(\w+)")


class Loaded(NamedTuple):
    """The values of a template, what they were read from, and the counter of the operation."""

    values: Map
    read_set: ReadSet
    counter: NameCount | None


class PageAddress(CachedAddress):
    """`similar`: the operation that finds operators with names like that of an unknown one.

    `computed`: the variables that are no parameters of the page. `further`: parameters that are no variables, with their GraphQL
    types.
    """

    pages = True
    media_type = HTML
    computed = frozenset[str]()
    further: Mapping[str, str] = {}

    def __init__(self, operations: RestOperations, operation: Operation, similar: Operation) -> None:
        assert operation.name is not None
        super().__init__(operations)
        self._operation = operation
        self._template = operation.name
        self._parameters = PageParameters(operation, self.computed, self.further)
        self._similar = similar

    @cached_property
    def _text(self) -> str:
        """When it is first needed: to print the documents of all pages takes a third of a start."""
        return text_of(self._operation)

    async def respond(self, request: Request) -> BufferedResponse:
        # In the first response to a head, and so in the cached head.
        return with_page_headers(request.scope, await super().respond(request))

    def _send(self, scope: Scope, response: CachedResponse, until: float) -> BufferedResponse:
        """Made once, as replies to POST are: the head of a page does not depend on the lifetime of its records. That for caches at
        the edge depends on the caller, and where the page changes with the time also on that.
        """
        edge = request_state(scope).resources.edge
        differs = edge.on and not (edge.is_shared(scope) and response.edge and response.edge.changes == inf)
        if differs or response.cache_control is None or header(scope, b"if-none-match") is not None:
            return super()._send(scope, response, until)
        coding = accepted_coding(scope).coding
        if coding not in response.encoded:
            coding = None
        reply = response.replies.get(coding)
        if reply is None:
            reply = response.replies[coding] = super()._send(scope, response, until)
        return reply

    async def _make(self, request: Request) -> MadeResponse:
        scope = request.scope
        given = self._parameters.given(request)
        language = language_of(scope)
        variables = self._variables(self._parameters.variables(request.path_params, given), language)
        values, read_set, counter = await self._load(variables, request)
        # One page for all of a role, since the role is part of the key.
        editor = request_state(scope).principal.role.includes(Role.EDITOR)
        view = PageView(language, *split_path(scope["path"]), given, editor, self._operations.public_url)
        body = self._body(view, values)
        response = represent(body, language, counter, self.media_type)
        return MadeResponse(response, read_set)

    def _body(self, view: PageView, values: Map) -> bytes:
        return render(self._template, view, **values)

    async def _load(self, variables: Map, request: Request) -> Loaded:
        """What the template is given."""
        result = await self._operations.run_fields(self._operation, variables, request)
        await self._require_operator(result.data, variables, request)
        values = self._values(result.data, variables)
        result.read_set.change_at(values.pop("valid_until", inf))
        return Loaded(values, result.read_set, result.counter)

    def _variables(self, variables: Map, language: Language) -> Map:
        """The variables of the operation; a subclass may add some that follow from others."""
        return variables

    def _values(self, data: Map, variables: Map) -> Map:
        """What the template is given: the fields of the operation, and the address of its query in GraphiQL.

        A subclass whose values depend on the time adds `valid_until`, on the clock of app/cache/clock.py.
        """
        return {**data, "query_address": query_address(self._text, variables)}

    async def _require_operator(self, data: Map, variables: Map, request: Request) -> None:
        """Raises NOT_FOUND, with similar names, for a page of an operator that does not exist."""
        if data.get("dno", data) is not None:
            return
        slug = variables["slug"]
        query = slug.replace("-", " ")[:100]
        found = await self._operations.run_fields(self._similar, {"query": query}, request)
        near = [match["dno"] for match in found.data["searchDnos"]]
        raise AppError(f"There is no operator {quoted(slug)}.", Code.NOT_FOUND, near=near)

    def _key(self, request: Request) -> ResponseKey:
        """It also depends on the language."""
        scope, principal = request.scope, request_state(request.scope).principal
        head = head_of(
            principal.role.value,
            scope["path"],
            body_of(scope["query_string"]),
            language_of(scope),
        )
        return ResponseKey(head, b"")


def query_address(text: str, variables: Map) -> str:
    """Opens GraphiQL with the operation and these variables."""
    parameters = {"query": text}
    if variables:
        parameters["variables"] = msgspec.json.encode(variables).decode()
    return f"/graphql?{urlencode(parameters)}"


def text_of(operation: Operation) -> str:
    """The operation with the fragments that it spreads, and without the other operations of its document."""
    fragments = operation.document.fragments
    texts = {"": print_ast(operation.node)}
    missing = set(_SPREAD.findall(texts[""]))
    while missing:
        texts |= {name: print_ast(fragments[name]) for name in sorted(missing)}
        missing = {name for text in texts.values() for name in _SPREAD.findall(text)} - set(texts)
    return "\n\n".join(texts.values())
