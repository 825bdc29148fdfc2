"""GraphQL over a WebSocket: the protocol graphql-transport-ws."""

import asyncio
from asyncio import Task
from collections.abc import Coroutine
from contextlib import nullcontext, suppress
from math import ceil
from typing import Any

from starlette.types import Receive, Scope, Send
from websockets.frames import CloseCode

from app.broadcast import Ended
from app.error_table import ERRORS
from app.errors import AppError, BadInput, TooMany, Unauthenticated
from app.http.direct_writer import RECEIVE_WRITER, DirectWriter
from app.http.json_body import UNREADABLE, reason
from app.observability import metrics
from app.observability.counting import Count
from app.resources import resources_of
from schema.execution.operation import Answer
from schema.execution.subscription import Answers
from schema.http import messages
from schema.http.caller import Caller
from schema.http.connection_params import authorization_in
from schema.http.messages import PROTOCOL, Complete, Init, Message, Ping, ProtocolCode, Subscribe
from schema.http.operation_results import OperationResults, error_payload
from schema.http.periodic_checks import PeriodicChecks
from schema.http.request import GraphQLRequest, read_payload

# RFC 6455, 5.5: a control frame has at most 125 bytes, two of which are the code.
MAX_REASON_BYTES = 123

_delivered = Count(metrics.CHANGES_SENT, "websocket")


