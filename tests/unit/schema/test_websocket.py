"""The WebSocket protocol: each message and each close frame of the server; the test gives the results of operations."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from prometheus_client import REGISTRY
from starlette.types import Scope

from app.auth.cookies import SessionCookie
from app.broadcast import Ended
from app.domain.account import ANONYMOUS, Principal, Role
from app.errors import AppError, Code, Unauthenticated, Unavailable
from app.http.direct_writer import RECEIVE_WRITER
from app.http.request_state import RequestState, request_state
from app.limits.rate_limiter.limiter import RateLimiter
from app.observability import counting
from app.settings import Settings
from schema.execution.operation import Answer
from schema.http.connection_params import MALFORMED
from schema.http.periodic_checks import PeriodicChecks
from schema.http.request import GraphQLRequest
from schema.http.websocket import Closing, WebSocketConnection
from tests.unit.schema.request_scope import answers, no_redis
from tests.waiting import LIMIT, until

PROTOCOL = "graphql-transport-ws"
INIT = {"type": "connection_init"}
ACCEPTED = {"type": "websocket.accept", "subprotocol": PROTOCOL}
ACKNOWLEDGED = {"type": "connection_ack"}
KEY = Principal(role=Role.VIEWER, api_key_id=UUID(int=1), key_hash=b"1")
HEADERS = [(b"authorization", b"Bearer of the handshake"), (b"user-agent", b"test")]


class Authenticator:
    """Every key is valid, unless the test sets an error."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.credentials: list[tuple[str | None, str | None]] = []
        self.checks = 0
        self.visits: list[bool] = []

    async def principal(self, authorization: str | None, cookie: str | None) -> Principal:
        self.credentials.append((authorization, cookie))
        if self.error is not None:
            raise self.error
        return KEY

    async def renewed(self, principal: Principal, *, visit: bool = False) -> Principal:
        self.checks += 1
        self.visits.append(visit)
        if self.error is not None and not principal.anonymous:
            raise self.error
        return principal


class Results:
    """Results of operations by their query: a list of bodies and errors."""

    def __init__(self) -> None:
        self.of: dict[str, list[bytes | Exception | asyncio.Event]] = {}
        self.requests: list[GraphQLRequest] = []
        self.scopes: list[Scope] = []
        self.closed = 0

    @asynccontextmanager
    async def open_results(
        self, request: GraphQLRequest, scope: Scope, caller: Any, found: Any = None
    ) -> AsyncIterator[AsyncIterator[Answer]]:
        self.requests.append(request)
        self.scopes.append(scope)
        try:
            yield answers(self.of[request.query or ""])
        finally:
            self.closed += 1


