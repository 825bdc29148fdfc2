"""Connections that stay open: WebSockets and event streams, bounded together and for each client address."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from graphql import OperationType
from starlette.types import Receive, Scope, Send
from strawberry import Schema

from app.errors import Overloaded
from app.http.client_address import LOCAL
from app.limits.fair_share import FairShare, Member, NoPlace
from app.observability import metrics
from app.settings import Settings
from schema.execution.documents import RejectedDocument
from schema.execution.operation import Answer
from schema.execution.subscription import Subscriptions
from schema.http.answers import Answers, Graph
from schema.http.caller import Caller
from schema.http.event_stream import EventStream
from schema.http.request import GraphQLRequest, wants_stream
from schema.http.websocket import Socket


class Connections:
    def __init__(self, schema: Schema, settings: Settings, graph: Graph) -> None:
        self._settings = settings
        self._graph = graph
        self._answers = Answers(
            graph,
            Subscriptions(schema, deadline=settings.operation_timeout),
            settings.max_subscription_bytes,
        )
        self._places: FairShare[Member] = FairShare(settings.max_streams, settings.max_streams_per_address)

    async def converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket, until it is closed."""
        socket = Socket(self._settings, self._answers, scope, receive, send)
        with self._place(scope, socket):
            await socket.run()

    async def stream(self, request: GraphQLRequest, scope: Scope) -> EventStream | None:
        """The answer of a request that wants an event stream, and whose document can be executed."""
        headers = scope["headers"]
        if not wants_stream(headers, subscribes=True) or scope["method"] == "HEAD":
            return None
        try:
            operation = await self._graph.operation(request, scope)
        except RejectedDocument:
            return None
        if not wants_stream(headers, subscribes=operation.type is OperationType.SUBSCRIPTION):
            return None
        caller = Caller(scope)
        caller.require_reader()
        with _told_as_overloaded():
            self._places.check(_address(scope))
        stream = EventStream(caller, self._settings.socket_check_interval)
        stream.opened = self._opened(request, scope, caller, stream)
        return stream

    @asynccontextmanager
    async def _opened(
        self, request: GraphQLRequest, scope: Scope, caller: Caller, stream: EventStream
    ) -> AsyncIterator[AsyncIterator[Answer]]:
        with self._place(scope, stream):
            async with self._answers.open(request, scope, caller) as answers:
                yield answers

    @contextmanager
    def _place(self, scope: Scope, member: Member) -> Iterator[None]:
        address = _address(scope)
        with _told_as_overloaded():
            self._places.admit(address, member)
        metrics.SOCKETS.inc()
        try:
            yield
        finally:
            self._places.leave(address, member)
            metrics.SOCKETS.dec()


def _address(scope: Scope) -> str:
    """Also behind our proxies it is the client's own."""
    address: str = scope["state"].get("address", LOCAL)
    return address


@contextmanager
def _told_as_overloaded() -> Iterator[None]:
    try:
        yield
    except NoPlace as refusal:
        raise Overloaded(_SENTENCES[refusal.reason], retry_after=10) from None


_SENTENCES = {
    "no_room": "There are too many open connections; please try again later.",
    "no_share": "There are too many open connections of your address; please close one.",
}
