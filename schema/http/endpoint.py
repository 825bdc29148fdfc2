"""The ASGI app of the graph: each request enters here once and passes the stages of schema/http/stages."""

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.cache.responses import ResponseKey
from app.errors import AppError, Overloaded
from app.http.conditional_requests import VARY
from app.http.content_negotiation import prefers_page
from app.http.errors import pace, respond
from app.http.request_state import joined_header, request_state
from app.settings import Settings
from app.web.pages import RegisteredDocuments, graphiql_page
from schema.execution.documents import Operation, RejectedDocument
from schema.execution.operation import write_errors
from schema.http.connections import Connections
from schema.http.fast_path import FastPath
from schema.http.framings import FRAMINGS
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest, ResultKind, status_for, wanted_stream
from schema.http.result_stream import ResultStream
from schema.http.shared_streams import SharedStreams, token_of
from schema.http.stages.look_up import look_up_encoded, response_key
from schema.http.stages.parse import parse_request, receive_body
from schema.http.stages.write import write_answer, write_in_stream
from schema.http.uncached import UncachedRequests
from schema.root import schema


class GraphQLEndpoint:
    def __init__(self, settings: Settings, runner: OperationRunner) -> None:
        self._settings = settings
        self._lookup = runner.lookup
        self._admission = runner.admission
        self._uncached = UncachedRequests(settings, runner)
        self._fast_path = FastPath(settings, runner.admission, self._uncached)
        self._connections = Connections(schema, settings, runner)
        self._shared = SharedStreams(settings, self._connections)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._connections.serve_websocket(scope, receive, send)
            return
        response: ASGIApp
        try:
            response = await self._respond(Request(scope, receive))
        except AppError as error:
            await pace(scope, error)
            response = respond(scope, error)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> ASGIApp:
        scope, settings = request.scope, self._settings
        if scope["method"] in ("GET", "HEAD") and _wants_page(request):
            return graphiql_page(self._registered(scope))
        if (managed := self._shared.manage(request)) is not None:
            return managed
        body = await receive_body(request)
        if scope["method"] == "POST" and (token := token_of(scope)) is not None:
            return await self._start_on_shared_stream(token, body, scope)
        key = response_key(scope, body, anonymous_reading=settings.anonymous_reading)
        response: ASGIApp
        cached = await look_up_encoded(scope, key)
        if cached is not None:
            response, _ = cached
        elif (made := await self._uncached.made_by_equal(key, scope)) is not None:
            response = made
        else:
            try:
                response = await self._respond_uncached(key, body, scope)
            except Overloaded as error:
                if scope["method"] != "POST":
                    raise  # the head's lines would not be those of an answer
                await pace(scope, error)
                response = respond(scope, error, {"vary": VARY.decode()})
        if not isinstance(response, ResultStream):
            # Also of a refused request: the next one with this head is refused for less.
            self._fast_path.cache_request_head(scope, key.head)
        return response

    async def _respond_uncached(self, key: ResponseKey, body: bytes, scope: Scope) -> ASGIApp:
        self._admission.reject_if_full(request_state(scope))
        parsed = parse_request(scope, body, self._settings.max_batch_operations)
        looked_up: Operation | RejectedDocument | None = None
        if isinstance(parsed, GraphQLRequest) and _may_stream(scope):
            looked_up = await self._lookup.look_up_or_reject(parsed, scope)
            stream = self._stream(parsed, looked_up, scope)
            if stream is not None:
                return stream
        response = await self._uncached.respond_uncached(key, parsed, scope, looked_up)
        if isinstance(looked_up, RejectedDocument):
            # graphql-sse requires that: its clients take JSON for a broken connection, and send the document again and again.
            wanted = wanted_stream(scope["headers"], subscribes=False)
            if wanted is not None:
                return write_in_stream(response.body, FRAMINGS[wanted])
        return response

    async def _start_on_shared_stream(self, token: str, body: bytes, scope: Scope) -> ASGIApp:
        request = parse_request(scope, body, 0)
        assert isinstance(request, GraphQLRequest)  # a batch is refused
        self._admission.check_extensions(request)
        operation = await self._lookup.look_up_or_reject(request, scope)
        if isinstance(operation, RejectedDocument):
            answer = write_errors(operation.errors, request_state(scope).request_id, operation.code)
            status = status_for(ResultKind.REJECTED, request.media_type)
            return write_answer(answer, status, f"{request.media_type}; charset=utf-8")
        return await self._shared.start(token, request, operation, scope)

    def _registered(self, scope: Scope) -> RegisteredDocuments:
        """Without the documents for callers that may not read."""
        registered, principal = self._lookup.registered, request_state(scope).principal
        readable = self._settings.anonymous_reading or not principal.anonymous
        return registered if readable else RegisteredDocuments(enforced=registered.enforced)

    def _stream(
        self, request: GraphQLRequest, looked_up: Operation | RejectedDocument, scope: Scope
    ) -> ResultStream | None:
        """None if the response is not a stream of results; no stream is opened for a rejected document."""
        if isinstance(looked_up, RejectedDocument):
            return None
        subscribes = looked_up.type is OperationType.SUBSCRIPTION
        wanted = wanted_stream(scope["headers"], subscribes=subscribes)
        if wanted is None:
            return None
        return self._connections.open_stream(request, looked_up, scope, FRAMINGS[wanted])


def _wants_page(request: Request) -> bool:
    """A link with a query opens it in GraphiQL; one with `extensions` (a persisted query) has nothing to show there."""
    if b"extensions=" in request.scope["query_string"]:
        return False
    return prefers_page(joined_header(request.scope, b"accept"))


def _may_stream(scope: Scope) -> bool:
    return scope["method"] != "HEAD" and wanted_stream(scope["headers"], subscribes=True) is not None