class Client:
    """The client's side of one connection."""

    def __init__(
        self, principal: Principal = ANONYMOUS, protocols: tuple[str, ...] = (PROTOCOL,), **changed: Any
    ) -> None:
        self.settings = msgspec.structs.replace(Settings(rate_limit_cost=50), **changed)
        self.authenticator = Authenticator()
        self.results = Results()
        self.sent: list[dict[str, Any]] = []
        self.broken = False
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._events.put_nowait({"type": "websocket.connect"})
        resources: Any = SimpleNamespace(
            settings=self.settings,
            limiter=RateLimiter(no_redis, self.settings),
            authenticator=self.authenticator,
            cookie=SessionCookie(self.settings),
        )
        state = RequestState(
            resources, address="203.0.113.7", principal=principal, request_id="request-1", headers={}
        )
        self.scope: Scope = {
            "type": "websocket",
            "path": "/graphql",
            "headers": HEADERS,
            "query_string": b"",
            "subprotocols": list(protocols),
            "state": {"resources": resources, "request": state},
        }
        self.connection = WebSocketConnection(
            PeriodicChecks(self.settings.socket_check_interval),
            self.results,  # type: ignore[arg-type]
            self.scope,
            self._events.get,
            self._send,
        )

    async def _send(self, message: Any) -> None:
        if self.broken:
            raise OSError
        message.pop(RECEIVE_WRITER, None)  # of the server, which writes at once with it
        self.sent.append(message)

    def send(self, *messages: dict[str, Any] | str | bytes) -> None:
        for message in messages:
            text = json.dumps(message) if isinstance(message, dict) else message
            kind = "bytes" if isinstance(text, bytes) else "text"
            self._events.put_nowait({"type": "websocket.receive", kind: text})

    def subscribe(self, query: str, id: str = "1", **members: Any) -> None:
        self.send({"type": "subscribe", "id": id, "payload": {"query": query, **members}})

    def disconnect(self, code: int = 1001) -> None:
        self._events.put_nowait({"type": "websocket.disconnect", "code": code})

    @property
    def all_read(self) -> bool:
        """Whether the server has read everything that was sent."""
        return self._events.empty()

    @property
    def received(self) -> list[dict[str, Any]]:
        return [json.loads(each["text"]) for each in self.sent if each["type"] == "websocket.send"]

    @property
    def closed(self) -> tuple[int, str] | None:
        closes = [each for each in self.sent if each["type"] == "websocket.close"]
        return (closes[-1]["code"], closes[-1]["reason"]) if closes else None

    async def serve(self) -> None:
        async with asyncio.timeout(LIMIT):
            await self.connection.serve()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Initialised; at the end the client disconnects."""
        self.send(INIT)
        task = asyncio.create_task(self.serve())
        await until(lambda: self.received == [ACKNOWLEDGED])
        self.sent.clear()
        yield
        self.disconnect()
        await task


def closed_with(code: str) -> float:
    return REGISTRY.get_sample_value("dno_graphql_sockets_closed_total", {"code": code}) or 0.0


def delivered() -> float:
    counting.flush()
    return REGISTRY.get_sample_value("dno_graphql_changes_told_total", {"transport": "websocket"}) or 0.0


NO_MESSAGE = "No message of graphql-transport-ws: "
NO_OBJECT = "A message is text that holds a JSON object."


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        (["no json"], 4400, NO_MESSAGE + "it is not valid JSON."),
        (["[" * 5000], 4400, NO_MESSAGE),
        ([b"{}"], 4400, NO_OBJECT),
        ([{"type": "unknown"}], 4400, NO_MESSAGE),
        ([{"type": "subscribe", "id": "1", "payload": {}}], 4401, "A socket begins with connection_init."),
        ([INIT, INIT], 4429, "Too many initialisation requests"),
        ([INIT, {"type": "subscribe", "id": "1"}], 4400, NO_MESSAGE + "the whole lacks a member."),
        (
            [INIT, {"type": "subscribe", "id": "1", "payload": {}}],
            4400,
            "The request has no query: it must be a string that holds a GraphQL document.",
        ),
    ],
)
async def test_an_invalid_message_closes_the_socket_with_its_code_and_reason(
    messages: list[Any], code: int, reason: str
) -> None:
    client = Client()
    client.send(*messages)
    before = closed_with(str(code))
    await client.serve()
    assert client.sent[0] == ACCEPTED
    assert client.closed is not None
    assert client.closed[0] == code
    assert client.closed[1].startswith(reason)
    assert closed_with(str(code)) == before + 1


@pytest.mark.parametrize("protocols", [(), ("graphql-ws",)])
async def test_a_socket_of_another_subprotocol_is_accepted_and_closed(protocols: tuple[str, ...]) -> None:
    client = Client(protocols=protocols)
    await client.serve()
    assert client.sent == [
        {"type": "websocket.accept"},
        {"type": "websocket.close", "code": 4406, "reason": "This socket speaks graphql-transport-ws only."},
    ]


async def test_the_subprotocol_is_chosen_among_several() -> None:
    client = Client(protocols=("graphql-ws", PROTOCOL))
    async with client.serving():
        pass


async def test_a_client_that_sends_no_initialisation_is_disconnected() -> None:
    client = Client(socket_init_timeout=0.01)
    await client.serve()
    assert client.closed == (4408, "Connection initialisation timeout")


async def test_messages_before_the_initialisation_are_answered() -> None:
    client = Client()
    client.send({"type": "ping"}, {"type": "pong"}, INIT, {"type": "pong", "payload": {}})
    task = asyncio.create_task(client.serve())
    await until(lambda: client.received == [{"type": "pong"}, ACKNOWLEDGED])
    client.disconnect()
    await task


async def test_a_client_that_disconnects_gets_no_close_frame() -> None:
    client, before = Client(), closed_with("client")
    client.send(INIT)
    client.disconnect(1005)
    await client.serve()
    assert client.sent[-1]["type"] == "websocket.send"
    assert closed_with("client") == before + 1


async def test_a_socket_that_cannot_be_written_ends() -> None:
    client, before = Client(), closed_with("client")
    async with client.serving():
        client.broken = True
        client.send({"type": "ping"})
    assert closed_with("client") == before + 1


async def test_a_close_frame_that_cannot_be_written_is_not_an_error() -> None:
    client, before = Client(), closed_with("4400")
    async with client.serving():
        client.broken = True
        client.send("no message")
    assert client.sent == []
    assert closed_with("4400") == before + 1


def test_a_reason_is_cut_to_the_bytes_of_a_close_frame() -> None:
    assert Closing(1000, "ä" * 100).reason == "ä" * 61
    assert Closing(1000, "a" * 200).reason == "a" * 123


# Operations


async def test_results_are_sent_with_the_id_of_their_operation() -> None:
    client, before = Client(), delivered()
    client.results.of["{a}"] = [b'{"data":1}', b'{"data":2}']
    async with client.serving():
        client.subscribe("{a}", 'i"d', variables={"v": 1}, operationName="A", extensions={"e": 2})
        await until(lambda: len(client.received) == 3)
        assert client.received == [
            {"type": "next", "id": 'i"d', "payload": {"data": 1}},
            {"type": "next", "id": 'i"d', "payload": {"data": 2}},
            {"type": "complete", "id": 'i"d'},
        ]
        assert client.connection.expendable
    assert client.results.requests == [GraphQLRequest("{a}", {"v": 1}, "A", {"e": 2}, "application/json")]
    assert delivered() == before + 2


async def test_an_error_ends_the_operation_and_not_the_socket() -> None:
    client = Client()
    client.results.of["{a}"] = [b"1", AppError("There is none.", Code.NOT_FOUND)]
    client.results.of["{b}"] = [b"2"]
    async with client.serving():
        client.subscribe("{a}")
        await until(lambda: len(client.received) == 2)
        error = {"message": "There is none.", "extensions": {"code": "NOT_FOUND"}}
        assert client.received[1] == {"type": "error", "id": "1", "payload": [error]}
        client.subscribe("{b}")
        await until(lambda: len(client.received) == 4)
        assert client.received[2:] == [
            {"type": "next", "id": "1", "payload": 2},
            {"type": "complete", "id": "1"},
        ]


async def test_an_unexpected_error_is_masked() -> None:
    client = Client()
    client.results.of["{a}"] = [ValueError("secret")]
    async with client.serving():
        client.subscribe("{a}")
        await until(lambda: len(client.received) == 1)
    [message] = client.received
    assert (message["type"], message["id"]) == ("error", "1")
    assert message["payload"][0]["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": "request-1"}
    assert "secret" not in str(message)


async def test_credentials_that_end_during_an_operation_close_the_socket() -> None:
    client = Client()
    client.results.of["{a}"] = [Unauthenticated("The key has expired.")]
    async with client.serving():
        client.subscribe("{a}")
        await until(lambda: client.closed)
    assert client.closed == (4401, "The key has expired.")


async def test_a_subscription_that_ends_with_the_server_gets_no_message_of_its_own() -> None:
    client = Client()
    client.results.of["{a}"] = [b"1", Ended("The server is stopping.")]
    async with client.serving():
        client.subscribe("{a}")
        await until(lambda: client.results.closed == 1 and client.connection.expendable)
        assert [each["type"] for each in client.received] == ["next"]


async def test_the_id_of_an_open_operation_cannot_be_used_again() -> None:
    client = Client()
    client.results.of["{a}"] = [asyncio.Event()]
    async with client.serving():
        client.subscribe("{a}", "x")
        client.subscribe("{a}", "x")
    assert client.closed == (4409, "Subscriber for x already exists")


async def test_completing_an_operation_cancels_it_and_releases_its_id() -> None:
    client = Client()
    client.results.of["{a}"] = [asyncio.Event()]
    client.results.of["{b}"] = [b"2"]
    async with client.serving():
        client.send({"type": "complete", "id": "unknown"})
        client.subscribe("{a}")
        await until(lambda: len(client.results.requests) == 1)
        assert not client.connection.expendable
        client.send({"type": "complete", "id": "1"})
        await until(lambda: client.results.closed == 1)
        assert client.connection.expendable
        client.subscribe("{b}")
        await until(lambda: len(client.received) == 2)
        assert client.received == [
            {"type": "next", "id": "1", "payload": 2},
            {"type": "complete", "id": "1"},
        ]


async def test_operations_over_the_limit_get_an_error_that_names_it() -> None:
    client = Client(max_operations_per_socket=2)
    client.results.of["{a}"] = [asyncio.Event()]
    async with client.serving():
        for id in "123":
            client.subscribe("{a}", id)
        await until(lambda: client.received and len(client.results.requests) == 2)
        error = {
            "message": "This socket has 2 operations open; please complete one.",
            "extensions": {"code": "RATE_LIMITED"},
        }
        assert client.received == [{"type": "error", "id": "3", "payload": [error]}]
    assert len(client.results.requests) == client.results.closed == 2


async def test_messages_over_the_rate_limit_close_the_socket() -> None:
    client = Client(rate_limit_messages=2, rate_limit_window=3600.0)
    client.send(INIT, {"type": "pong"}, {"type": "pong"})
    await client.serve()
    assert client.closed == (1013, "Too many messages; try again in 1800 seconds.")


async def test_an_operation_runs_with_the_content_type_and_method_of_a_post() -> None:
    client = Client()
    client.results.of["{a}"] = [b"1"]
    async with client.serving():
        client.subscribe("{a}")
        await until(lambda: len(client.received) == 2)
    [scope] = client.results.scopes
    assert scope["method"] == "POST"
    assert scope["headers"] == [*HEADERS, (b"content-type", b"application/json")]
    state = request_state(scope)
    assert state.headers is None
    assert state.verdict is not None
    assert state.verdict.remaining == client.settings.rate_limit_anonymous - 1
    assert request_state(client.scope).verdict is None


async def test_an_operation_over_the_rate_limit_of_its_caller_is_rejected() -> None:
    client = Client(rate_limit_anonymous=1, rate_limit_window=3600.0)
    client.results.of["{a}"] = [b"1"]
    async with client.serving():
        client.subscribe("{a}", "1")
        await until(lambda: len(client.received) == 2)
        client.subscribe("{a}", "2")
        await until(lambda: len(client.received) == 3)
    refused = client.received[-1]
    assert (refused["type"], refused["id"]) == ("error", "2")
    assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert len(client.results.requests) == 1


# Credentials


async def test_credentials_of_the_first_message_replace_those_of_the_handshake() -> None:
    client = Client(principal=KEY)
    client.results.of["{a}"] = [b"1"]
    client.send({**INIT, "payload": {"other": 1, "Authorization": "Bearer of the message"}})
    task = asyncio.create_task(client.serve())
    client.subscribe("{a}")
    await until(lambda: len(client.received) == 3)
    client.disconnect()
    await task
    assert client.authenticator.credentials == [("Bearer of the message", None)]
    [scope] = client.results.scopes
    assert scope["headers"] == [
        (b"user-agent", b"test"),
        (b"authorization", b"Bearer of the message"),
        (b"content-type", b"application/json"),
    ]
    assert request_state(scope).principal == KEY


async def test_credentials_of_the_handshake_are_checked_when_the_socket_is_initialised() -> None:
    client = Client(principal=KEY)
    client.authenticator.error = Unauthenticated("The key was revoked.")
    client.send(INIT)
    await client.serve()
    assert client.closed == (4403, "The key was revoked.")


async def test_invalid_credentials_in_the_first_message_close_the_socket() -> None:
    client = Client()
    client.authenticator.error = Unauthenticated("This key is not valid.")
    client.send({**INIT, "payload": {"authorization": "Bearer x"}})
    await client.serve()
    assert client.closed == (4403, "This key is not valid.")


@pytest.mark.parametrize("payload", [{}, {"authorization": "Bearer x"}])
async def test_credentials_that_cannot_be_checked_close_the_socket_for_a_later_attempt(
    payload: dict[str, str],
) -> None:
    client = Client(principal=KEY)
    client.authenticator.error = Unavailable("The database is not available.")
    client.send({**INIT, "payload": payload})
    await client.serve()
    assert client.closed == (1013, "The database is not available.")


async def test_without_anonymous_reading_credentials_are_required() -> None:
    client = Client(anonymous_reading=False)
    client.send(INIT)
    await client.serve()
    assert client.closed == (4403, "Please sign in, or send an API key.")
    with_key = Client(anonymous_reading=False, principal=KEY)
    async with with_key.serving():
        pass
    key_in_message = Client(anonymous_reading=False)
    key_in_message.send({**INIT, "payload": {"authorization": "Bearer x"}})
    key_in_message.disconnect()
    await key_in_message.serve()
    assert key_in_message.received == [ACKNOWLEDGED]


@pytest.mark.parametrize("value", [1, [], {"a": 1}, True])
async def test_credentials_that_are_no_text_are_invalid_and_null_is_none(value: Any) -> None:
    client = Client()
    client.send({**INIT, "payload": {"AUTHORIZATION": value}})
    await client.serve()
    assert client.closed == (4403, MALFORMED)
    assert client.authenticator.credentials == []
    anonymous = Client()
    anonymous.send({**INIT, "payload": {"authorization": None}})
    anonymous.disconnect()
    await anonymous.serve()
    assert anonymous.authenticator.credentials == []


async def test_the_credentials_of_an_idle_socket_are_checked_again_and_again() -> None:
    client = Client(principal=KEY, socket_check_interval=0.001)
    async with client.serving():
        await until(lambda: client.authenticator.checks > 3)
        client.authenticator.error = Unauthenticated("The key was revoked.")
        await until(lambda: client.closed)
    assert client.closed == (4401, "The key was revoked.")
    assert all(client.authenticator.visits)  # a session lives on while its socket is open


async def test_an_anonymous_socket_has_no_credentials_to_check() -> None:
    client = Client(socket_check_interval=0.0)
    async with client.serving():
        checks = client.authenticator.checks
        for _ in range(3):
            client.send({"type": "ping"})
        await until(lambda: len(client.received) == 3)
    assert client.authenticator.checks == checks
    assert client.received == [{"type": "pong"}] * 3


async def test_a_ping_checks_the_credentials() -> None:
    client = Client(principal=KEY)
    async with client.serving():
        client.authenticator.error = Unauthenticated("The key was revoked.")
        client.send({"type": "ping"})
        await until(lambda: client.closed)
    assert client.closed == (4401, "The key was revoked.")


async def test_an_outage_longer_than_the_timeout_closes_the_socket_for_a_later_attempt() -> None:
    client = Client(principal=KEY, credential_check_timeout=0.0)
    async with client.serving():
        client.authenticator.error = Unavailable("The database is not available.")
        client.send({"type": "ping"})
        await until(lambda: client.closed)
    assert client.closed == (1013, "The database is not available.")


async def test_a_short_outage_does_not_affect_an_idle_socket() -> None:
    client = Client(principal=KEY, credential_check_timeout=3600.0)
    async with client.serving():
        client.authenticator.error = Unavailable("The database is not available.")
        client.send({"type": "ping"})
        await until(lambda: client.received)
        assert client.received == [{"type": "pong"}]
        client.subscribe("{a}")  # which needs credentials that are confirmed
        await until(lambda: len(client.received) == 2)
    assert client.received[1]["payload"][0]["extensions"]["code"] == "UNAVAILABLE"


# The end of the server, and of the address's share


async def test_a_stopping_server_waits_for_open_operations_and_asks_for_another_connection() -> None:
    client, finish = Client(), asyncio.Event()
    client.results.of["{a}"] = [finish, b"1"]
    async with client.serving():
        client.subscribe("{a}")
        await until(lambda: client.results.requests)
        client.disconnect(1012)
        await until(lambda: client.all_read)
        finish.set()
        await until(lambda: client.closed)
    assert [each["type"] for each in client.received] == ["next", "complete"]
    assert client.closed == (1012, "The server is stopping; please connect again.")


async def test_a_stopping_server_waits_no_longer_than_an_operation_may_take() -> None:
    client = Client(operation_timeout=0.01)
    client.results.of["{a}"] = [asyncio.Event()]
    async with client.serving():
        client.subscribe("{a}")
        await until(lambda: client.results.requests)
        client.disconnect(1012)
        await until(lambda: client.closed)
    assert client.received == []
    assert client.closed == (1012, "The server is stopping; please connect again.")


async def test_a_socket_that_is_evicted_is_closed_with_the_reason() -> None:
    client = Client()
    async with client.serving():
        client.connection.evict()
        await until(lambda: client.closed)
    assert client.closed == (1013, "Your address has too many open connections.")


async def test_a_socket_that_is_closing_can_be_evicted() -> None:
    client, sending, read = Client(), asyncio.Event(), asyncio.Event()
    send = client._send

    async def slow(message: Any) -> None:
        if message["type"] == "websocket.close":
            sending.set()
            await read.wait()
        await send(message)

    client.connection._send = slow
    client.send("no json")
    task = asyncio.create_task(client.serve())
    await sending.wait()
    client.connection.evict()
    read.set()
    await task
    assert client.closed == (4400, NO_MESSAGE + "it is not valid JSON.")
