"""graphql-sse in its single connection mode: one event stream for the results of many operations.

A stream is reserved by PUT, opened by GET, given operations by POST and relieved of them by DELETE. All of them name its
token, in a header or in the query string.
"""

import asyncio
from asyncio import Future, Task
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from types import SimpleNamespace
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.domain.account import Principal
from app.errors import AppError, Code, Overloaded, TooMany
from app.http.request_state import request_state
from app.observability import metrics
from app.observability.counting import Count
from app.resources import resources_of
from app.settings import Settings
from schema.execution.operation import Answer, write_json
from schema.http.caller import Caller
from schema.http.framings import ServerSentEvents
from schema.http.operation_results import error_payload
from schema.http.result_stream import disconnected, first_of, part

# Its signs of life are those of a stream of its own; its events name their operation.
_FRAMING: Final = ServerSentEvents()
ROUTE: Final = SimpleNamespace(path="/graphql (shared event stream)")
_MAX_QUEUED: Final = 16  # results that wait for the client; operations wait when it is full

_delivered = Count(metrics.CHANGES_SENT, "shared event stream")

Results = AbstractAsyncContextManager[AsyncIterator[Answer]]


class SharedStream:
    """From its reservation to its end. `leave`: called once, at the end."""

    def __init__(self, scope: Scope, settings: Settings, leave: Callable[[], None]) -> None:
        self.address = request_state(scope).address
        self._owner = _identity(request_state(scope).principal)
        self._settings = settings
        self._leave = leave
        self._operations: dict[str, Task[None]] = {}
        self._events: asyncio.Queue[bytes] = asyncio.Queue(_MAX_QUEUED)
        self._evicted = asyncio.Event()
        self._is_open = False
        self._ended = False
        self._expiry = asyncio.get_running_loop().call_later(settings.socket_init_timeout, self.end)

    @property
    def expendable(self) -> bool:
        return not self._operations

    def evict(self) -> None:
        self._evicted.set()
        if not self._is_open:
            self.end()

    def belongs_to(self, scope: Scope) -> bool:
        return self._owner == _identity(request_state(scope).principal)

    def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._expiry.cancel()
        for task in self._operations.values():
            task.cancel()
        self._leave()

    def response(self, scope: Scope) -> "SharedStreamResponse":
        """The response that carries the results. Raises CONFLICT if there is one already."""
        if self._is_open:
            raise AppError("This stream is open already; reserve another one by PUT.", Code.CONFLICT)
        self._is_open = True
        self._expiry.cancel()
        return SharedStreamResponse(self, Caller(scope), self._settings.socket_check_interval)

    # Operations

    async def start(self, id: str, results: Results, scope: Scope) -> None:
        """Returns once the operation is open: from then on a subscription misses no change.

        Raises CONFLICT if the id is in use, and AppErrors of an operation that cannot be opened.
        """
        if id in self._operations:
            raise AppError("This stream has an operation with this operationId already.", Code.CONFLICT)
        if len(self._operations) >= self._settings.max_operations_per_socket:
            raise TooMany(
                f"This stream has {len(self._operations)} operations open; please stop one.", retry_after=0
            )
        opened: Future[None] = asyncio.get_running_loop().create_future()
        task = self._operations[id] = asyncio.create_task(self._run(id, results, scope, opened))
        await asyncio.wait((opened, task), return_when=asyncio.FIRST_COMPLETED)
        if opened.done():
            opened.result()

    def stop(self, id: str) -> None:
        """Without effect for an operation that has ended."""
        if task := self._operations.pop(id, None):
            task.cancel()

    async def _run(self, id: str, results: Results, scope: Scope, opened: Future[None]) -> None:
        try:
            async with results as answers:
                opened.set_result(None)
                async for answer in answers:
                    await self._events.put(_next(id, answer.body))
                    _delivered.value += 1
        except Exception as error:
            if isinstance(error, AppError) and not opened.done():
                self._forget(id)
                opened.set_exception(error)
                return
            await self._events.put(_next(id, write_json({"errors": error_payload(error, scope)})))
        # Before the last event, so that the client can use the id again at once.
        self._forget(id)
        await self._events.put(_complete(id))

    def _forget(self, id: str) -> None:
        """Unless the id belongs to another operation by now."""
        if self._operations.get(id) is asyncio.current_task():
            del self._operations[id]

    # What the response uses

    async def next_events(self) -> bytes:
        """All that wait."""
        events = [await self._events.get()]
        while not self._events.empty():
            events.append(self._events.get_nowait())
        return b"".join(events)

    async def until_evicted(self) -> None:
        await self._evicted.wait()
        raise Overloaded("Your address has more than its share of open connections.", retry_after=10)

    def failure(self, error: Exception, scope: Scope) -> bytes:
        """The last events: all that wait, and the error for each operation."""
        events = []
        with suppress(asyncio.QueueEmpty):
            while True:
                events.append(self._events.get_nowait())
        body = write_json({"errors": error_payload(error, scope)})
        events += [_next(id, body) + _complete(id) for id in self._operations]
        return b"".join(events)


class SharedStreamResponse(Response):
    media_type = ServerSentEvents.content_type

    def __init__(self, stream: SharedStream, caller: Caller, check_every: float) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        self._stream = stream
        self._caller = caller
        self._check_every = check_every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = ROUTE
        try:
            await first_of(self._send_all(scope, send), disconnected(receive))
        finally:
            self._stream.end()

    async def _send_all(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send(part(_FRAMING.keep_alive))
        last = b""
        try:
            await first_of(
                self._send_results(send),
                self._keep_alive(send),
                self._stream.until_evicted(),
                resources_of(scope).broadcast.until_end(),
            )
        except Exception as error:
            last = self._stream.failure(error, scope)
        await send(part(last, more=False))

    async def _send_results(self, send: Send) -> None:
        while True:
            await send(part(await self._stream.next_events()))

    async def _keep_alive(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._check_every)
            await self._caller.renewed(visit=True)
            await send(part(_FRAMING.keep_alive))


def _identity(principal: Principal) -> tuple[Any, ...]:
    return principal.user_id, principal.api_key_id


def _next(id: str, body: bytes) -> bytes:
    return _FRAMING.result(b'{"id":%s,"payload":%s}' % (msgspec.json.encode(id), body))


def _complete(id: str) -> bytes:
    return b'event: complete\ndata: {"id":%s}\n\n' % msgspec.json.encode(id)
