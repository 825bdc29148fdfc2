"""The requests of graphql-sse in its single connection mode: they reserve, open, use and leave a shared stream.

PUT reserves one, GET opens it, POST starts an operation on it, and DELETE stops one. The last three name the token of the stream,
in a header or in the query string.
"""

import secrets
from contextlib import ExitStack
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Scope

from app.errors import AppError, BadInput, Code
from app.http.content_negotiation import EVENT_STREAM, accepted_stream
from app.http.request_state import header, joined_header
from app.settings import Settings
from schema.execution.documents import Operation
from schema.http.caller import Caller
from schema.http.connections import Connections
from schema.http.request import GraphQLRequest
from schema.http.shared_stream import SharedStream

TOKEN_HEADER: Final = b"x-graphql-event-stream-token"
_LONGEST_ID: Final = 200
_NO_STORE: Final = {"cache-control": "no-store"}


class SharedStreams:
    """Those of this process: a token means nothing to another one."""

    def __init__(self, settings: Settings, connections: Connections) -> None:
        self._settings = settings
        self._connections = connections
        self._streams: dict[str, SharedStream] = {}

    def manage(self, request: Request) -> ASGIApp | None:
        """The response to all but a POST; None for a request of another kind. Raises AppError."""
        scope = request.scope
        method = scope["method"]
        if method == "PUT":
            return self._reserve(scope)
        if method == "GET":
            accepted = accepted_stream(joined_header(scope, b"accept"))
            token = token_of(scope) if accepted == EVENT_STREAM else None
            return None if token is None else self._stream(token, scope).response(scope)
        if method != "DELETE":
            return None
        stream = self._stream(token_of(scope) or "", scope)
        stream.stop(_checked_id(_parameter(scope, "operationId")))
        return Response(headers=_NO_STORE)

    async def start(
        self, token: str, request: GraphQLRequest, operation: Operation, scope: Scope
    ) -> Response:
        """Raises AppError for an operation that is not started."""
        stream = self._stream(token, scope)
        id = _checked_id(request.extensions.get("operationId"))
        caller = Caller(scope)
        caller.require_reader()
        await stream.start(id, self._connections.results(request, operation, scope, caller), scope)
        return Response(status_code=202, headers=_NO_STORE)

    def _reserve(self, scope: Scope) -> Response:
        if self._settings.workers > 1:
            raise AppError(
                "This server runs several processes, so a stream cannot be shared by several requests; "
                "please open one event stream for each subscription, or a WebSocket.",
                Code.NOT_IMPLEMENTED,
            )
        Caller(scope).require_reader()
        token = secrets.token_urlsafe(32)
        held = ExitStack()
        stream = SharedStream(scope, self._settings, held.close)
        try:
            held.enter_context(self._connections.admitted(scope, stream))
        except AppError:
            stream.end()
            raise
        self._streams[token] = stream
        held.callback(self._streams.pop, token)
        return PlainTextResponse(token, 201, headers=_NO_STORE)

    def _stream(self, token: str, scope: Scope) -> SharedStream:
        """Raises NOT_FOUND, also for the stream of another caller."""
        stream = self._streams.get(token)
        if stream is None or not stream.belongs_to(scope):
            raise AppError(
                "There is no such stream of yours on this instance: it has ended, or its reservation has expired, "
                "or another instance has it. Please reserve another one by PUT.",
                Code.NOT_FOUND,
            )
        return stream


def token_of(scope: Scope) -> str | None:
    """None for a request of the distinct connections mode."""
    sent = header(scope, TOKEN_HEADER)
    if sent is not None:
        return sent.decode("latin-1")
    if b"token=" not in scope["query_string"]:
        return None
    return _parameter(scope, "token")


def _parameter(scope: Scope, name: str) -> str | None:
    try:
        values = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=50).get(name)
    except ValueError:
        raise BadInput("The query string cannot be read.") from None
    return values[0] if values else None


def _checked_id(id: Any) -> str:
    if not isinstance(id, str) or not 0 < len(id) <= _LONGEST_ID:
        raise BadInput(
            f"An operation of a shared stream needs an operationId of 1 to {_LONGEST_ID} characters."
        )
    return id
