"""Requests through a real server, byte by byte: malformed ones are rejected, and none hangs."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from app.settings import Settings
from schema.http.request import ResultKind, read_graphql_request, status_for
from tests.integration.http.conftest import Limiters, application
from tests.waiting import LIMIT, until

ASKED = b'{"query":"{ __typename }"}'


async def graphql(request: Request) -> Response:
    """Reads like the real endpoint, and returns a fixed response."""
    scope = request.scope
    read = read_graphql_request(
        scope["method"], scope["headers"], scope["query_string"], await request.body(), batch=2
    )
    first = read[0] if isinstance(read, tuple) else read
    return Response(
        '{"data":{}}', status_for(ResultKind.PARTIAL, first.media_type), media_type=first.media_type
    )


async def chat(socket: WebSocket) -> None:
    await socket.accept()
    raise RuntimeError("on purpose")


@pytest.fixture
async def port(limiters: Limiters, redis_url: str) -> AsyncIterator[int]:
    settings = Settings(max_request_body_bytes=10_000, rate_limit_anonymous=100, cross_origin_reading=False)
    routes = [Route("/graphql", graphql, methods=["GET", "POST"]), WebSocketRoute("/graphql", chat)]
    app: Any = application(settings, limiters(redis_url, rate_limit_anonymous=100), routes)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, lifespan="off", log_config=None, proxy_headers=False, timeout_graceful_shutdown=1)
    )
    running = asyncio.create_task(server.serve(sockets=[listening]))
    await until(lambda: server.started)
    yield listening.getsockname()[1]
    server.should_exit = True
    await running
    listening.close()


async def exchange(port: int, data: bytes, *, until: bytes = b"never") -> bytes:
    """All received bytes until the server closes or has sent `until`."""
    received = b""
    async with asyncio.timeout(LIMIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            while until not in received and (more := await reader.read(65536)):
                received += more
        finally:
            writer.close()
    return received


def post(body: bytes, *headers: bytes, content_type: bytes = b"application/json") -> bytes:
    lines = [
        b"POST /graphql HTTP/1.1",
        b"Host: dno.test",
        b"Connection: close",
        b"Content-Type: " + content_type,
    ]
    lines += [b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def test_partial_success_has_its_status(port: int) -> None:
    answer = await exchange(port, post(ASKED, b"Accept: application/graphql-response+json"))
    assert answer.startswith(b"HTTP/1.1 294 ")
    assert (await exchange(port, post(ASKED))).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (post(b'{"query":'), 400),
        (post(b"\xef\xbb\xbf" + ASKED), 200),
        (post(ASKED.decode().encode("utf-16")), 400),
        (post(b"[" * 5000), 400),
        (post(b"[" + b",".join([ASKED] * 3) + b"]"), 400),
        (post(ASKED, content_type=b"text/plain"), 415),
        (post(ASKED, b"Accept: image/png"), 406),
        (post(b" " * 20_000), 413),
        (
            b"GET /graphql?query=%7Ba%7D&variables=%5B%5D HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            400,
        ),
        (b"GET /graphql?query=%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200),
        (b"PUT /graphql HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 405),
        (b"GARBAGE\r\n\r\n", 400),
    ],
)
async def test_each_malformed_request_gets_its_status(port: int, data: bytes, status: int) -> None:
    assert (await exchange(port, data)).startswith(b"HTTP/1.1 %d " % status)


async def test_a_body_in_pieces_is_counted(port: int) -> None:
    head = b"POST /graphql HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await exchange(
        port, head + b"fff\r\n" + b" " * 4095 + b"\r\n" + (b"fff\r\n" + b" " * 4095 + b"\r\n") * 4
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["errors"][0]
    assert error["extensions"]["code"] == "PAYLOAD_TOO_LARGE"


def handshake(origin: bytes) -> bytes:
    return (
        b"GET /graphql HTTP/1.1\r\nHost: dno.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: %s\r\n\r\n"
        % origin
    )


async def test_a_rejected_handshake_has_a_message(port: int) -> None:
    answer = await exchange(port, handshake(b"https://evil.example"), until=b"]}")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"FORBIDDEN" in answer


async def test_a_socket_that_fails_is_closed_with_a_code(port: int) -> None:
    code = (1011).to_bytes(2, "big")
    answer = await exchange(port, handshake(b"http://dno.test"), until=code)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"\x88\x02" + code)
