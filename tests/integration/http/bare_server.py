"""The server's own HTTP and WebSocket protocols on real connections, in front of a small application."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import uvicorn

from app.cache.memory import Memory
from app.cache.responses import Responses
from app.http.cached_request_head import RequestHeadCache
from app.http.client_address import Addresses
from app.limits.fair_share import FairShare
from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.rate_limiter.policy import Policy
from app.limits.refusal_pacer import RefusalPacer
from app.limits.write_priority import WritePriority
from app.server.fast_path import FastPathProtocol
from app.server.server_state import ServerState
from app.server.websocket_protocol import WebSocket
from app.settings import Settings
from tests.waiting import until

PIECE = b"x" * 65536


@dataclass
class Seen:
    """One request as the application received it."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    version: str = "1.1"


@dataclass
class BareServer:
    port: int
    state: ServerState
    resources: Any
    config: uvicorn.Config
    seen: list[Seen] = field(default_factory=list)
    held: int = 0
    clients: list[socket.socket] = field(default_factory=list)  # closed with the server
    go: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def protocol_of(self, port: int) -> Any:
        """The server's protocol of the connection whose client has this port; None once the connection is lost."""
        found = [each for each in self.state.connections if each.client and each.client[1] == port]
        return found[0] if found else None

    def timers_of(self, protocol: Any) -> int:
        """The number of timers of the event loop that will call this connection."""
        owners = (protocol, protocol.timer, protocol.transport)
        loop: Any = asyncio.get_running_loop()
        # Expired timers are among the ready callbacks until they have run.
        due = [handle for handle in loop._ready if isinstance(handle, asyncio.TimerHandle)]
        return sum(
            not handle.cancelled() and getattr(handle._callback, "__self__", None) in owners
            for handle in [*loop._scheduled, *due]
        )

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._converse(scope, receive, send)
            return
        one = Seen(
            scope["method"],
            scope["path"],
            scope["query_string"],
            scope["headers"],
            version=scope["http_version"],
        )
        self.seen.append(one)
        if scope["path"] == "/refuse":
            await _answer(send, 413, b"no")
            return
        more = scope["path"] != "/unread"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            one.body += message["body"]
            more = message["more_body"]
        await self._respond(scope["path"], one, send)

    async def _respond(self, path: str, one: Seen, send: Any) -> None:
        if path == "/hold":
            await self._hold()
        elif path == "/fail":
            raise RuntimeError("on purpose")
        elif path in ("/part", "/stream", "/endless", "/pause", "/whole"):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            if path == "/whole":
                await send({"type": "http.response.body", "body": PIECE * 256})
                return
            if path == "/part":
                await send({"type": "http.response.body", "body": PIECE, "more_body": True})
                return
            for _ in range(500 if path == "/endless" else 3):
                await send({"type": "http.response.body", "body": PIECE, "more_body": True})
                if path == "/pause":
                    await self._hold()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await _answer(send, 200, one.body or b"ok")

    async def _converse(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(Seen("WS", scope["path"], scope["query_string"], scope["headers"]))
        await receive()
        if scope["path"] == "/hold":
            await self._hold()
        if scope["path"] == "/refuse":
            await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"no"})
            return
        await send({"type": "websocket.accept"})
        if scope["path"] == "/slow":
            await self._hold()
        while (message := await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": message.get("text") or ""})

    async def _hold(self) -> None:
        self.held += 1
        try:
            await self.go.wait()
        finally:
            self.held -= 1


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def bare_server(
    *, protocol: type[asyncio.Protocol] = FastPathProtocol, **changed: Any
) -> AsyncIterator[BareServer]:
    settings = Settings(**{"rate_limit_anonymous": 0, **changed})
    memory = Memory(2**20, 60)
    memory.switch_on()
    limiter = RateLimiter(lambda: None, settings)  # type: ignore[arg-type,return-value]  # without a limit never asked
    assert isinstance(limiter.anonymous, Policy)
    resources = SimpleNamespace(
        settings=settings,
        memory=memory,
        heads=RequestHeadCache(memory),
        responses=Responses(memory, on=True),
        limiter=limiter,
        refusals=RefusalPacer(asyncio.get_running_loop()),
        write_priority=WritePriority(asyncio.get_running_loop()),
        api_key_usage=None,
        addresses=Addresses(settings),
        connections=FairShare(settings.max_connections, settings.max_connections_per_address),
    )
    state = ServerState()
    state.default_headers = [(b"date", b"Sat, 28 Nov 2026 00:00:00 GMT")]
    loop = asyncio.get_running_loop()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await server.application(scope, receive, send)

    config = uvicorn.Config(app, ws=WebSocket, ws_ping_interval=None, lifespan="off", log_config=None)
    config.load()

    def make() -> asyncio.Protocol:
        return protocol(config=config, server_state=state, app_state={"resources": resources})  # type: ignore[call-arg]

    listening = await loop.create_server(make, "127.0.0.1", 0)
    server = BareServer(listening.sockets[0].getsockname()[1], state, resources, config)
    try:
        yield server
    finally:
        listening.close()
        for client in server.clients:
            client.close()
        server.go.set()
        for connection in list(state.connections):
            connection.transport.abort()
        await until(lambda: not state.connections and not state.tasks)
