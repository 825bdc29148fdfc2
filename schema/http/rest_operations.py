"""Operations of the graph that REST addresses run: their data without the GraphQL envelope, and cached responses."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from app.auth.roles import require_reader
from app.cache.memory import Entry
from app.cache.read_set import ReadSet
from app.cache.responses import Made, ResponseKey, body_of, head_of
from app.errors import AppError, Code, quoted
from app.http.buffered_response import BufferedResponse
from app.http.cached_request_head import CachedRequestHead
from app.http.cached_response import CachedResponse
from app.http.conditional_requests import respond_from_cache
from app.http.content_negotiation import JSON
from app.http.encoded_response import encode_cached
from app.http.request_state import accepted_coding, request_state
from app.observability.operation_names import NameCount
from app.resources import resources_of
from app.settings import Settings
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import Document, Operation
from schema.execution.operation import Answer
from schema.http.head_handler import HeadHandler
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest
from schema.http.stages.store import store_clock
from schema.root import schema

Map = dict[str, Any]


MAX_FIELDS = 2000  # of one document, those of fragments counted at each place


@cache
def own_document(text: str) -> Document:
    """The limits in the settings apply only to documents that clients send; this one has the fields of all addresses."""
    return DocumentCache(schema, Settings(limit_fields=MAX_FIELDS)).get(text)


class Result(NamedTuple):
    """The JSON of an operation's one field, what it was read from, and the counter of the operation."""

    body: bytes
    read_set: ReadSet
    counter: NameCount | None


class FieldsResult(NamedTuple):
    """The same of an operation with several fields, by name, with their values decoded; `cookies` that it set."""

    data: Map
    read_set: ReadSet
    counter: NameCount | None
    cookies: Sequence[str] = ()


class RestOperations:
    def __init__(self, settings: Settings, runner: OperationRunner) -> None:
        self._settings = settings
        self._runner = runner

    @property
    def public_url(self) -> str:
        return self._settings.public_url

    async def run(self, operation: Operation, variables: Map, request: Request) -> Result:
        """The value of the operation's one field. Raises the first error of the operation."""
        data, read_set, answer = await self._run(operation, variables, request)
        (value,) = data.values()
        return Result(bytes(value), read_set, answer.count)

    async def run_fields(self, operation: Operation, variables: Map, request: Request) -> FieldsResult:
        """The values of all fields of the operation. Raises its first error."""
        data, read_set, answer = await self._run(operation, variables, request)
        decoded = {name: decode_json(value) for name, value in data.items()}
        return FieldsResult(decoded, read_set, answer.count, answer.cookies)

    async def _run(
        self, operation: Operation, variables: Map, request: Request
    ) -> tuple[dict[str, msgspec.Raw], ReadSet, Answer]:
        graphql_request = GraphQLRequest(None, variables, operation.name, {}, JSON)
        answer, _, context = await self._runner.run_operation(
            graphql_request, request.scope, operation, own=True
        )
        envelope = _decode(answer.body)
        if envelope.errors:
            raise envelope.errors[0].app_error()
        assert envelope.data is not None
        assert context is not None
        return envelope.data, context.read_set, answer

    def charge(self, units: int, request: Request) -> None:
        """Work beside that of the operation; it counts like the work of one."""
        self._runner.charges.charge_work(units, 0, request.scope)

    def check_reader(self, request: Request) -> None:
        principal = request_state(request.scope).principal
        require_reader(principal, anonymous_reading=self._settings.anonymous_reading)


# Not by the accepted types: an address has one. Clients that accept others share what a cache has stored.
_VARY: Final = b"authorization, cookie"


class MadeResponse(NamedTuple):
    response: CachedResponse
    read_set: ReadSet


