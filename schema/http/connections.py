"""Open connections (WebSockets and event streams), limited in total and per client address."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

from starlette.types import Receive, Scope, Send
from strawberry import Schema

from app.errors import Overloaded
from app.http.request_state import request_state
from app.limits.fair_share import FairShare, LimitReached, Member
from app.observability import metrics
from app.settings import Settings
from schema.execution.documents import Operation
from schema.execution.operation import Answer
from schema.execution.subscription import Subscriptions
from schema.http.caller import Caller
from schema.http.framings import Framing
from schema.http.operation_results import OperationResults
from schema.http.operation_runner import OperationRunner
from schema.http.periodic_checks import PeriodicChecks
from schema.http.request import GraphQLRequest
from schema.http.result_stream import ResultStream
from schema.http.websocket import WebSocketConnection


class Connections:
    def __init__(self, schema: Schema, settings: Settings, runner: OperationRunner) -> None:
        self._checks = PeriodicChecks(settings.socket_check_interval)
        self._results = OperationResults(
            settings, runner, Subscriptions(schema, deadline=settings.operation_timeout)
        )
        self._limit = FairShare(settings.max_streams, settings.max_streams_per_address)

    async def serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Returns when it is closed."""
        socket = WebSocketConnection(self._checks, self._results, scope, receive, send)
        with self.admitted(scope, socket):
            await socket.serve()

    def open_stream(
        self, request: GraphQLRequest, operation: Operation, scope: Scope, framing: Framing
    ) -> ResultStream:
        """A response that sends the results as they come. Raises Overloaded, and Unauthenticated."""
        caller = Caller(scope)
        caller.require_reader()
        with _as_overloaded():
            self._limit.check(_address(scope))
        stream = ResultStream(caller, framing, self._checks)
        stream.opened = self._hold_stream(request, operation, scope, caller, stream)
        return stream

    def results(
        self, request: GraphQLRequest, operation: Operation, scope: Scope, caller: Caller
    ) -> AbstractAsyncContextManager[AsyncIterator[Answer]]:
        """Those of an operation on a stream that is counted already."""
        return self._results.open_results(request, scope, caller, operation)

    @asynccontextmanager
    async def _hold_stream(
        self,
        request: GraphQLRequest,
        operation: Operation,
        scope: Scope,
        caller: Caller,
        stream: ResultStream,
    ) -> AsyncIterator[AsyncIterator[Answer]]:
        with self.admitted(scope, stream):
            async with self._results.open_results(request, scope, caller, operation) as answers:
                yield answers

    @contextmanager
    def admitted(self, scope: Scope, member: Member) -> Iterator[None]:
        """Counts it while it is open. Raises Overloaded."""
        address = _address(scope)
        with _as_overloaded():
            self._limit.admit(address, member)
        metrics.SOCKETS.inc()
        try:
            yield
        finally:
            self._limit.leave(address, member)
            metrics.SOCKETS.dec()


def _address(scope: Scope) -> str:
    """The address of the client, also behind trusted proxies."""
    return request_state(scope).address


@contextmanager
def _as_overloaded() -> Iterator[None]:
    try:
        yield
    except LimitReached as error:
        message = _TOO_MANY_OF_ADDRESS if error.reason == "no_share" else _TOO_MANY
        raise Overloaded(message, retry_after=10) from None


_TOO_MANY = "There are too many open connections; please try again later."
_TOO_MANY_OF_ADDRESS = "There are too many open connections of your address; please close one."
