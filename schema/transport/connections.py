"""Connections that stay open: WebSockets and event streams, bounded together."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from graphql import OperationType
from starlette.types import Receive, Scope, Send
from strawberry import Schema

from app.errors import Overloaded
from app.http.request import GraphQLRequest, wants_stream
from app.observability import metrics
from app.settings import Settings
from schema.execution.documents import RefusedDocument
from schema.execution.operation import Answer
from schema.execution.subscription import Subscriptions
from schema.transport.answers import Answers, Graph
from schema.transport.caller import Caller
from schema.transport.event_stream import EventStream
from schema.transport.websocket import Socket


class Connections:
    def __init__(self, schema: Schema, settings: Settings, graph: Graph) -> None:
        self._settings = settings
        self._graph = graph
        self._answers = Answers(
            graph,
            Subscriptions(schema, deadline=settings.operation_deadline),
            settings.max_subscription_bytes,
        )
        self._open = 0

    async def converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket, until it is closed."""
        with self._place():
            await Socket(self._settings, self._answers, scope, receive, send).run()

    async def stream(self, request: GraphQLRequest, scope: Scope) -> EventStream | None:
        """The answer of a request that wants an event stream, and whose document can be executed."""
        headers = scope["headers"]
        if not wants_stream(headers, subscribes=True) or scope["method"] == "HEAD":
            return None
        try:
            operation = await self._graph.operation(request, scope)
        except RefusedDocument:
            return None
        if not wants_stream(headers, subscribes=operation.type is OperationType.SUBSCRIPTION):
            return None
        caller = Caller(scope)
        caller.require_reader()
        self._check_room()
        return EventStream(self._opened(request, scope, caller), caller, self._settings.socket_check)

    @asynccontextmanager
    async def _opened(
        self, request: GraphQLRequest, scope: Scope, caller: Caller
    ) -> AsyncIterator[AsyncIterator[Answer]]:
        with self._place():
            async with self._answers.open(request, scope, caller) as answers:
                yield answers

    def _check_room(self) -> None:
        if self._open >= self._settings.sockets_most:
            raise Overloaded("There are too many open connections; please try again later.", retry_after=10)

    @contextmanager
    def _place(self) -> Iterator[None]:
        self._check_room()
        self._open += 1
        metrics.SOCKETS.inc()
        try:
            yield
        finally:
            self._open -= 1
            metrics.SOCKETS.dec()