class Closing(Exception):
    """Raised to close the socket with a code and a reason. Without a reason the client has closed it."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = int(code)
        self.reason = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")


async def _end(code: CloseCode, reason: str) -> None:
    raise Closing(code, reason)


class WebSocketConnection:
    """One connection, from the handshake to the close."""

    def __init__(
        self, checks: PeriodicChecks, results: OperationResults, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._checks = checks
        self._settings = resources_of(scope).settings
        self._results = results
        self._scope = scope
        self._receive = receive
        self._send = send
        self._caller = Caller(scope)
        self._meter = resources_of(scope).limiter.meter()
        self._operations: dict[str, Task[None]] = {}
        self._writer: DirectWriter | None = None

    async def serve(self) -> None:
        end = Closing(CloseCode.ABNORMAL_CLOSURE)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._accept()
                await self._initialise()
                with nullcontext() if self._caller.anonymous else self._checks.calling(self._begin_check):
                    while True:
                        await self._handle(await self._receive_message())
        except* Closing as ends:
            end = ends.exceptions[0]  # type: ignore[assignment]  # a task group's are not nested
        # Clients may send any close code, so theirs are no label values.
        metrics.SOCKETS_CLOSED.labels(str(end.code) if end.reason else "client").inc()
        if end.reason:
            with suppress(OSError):
                await self._send({"type": "websocket.close", "code": end.code, "reason": end.reason})

    @property
    def expendable(self) -> bool:
        """Whether no operation runs on it."""
        return not self._operations

    def evict(self) -> None:
        self._begin(_end(CloseCode.TRY_AGAIN_LATER, "Your address has too many open connections."))

    async def _accept(self) -> None:
        await self._receive()
        if PROTOCOL not in self._scope["subprotocols"]:
            # A close code can be sent only after the handshake is accepted.
            await self._send({"type": "websocket.accept"})
            raise Closing(ProtocolCode.SUBPROTOCOL_NOT_ACCEPTABLE, f"This socket speaks {PROTOCOL} only.")
        await self._send(
            {"type": "websocket.accept", "subprotocol": PROTOCOL, RECEIVE_WRITER: self._take_writer}
        )

    def _take_writer(self, writer: DirectWriter) -> None:
        self._writer = writer

    async def _initialise(self) -> None:
        try:
            async with asyncio.timeout(self._settings.socket_init_timeout):
                first = await self._receive_init()
        except TimeoutError:
            raise Closing(
                ProtocolCode.CONNECTION_INITIALISATION_TIMEOUT, "Connection initialisation timeout"
            ) from None
        try:
            authorization = authorization_in(first.payload)
            if authorization is not None:
                self._caller = Caller(self._scope, authorization)
            await self._caller.begin()
        except Unauthenticated as error:
            raise Closing(ProtocolCode.FORBIDDEN, error.message) from None
        except AppError as error:
            raise Closing(ERRORS[error.code].close_code, error.message) from None
        await self._send_message(messages.ACKNOWLEDGED)

    async def _receive_init(self) -> Init:
        while not isinstance(message := await self._receive_message(), Init):
            if isinstance(message, Subscribe):
                raise Closing(ProtocolCode.UNAUTHORIZED, "A socket begins with connection_init.")
            await self._handle(message)
        return message

    def _begin_check(self) -> None:
        self._begin(self._check_caller())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            self._tasks.create_task(work)
        except RuntimeError:  # the socket is being closed
            work.close()

    async def _check_caller(self) -> None:
        try:
            await self._caller.renewed(visit=True)
        except Unauthenticated as error:
            raise Closing(ProtocolCode.UNAUTHORIZED, error.message) from None
        except AppError as error:
            raise Closing(ERRORS[error.code].close_code, error.message) from None

    # Messages of the client

    async def _receive_message(self) -> Message:
        event = await self._receive()
        if event["type"] == "websocket.disconnect":
            if event["code"] == CloseCode.SERVICE_RESTART:
                await self._wait_for_operations()
                raise Closing(CloseCode.SERVICE_RESTART, "The server is stopping; please connect again.")
            raise Closing(event["code"])
        if self._meter is not None and (wait := self._meter.take()):
            raise Closing(CloseCode.TRY_AGAIN_LATER, f"Too many messages; try again in {ceil(wait)} seconds.")
        text = event.get("text")
        if text is None:
            raise Closing(ProtocolCode.BAD_REQUEST, "A message is text that holds a JSON object.")
        try:
            return messages.decode(text)
        except UNREADABLE as error:
            raise Closing(ProtocolCode.BAD_REQUEST, f"No message of {PROTOCOL}: {reason(error)}.") from None

    async def _handle(self, message: Message) -> None:
        match message:
            case Subscribe():
                await self._start_operation(message)
            case Complete() if task := self._operations.pop(message.id, None):
                task.cancel()
            case Ping():
                await self._check_caller()
                await self._send_message(messages.PONG)
            case Init():
                raise Closing(
                    ProtocolCode.TOO_MANY_INITIALISATION_REQUESTS, "Too many initialisation requests"
                )

    async def _start_operation(self, message: Subscribe) -> None:
        if message.id in self._operations:
            raise Closing(
                ProtocolCode.SUBSCRIBER_ALREADY_EXISTS, f"Subscriber for {message.id} already exists"
            )
        try:
            request = read_payload(bytes(message.payload))
        except BadInput as error:
            raise Closing(ProtocolCode.BAD_REQUEST, error.message) from None
        if len(self._operations) < self._settings.max_operations_per_socket:
            self._operations[message.id] = self._tasks.create_task(self._run_operation(message.id, request))
            return
        many = TooMany(
            f"This socket has {len(self._operations)} operations open; please complete one.", retry_after=0
        )
        await self._send_message(messages.error(message.id, error_payload(many, self._scope)))

    async def _wait_for_operations(self) -> None:
        """Waits until queries and mutations that still run are answered; the broadcast has ended subscriptions."""
        if self._operations:
            await asyncio.wait(self._operations.values(), timeout=self._settings.operation_timeout)

    # Results

    async def _run_operation(self, id: str, request: GraphQLRequest) -> None:
        try:
            scope = await self._caller.operation_scope()
            async with self._results.open_results(request, scope, self._caller) as answers:
                if self._writer is not None and isinstance(answers, Answers):
                    answers.write_to(_Sink(self._writer, id))
                async for answer in answers:
                    await self._send_message(messages.next_(id, answer.body))
                    _delivered.value += 1
            last = messages.complete(id)
        except Closing:
            raise
        except Ended:
            # No complete message: clients reconnect only when the socket is closed with its code.
            last = None
        except Unauthenticated as error:
            raise Closing(ProtocolCode.UNAUTHORIZED, error.message) from None
        except Exception as error:
            last = messages.error(id, error_payload(error, self._scope))
        # Released before the last message, so that the client can use the id again at once.
        self._operations.pop(id, None)
        if last is not None:
            await self._send_message(last)

    async def _send_message(self, text: str) -> None:
        try:
            await self._send({"type": "websocket.send", "text": text})
        except OSError:
            raise Closing(CloseCode.ABNORMAL_CLOSURE) from None


class _Sink:
    """Writes the answers of one operation that many sockets get at the same time."""

    __slots__ = ("_begin", "_writer")

    def __init__(self, writer: DirectWriter, id: str) -> None:
        self._writer = writer
        self._begin = messages.next_begin(id)

    @property
    def can_write(self) -> bool:
        return self._writer.can_write

    def write(self, answer: Answer) -> None:
        self._writer.write_now(self._begin + answer.body + messages.NEXT_END)
        _delivered.value += 1
