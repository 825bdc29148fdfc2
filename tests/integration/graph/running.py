"""A whole server in this process, and clients of both subscription protocols."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from app.auth import api_keys
from app.cache.clock import monotonic
from app.db import accounts
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain.account import ANONYMOUS, Principal, Role
from app.http.cached_request_head import CachedRequestHead
from app.main import create_app
from app.observability.metrics import JOB_FAILURES
from app.resources import Resources
from app.server.http_protocol import END
from app.server.uvicorn_server import Server
from app.settings import Settings
from schema.queries.vocabulary import FirstVocabulary
from tests.waiting import LIMIT, PATIENT, until, until_delivered

Headers = dict[str, str]


@dataclass
class Running:
    url: str
    resources: Resources
    server: Server
    serving: asyncio.Task[None]

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws")

    @property
    def subscribers(self) -> int:
        groups = self.resources.broadcast._subscribers.values()
        return len({subscriber for group in groups for subscriber in group})

    async def delivered(self) -> None:
        """Waits until every event that was written before has been delivered to this server."""
        await until_delivered(self.resources.pool)
        # Its own heartbeat is received after everything that was published before.
        settings, now = self.resources.settings, monotonic()
        bound = settings.heartbeat_interval * settings.max_missed_heartbeats
        await until(lambda: self.resources.memory.valid_until > now + bound)

    async def execute(self, query: str, headers: Headers | None = None, **variables: Any) -> Any:
        """The data of a response, which must not have errors."""
        async with httpx.AsyncClient() as client:
            body = {"query": query, "variables": variables}
            response = (await client.post(self.url, json=body, headers=headers)).json()
        assert "errors" not in response, response
        return response["data"]

    async def stop(self, number: Any) -> None:
        self.server.leave(number)
        await self.serving


@asynccontextmanager
async def running(settings: Settings, **changed: object) -> AsyncIterator[Running]:
    """Started and ready; its invalidations are delivered over Redis, as those of every other instance."""
    usual = {
        "rate_limit_anonymous": 0,
        "rate_limit_api_key": 0,
        "garbage_threshold": 0,
        "warm_memory": False,
        "stop_timeout": 5,
        **{
            name: value
            for name, value in PATIENT.items()
            if getattr(settings, name) == getattr(Settings(), name)
        },
    }
    settings = msgspec.structs.replace(settings, **{**usual, **changed})
    application, failed = create_app(settings), _failed()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        async with application.router.lifespan_context(application) as state:
            resources: Resources = state["resources"]  # type: ignore[index]
            await until(lambda: resources.memory.enabled and resources.shared.trusted)
            # Tests count statements: none of the job that builds the first vocabulary may be among them.
            await until(lambda: resources.vocabularies._made is not None or _failed() > failed)
            ready = asyncio.Event()
            server = Server(application, settings, resources, ready.set)
            serving = asyncio.create_task(server.serve([listener]))
            await ready.wait()
            port = listener.getsockname()[1]
            try:
                yield Running(f"http://127.0.0.1:{port}/graphql", resources, server, serving)
            finally:
                server.should_exit = server.force_exit = True
                await serving


def _failed() -> float:
    """How often the job failed, in this process: tests take its tables away."""
    failures: float = JOB_FAILURES.labels(FirstVocabulary.__name__)._value.get()
    return failures


async def issue_key(pool: Pool, role: Role = Role.EDITOR, name: str = "steward") -> tuple[Any, Headers]:
    """A key, and the headers of its caller."""
    async with unit_of_work(pool, ANONYMOUS) as work:
        admin = await accounts.add_user(work, f"{name}@example.org", Role.ADMIN, "!")
    async with unit_of_work(pool, ANONYMOUS) as work:
        creator = Principal(role=Role.ADMIN, user_id=admin.id)
        key, secret = await api_keys.create(work, creator, name, role, None)
    return key, {"authorization": f"Bearer {secret}"}


class WebSocketClient:
    """A client of graphql-transport-ws."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, type: str, **members: Any) -> None:
        await self.connection.send(json.dumps({"type": type, **members}))

    async def receive(self, seconds: float = 10) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def initialise(self, **payload: Any) -> Self:
        await self.send("connection_init", payload=payload)
        assert (await self.receive()) == {"type": "connection_ack"}
        return self

    async def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:
        await self.send("subscribe", id=id, payload={"query": query, "variables": variables})

    async def next_change(self, id: str = "1") -> dict[str, Any]:
        """The next change, as `data.dataChanged`."""
        message = await self.receive()
        assert (message["type"], message["id"]) == ("next", id), message
        change: dict[str, Any] = message["payload"]["data"]["dataChanged"]
        return change

    async def wait_closed(self) -> tuple[int | None, str | None]:
        """Code and reason of the close frame of the server."""
        async with asyncio.timeout(LIMIT):
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


@asynccontextmanager
async def websocket_client(
    server: Running, *, protocol: str | None = "graphql-transport-ws", **options: Any
) -> AsyncIterator[WebSocketClient]:
    subprotocols: Any = None if protocol is None else [protocol]
    async with connect(
        server.socket_url, subprotocols=subprotocols, compression=None, **options
    ) as connection:
        yield WebSocketClient(connection)


class Stream:
    """A client of graphql-sse."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def event(self, seconds: float = 10) -> tuple[str, Any]:
        """Name and data of the next event."""
        name, data = "", ""
        async with asyncio.timeout(seconds):
            async for line in self._lines:
                field, _, value = line.partition(":")
                if field == "event":
                    name = value.strip()
                elif field == "data":
                    data = value.strip()
                elif not line and name:
                    return name, json.loads(data) if data else None
        raise AssertionError("the stream has ended")

    async def next_change(self) -> dict[str, Any]:
        name, data = await self.event()
        assert name == "next"
        change: dict[str, Any]
        (change,) = data["data"].values()
        return change


@asynccontextmanager
async def stream(
    server: Running, query: str, *, method: str = "POST", headers: Headers | None = None, **variables: Any
) -> AsyncIterator[Stream]:
    accept = {"accept": "text/event-stream", **(headers or {})}
    content: dict[str, Any] = {"query": query, "variables": variables}
    if method == "GET":
        body: dict[str, Any] = {"params": {"query": query, "variables": json.dumps(variables)}}
    else:
        body = {"json": content}
    async with (
        httpx.AsyncClient(timeout=10) as client,
        client.stream(method, server.url, headers=accept, **body) as response,
    ):
        yield Stream(response)


def has_cached_head(server: Running, data: bytes) -> bool:
    """Whether the next request with this head takes the fast path."""
    return _cached_head(server, data) is not None


def has_cached_response(server: Running, data: bytes) -> bool:
    """Whether the protocol would send a cached response to it directly."""
    head = _cached_head(server, data)
    return head is not None and head.handler.find_cached_response(head, data.partition(END)[2]) is not None


def _cached_head(server: Running, data: bytes) -> CachedRequestHead | None:
    return server.resources.heads.get(data.partition(END)[0] + END)
