"""Connections that stay open are counted and limited, in all and per client address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY
from starlette.types import Scope

from app.errors import Overloaded, Unauthenticated
from app.http.request_state import RequestState
from app.settings import Settings
from schema.execution.operation import Answer
from schema.http.connections import Connections
from schema.http.framings import ServerSentEvents
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest
from schema.http.result_stream import ResultStream
from schema.root import schema
from tests.waiting import until

REQUEST = GraphQLRequest("{ __typename }", {}, None, {}, "application/json")
TOO_MANY = "There are too many open connections; please try again later."
TOO_MANY_OF_ADDRESS = "There are too many open connections of your address; please close one."


class Server:
    """Its operations never end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
        self.settings = msgspec.structs.replace(Settings(), **changed)
        self.connections = Connections(schema, self.settings, OperationRunner(self.settings))
        self.opened: list[tuple[Any, ...]] = []
        monkeypatch.setattr(self.connections._results, "open_results", self._open)
        self.operation: Any = object()

    @asynccontextmanager
    async def _open(self, *arguments: Any) -> AsyncIterator[AsyncIterator[Answer]]:
        self.opened.append(arguments)
        yield self._never()

    async def _never(self) -> AsyncIterator[Answer]:
        await asyncio.Event().wait()
        yield Answer(b"")

    def scope(self, address: str) -> Scope:
        resources: Any = SimpleNamespace(
            settings=self.settings, authenticator=None, limiter=SimpleNamespace(meter=lambda: None)
        )
        state = RequestState(resources, address=address)
        return {
            "type": "http",
            "headers": [],
            "subprotocols": [],
            "state": {"resources": resources, "request": state},
        }

    def stream(self, address: str) -> ResultStream:
        return self.connections.open_stream(REQUEST, self.operation, self.scope(address), ServerSentEvents())


@asynccontextmanager
async def streaming(server: Server, address: str) -> AsyncIterator[list[dict[str, Any]]]:
    sent: list[dict[str, Any]] = []
    end = asyncio.Event()

    async def receive() -> Any:
        await end.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    task = asyncio.create_task(server.stream(address)(server.scope(address), receive, send))
    await until(lambda: len(sent) == 2)  # the start and a comment
    yield sent
    end.set()
    await task


def open_now() -> float:
    return REGISTRY.get_sample_value("dno_graphql_sockets") or 0.0


async def test_an_open_stream_is_counted_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    server, before = Server(monkeypatch), open_now()
    async with streaming(server, "192.0.2.1"):
        assert open_now() == before + 1
        async with streaming(server, "192.0.2.1"):
            assert open_now() == before + 2
    assert open_now() == before
    request, scope, caller, operation = server.opened[0]
    assert (request, operation) == (REQUEST, server.operation)
    assert caller.anonymous
    assert scope["state"]["request"].address == "192.0.2.1"


async def test_streams_of_one_address_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, max_streams_per_address=1)
    async with streaming(server, "192.0.2.1"):
        with pytest.raises(Overloaded) as refused:
            server.stream("192.0.2.1")
        assert (refused.value.message, refused.value.retry_after) == (TOO_MANY_OF_ADDRESS, 10)
        async with streaming(server, "192.0.2.2"):
            pass
    async with streaming(server, "192.0.2.1"):
        pass


async def test_streams_of_all_addresses_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, max_streams=1)
    async with streaming(server, "192.0.2.1"):
        with pytest.raises(Overloaded) as refused:
            server.stream("192.0.2.2")
        assert (refused.value.message, refused.value.retry_after) == (TOO_MANY, 10)
    async with streaming(server, "192.0.2.2"):
        pass


async def test_an_address_with_more_than_its_share_loses_a_stream_to_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(monkeypatch, max_streams=2)
    async with streaming(server, "192.0.2.1") as first, streaming(server, "192.0.2.1"):
        before = open_now()
        async with streaming(server, "192.0.2.2"):
            await until(lambda: not first[-1].get("more_body", True))
            assert open_now() == before
    assert b"Your address has more than its share of open connections." in first[-2]["body"]


async def test_a_stream_requires_the_right_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(monkeypatch, anonymous_reading=False)
    with pytest.raises(Unauthenticated):
        server.stream("192.0.2.1")


async def test_sockets_and_streams_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    server, before, sent = Server(monkeypatch, max_streams=1), open_now(), []
    accepting, end = asyncio.Event(), asyncio.Event()

    async def receive() -> Any:
        accepting.set()
        await end.wait()
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {**server.scope("192.0.2.1"), "type": "websocket"}
    task = asyncio.create_task(server.connections.serve_websocket(scope, receive, send))
    await accepting.wait()
    assert open_now() == before + 1
    with pytest.raises(Overloaded):
        server.stream("192.0.2.2")
    with pytest.raises(Overloaded, match="There are too many open connections; please"):
        await server.connections.serve_websocket(
            {**server.scope("192.0.2.2"), "type": "websocket"}, receive, send
        )
    end.set()
    await task
    assert open_now() == before
    assert sent == ["websocket.accept", "websocket.close"]