class CachedAddress(HeadHandler):
    """An address whose responses to GET are cached, also for the fast path."""

    def __init__(self, operations: RestOperations) -> None:
        self._operations = operations

    async def respond(self, request: Request) -> BufferedResponse:
        """The endpoint of the route."""
        key = self._key(request)
        response = await self._respond(request, key)
        scope = request.scope
        self.cache_head(scope, key.head, media_type=JSON, route=scope["route"].path)
        return response

    async def _execute(
        self, key: ResponseKey, head: CachedRequestHead, body: bytes, scope: Scope, *, waits: bool
    ) -> BufferedResponse:
        return await self._respond(Request(scope), key, waits=waits)

    async def _respond(self, request: Request, key: ResponseKey, *, waits: bool = True) -> BufferedResponse:
        """A cached response, or a new one that is stored under the key. `waits`: for an equal request that is being executed."""
        self._operations.check_reader(request)
        scope, responses = request.scope, resources_of(request.scope).responses
        entry = responses.get(key) or (await responses.made_by_equal(key) if waits else None)
        if entry is not None:
            await encode_cached(scope, entry.value)
            return self._send(scope, entry.value, entry.until)
        with responses.executing(key):
            return await self._make_and_store(request, key)

    async def _make_and_store(self, request: Request, key: ResponseKey) -> BufferedResponse:
        scope, responses = request.scope, resources_of(request.scope).responses
        since = store_clock(scope)
        response, read_set = await self._make(request)
        response.edge = resources_of(scope).edge.describe(read_set)
        responses.keep(key, response, read_set, since)
        if read_set.uncacheable is None:
            await encode_cached(scope, response)
        return self._send(scope, response, read_set.until)

    def key_of(self, head: CachedRequestHead, body: bytes) -> ResponseKey:
        return ResponseKey(head.head, b"")

    def find_cached_response(
        self, head: CachedRequestHead, body: bytes
    ) -> tuple[BufferedResponse, NameCount] | None:
        entry = resources_of(head.scope).responses.get((head.head, b""))
        return None if entry is None else self.respond_with(head, entry)

    def respond_with(
        self, head: CachedRequestHead, entry: Entry | Made
    ) -> tuple[BufferedResponse, NameCount] | None:
        if entry.value.lacks(accepted_coding(head.scope)):
            return None
        return self._send(head.scope, entry.value, entry.until), entry.value.count

    def _send(self, scope: Scope, response: CachedResponse, until: float) -> BufferedResponse:
        """What the client is sent of a response that is valid until then."""
        return respond_from_cache(scope, response, until, vary=_VARY)

    @abstractmethod
    async def _make(self, request: Request) -> MadeResponse:
        """A new response. Raises AppError."""

    def _key(self, request: Request) -> ResponseKey:
        """The response depends on the role, the path and the query string only."""
        scope, principal = request.scope, request_state(request.scope).principal
        return ResponseKey(head_of(principal.role.value, scope["path"], body_of(scope["query_string"])), b"")


class OperationAddress(CachedAddress):
    """An address with the result of one operation; a subclass chooses the variables and writes the body."""

    media_type = JSON

    def __init__(self, operations: RestOperations, operation: Operation) -> None:
        super().__init__(operations)
        self._operation = operation

    async def _make(self, request: Request) -> MadeResponse:
        variables = self._variables(request)
        result = await self._operations.run(self._operation, variables, request)
        if result.body == b"null":  # only of an operator
            raise AppError(self._absent(variables), Code.NOT_FOUND)
        body = self._write(result.body, request)
        return MadeResponse(CachedResponse(body, self.media_type, result.counter), result.read_set)

    @abstractmethod
    def _variables(self, request: Request) -> Map:
        """With the operator's slug, if the operation is about one. Raises AppError."""

    def _absent(self, variables: Map) -> str:
        """Why there is no operator."""
        return f"There is no operator {quoted(variables['slug'])}."

    @abstractmethod
    def _write(self, result: bytes, request: Request) -> bytes:
        """The body of the response, from the JSON of the operation's field. Raises AppError."""


_SHOWN = ("argument", "limit", "maximum")


class _Error(msgspec.Struct):
    message: str
    extensions: Map

    def app_error(self) -> AppError:
        details = {key: self.extensions[key] for key in _SHOWN if key in self.extensions}
        field = self.extensions.get("field", ())
        return AppError(self.message, Code(self.extensions["code"]), field=field, **details)


class _Envelope(msgspec.Struct):
    data: dict[str, msgspec.Raw] | None = None
    errors: list[_Error] = []


_decode = msgspec.json.Decoder(_Envelope).decode
decode_json = msgspec.json.Decoder().decode
