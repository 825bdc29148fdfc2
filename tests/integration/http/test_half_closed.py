"""Clients that end their side after their last request, as `nc -N` does, and still read."""

import asyncio
import socket

import pytest

from app.server.connection_timer import State
from tests.integration.http.bare_server import BareServer, bare_server
from tests.integration.http.test_connection_states import (
    HOST,
    WHOLE,
    ClientConnection,
    answering_on_the_fast_path,
    connected,
)
from tests.waiting import LIMIT, until

HELD = b"GET /hold HTTP/1.1\r\n" + HOST + b"\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


async def half_close(line: ClientConnection) -> None:
    """Returns once the server knows it."""
    line.client.shutdown(socket.SHUT_WR)
    await until(lambda: line.protocol is None or line.protocol._ended or line.protocol.transport.is_closing())


async def everything(line: ClientConnection) -> bytes:
    """All bytes up to the end of the connection, which the server has to close."""
    received = b""
    async with asyncio.timeout(LIMIT):
        while more := await line.loop.sock_recv(line.client, 65536):
            received += more
    await until(lambda: line.protocol is None)
    assert len(line.server.resources.connections) == 0
    return received


async def held(server: BareServer, request: bytes) -> ClientConnection:
    line = await connected(server)
    await line.send(request)
    await until(lambda: server.held)
    await half_close(line)
    return line


@pytest.mark.parametrize(
    "request_bytes",
    [
        HELD,
        b"GET /hold HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n",
        b"POST /hold HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nok",
        b"POST /hold HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
async def test_a_request_is_answered_and_then_the_connection_is_closed(request_bytes: bytes) -> None:
    async with bare_server() as server:
        line = await held(server, request_bytes)
        server.go.set()
        received = await everything(line)
        assert received.startswith(OK)
        assert received.endswith(b"\r\n\r\nok")


async def test_a_request_of_http_1_0_is_answered() -> None:
    async with bare_server() as server:
        line = await held(server, b"GET /hold HTTP/1.0\r\n\r\n")
        server.go.set()
        assert (await everything(line)).endswith(b"\r\n\r\nok")


async def test_requests_behind_it_are_answered_too() -> None:
    async with bare_server() as server:
        line = await held(server, HELD + WHOLE + HELD)
        server.go.set()
        assert (await everything(line)).count(OK) == 3
        assert [one.path for one in server.seen] == ["/hold", "/now", "/hold"]


@pytest.mark.parametrize(
    "cut_off",
    [WHOLE[:-1], b"POST /now HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nab", b"\r\n"],
)
async def test_a_request_that_is_cut_off_is_not_answered(cut_off: bytes) -> None:
    """Nor does it hold the connection until a time-out."""
    async with bare_server(read_timeout=10 * LIMIT, keep_alive_timeout=10 * LIMIT) as server:
        line = await held(server, HELD + cut_off)
        server.go.set()
        assert (await everything(line)).count(b"HTTP/1.1 ") == 1
        alone = await connected(server)
        await alone.send(cut_off)
        await half_close(alone)
        assert await everything(alone) == b""


async def test_the_fast_path_answers_within_its_time_limit_or_is_cut_off() -> None:
    async with bare_server(answer_timeout=0.3, socket_check_interval=0.1) as server:
        line = await answering_on_the_fast_path(server)
        await half_close(line)
        assert line.protocol.timer.state is State.ANSWERING
        assert await everything(line) == b""


async def test_a_stream_that_has_begun_ends() -> None:
    """Its client is taken for gone: a stream without an end would be written for it."""
    async with bare_server() as server:
        line = await connected(server)
        await line.send(b"GET /pause HTTP/1.1\r\n" + HOST + b"\r\n")
        await until(lambda: server.held)
        await half_close(line)
        assert (await everything(line)).startswith(OK)


async def test_at_shutdown_its_request_is_still_answered() -> None:
    async with bare_server() as server:
        line = await held(server, HELD)
        line.protocol.shutdown()
        server.go.set()
        assert (await everything(line)).endswith(b"\r\n\r\nok")
