"""Every connection always has exactly one timer, in each of its states and after each event."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from app.cache.responses import ResponseKey
from app.http.cached_request_head import CachedRequestHead
from app.server import connection_timer, http_protocol
from app.server import websocket_protocol as websocket
from app.server.connection_timer import State
from tests.integration.http.bare_server import BareServer, bare_server
from tests.waiting import LIMIT, until

HOST = b"Host: dno.test\r\n"
HANDSHAKE = (
    HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
WHOLE = b"GET /now HTTP/1.1\r\n" + HOST + b"\r\n"
FAST = b"GET /fast HTTP/1.1\r\n" + HOST + b"\r\n"
BIG_FRAME = b"\x81\xfe\xff\xff" + bytes(4) + b"a" * 65535
SOON = 0.15
ATTEMPTS = 50
# Short time-outs: a connection that is still open after them is left without a timer.
SETTINGS = {
    "read_timeout": SOON,
    "write_timeout": 8 * SOON,
    "keep_alive_timeout": SOON,
    "answer_timeout": SOON,
    "socket_check_interval": SOON / 3,
}


class Missed(Exception):
    """The connection ended before its state was seen: time-outs are short, and the machine may be busy."""


class ClientConnection:
    """The client's end of a connection; it reads only on request."""

    def __init__(self, server: BareServer, client: socket.socket) -> None:
        self.server = server
        self.client = client
        self.loop = asyncio.get_running_loop()
        self.port = client.getsockname()[1]

    @property
    def protocol(self) -> Any:
        return self.server.protocol_of(self.port)

    async def send(self, data: bytes) -> None:
        """As much as the server accepts within 50 ms."""
        try:
            async with asyncio.timeout(0.05):
                await self.loop.sock_sendall(self.client, data)
        except (TimeoutError, OSError):
            pass

    async def reach(self, state: State) -> None:
        await until(lambda: self.protocol is None or self.protocol.timer.state is state)
        if self.protocol is None:
            raise Missed


async def connected(server: BareServer) -> ClientConnection:
    client = socket.socket()
    server.clients.append(client)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", server.port))
    line = ClientConnection(server, client)
    try:
        await until(lambda: line.protocol is not None, seconds=20 * SOON)
    except AssertionError:
        raise Missed from None
    return line


def after(data: bytes, state: State) -> Callable[[BareServer], Awaitable[ClientConnection]]:
    async def reach(server: BareServer) -> ClientConnection:
        line = await connected(server)
        await line.send(data)
        await line.reach(state)
        return line

    return reach


async def answering_on_the_fast_path(server: BareServer) -> ClientConnection:
    line = await connected(server)

    async def answer(*_: object, **__: object) -> Any:
        await server._hold()
        raise AssertionError("never let go here")

    handler: Any = SimpleNamespace(
        find_cached_response=lambda *_: None,
        key_of=lambda *_: ResponseKey("", b""),
        refuse=lambda *_: None,
        execute_request=answer,
    )
    scope = {"method": "GET", "state": {}}
    head = CachedRequestHead(
        handler,
        scope,
        "",
        length=0,
        media_type="",
        route="/",
        budget=None,
        key_id=None,
    )
    memory = server.resources.memory
    memory.keep(FAST, head, size=1, tags=(), until=float("inf"), since=memory.now())
    await line.send(FAST)
    await line.reach(State.ANSWERING)
    assert line.protocol._answering is not None
    return line


async def draining(server: BareServer) -> ClientConnection:
    line = await after(b"GET /hold HTTP/1.1\r\n" + HOST + b"\r\n", State.ANSWERING)(server)
    line.protocol.shutdown()
    return line


STATES: dict[str, Callable[[BareServer], Awaitable[ClientConnection]]] = {
    "before the first byte": connected,
    "after an empty line": after(b"\r\n", State.NEW),
    "in the head": after(b"GET /now HTTP/1.1\r\nHo", State.HEAD),
    "in the body": after(b"POST /now HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nab", State.BODY),
    "in a chunk": after(
        b"POST /now HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", State.BODY
    ),
    "in a body that is rejected": after(
        b"POST /refuse HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nab", State.BODY
    ),
    "in a body that is not read": after(
        b"POST /unread HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\nab", State.BODY
    ),
    "being answered": after(b"GET /hold HTTP/1.1\r\n" + HOST + b"\r\n", State.ANSWERING),
    "being answered on the fast path": answering_on_the_fast_path,
    "in a stream": after(b"GET /pause HTTP/1.1\r\n" + HOST + b"\r\n", State.ANSWERING),
    "idle": after(WHOLE, State.IDLE),
    "behind a request": after(
        b"GET /hold HTTP/1.1\r\n" + HOST + b"\r\nGET /now HTTP/1.1\r\nHo", State.ANSWERING
    ),
    "not reading": after(b"GET /endless HTTP/1.1\r\n" + HOST + b"\r\n", State.STALLED),
    "upgrading": after(b"GET /hold HTTP/1.1\r\n" + HANDSHAKE, State.UPGRADING),
    "upgraded": after(b"GET /echo HTTP/1.1\r\n" + HANDSHAKE, State.OPEN),
    "in a frame": after(b"GET /echo HTTP/1.1\r\n" + HANDSHAKE + b"\x81\xfe", State.OPEN),
    "draining": draining,
    "refused": after(b"GARBAGE\r\n\r\n", State.CLOSING),
}


async def _eof(line: ClientConnection) -> None:
    line.client.shutdown(socket.SHUT_WR)


async def _reset(line: ClientConnection) -> None:
    line.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    line.client.close()


async def _read(line: ClientConnection) -> None:
    try:
        async with asyncio.timeout(0.05):
            while await line.loop.sock_recv(line.client, 2**20):
                pass
    except (TimeoutError, OSError):
        pass


async def _shutdown(line: ClientConnection) -> None:
    if line.protocol is not None:
        line.protocol.shutdown()


async def _evict(line: ClientConnection) -> None:
    if line.protocol is not None:
        line.protocol.evict()


async def _answered(line: ClientConnection) -> None:
    line.server.go.set()


async def _nothing(line: ClientConnection) -> None:
    """The timer is the next event."""


def sending(data: bytes) -> Callable[[ClientConnection], Awaitable[None]]:
    async def send(line: ClientConnection) -> None:
        await line.send(data)

    return send


EVENTS: dict[str, Callable[[ClientConnection], Awaitable[None]]] = {
    "the timer": _nothing,
    "an empty line": sending(b"\r\n"),
    "half an empty line": sending(b"\r"),
    "many empty lines": sending(b"\r\n" * 1000),
    "a byte": sending(b"G"),
    "a whole request": sending(WHOLE),
    "a request and a half": sending(WHOLE + WHOLE[:9]),
    "many requests": sending(WHOLE * 1000),
    "the end of a head": sending(b"\r\n\r\n"),
    "the end of a body": sending(b"cdefghi"),
    "a bad chunk": sending(b"cdefghi\r\nno size\r\n"),
    "garbage": sending(b"\0\xff\r\n" * 100),
    "a handshake": sending(b"GET /echo HTTP/1.1\r\n" + HANDSHAKE),
    "a handshake that is rejected": sending(b"GET /refuse HTTP/1.1\r\n" + HANDSHAKE),
    "a handshake with 129 headers": sending(
        b"GET /echo HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(129)) + HANDSHAKE
    ),
    "frames": sending(BIG_FRAME * 20),
    "a broken frame": sending(b"\xff\xff\xff"),
    "a close frame": sending(b"\x88\x80" + bytes(4)),
    "pings": sending((b"\x89\xfd" + bytes(4) + b"a" * 125) * 2000),
    "too much": sending(b"A" * 200_000),
    "end of file": _eof,
    "a reset": _reset,
    "reading": _read,
    "an answer": _answered,
    "shutdown": _shutdown,
    "eviction": _evict,
}


@pytest.mark.parametrize("state", STATES)
async def test_each_event_leaves_one_timer_and_each_connection_ends(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (connection_timer, http_protocol, websocket):
        monkeypatch.setattr(module, "CLOSE_TIMEOUT", SOON)
    monkeypatch.setattr(http_protocol, "LINGER_SECONDS", SOON)
    wrong = dict[str, str]()

    async def check(name: str) -> None:
        for _ in range(ATTEMPTS):
            async with bare_server(**SETTINGS) as server:
                with suppress(Missed):
                    found = await _check(server, state, EVENTS[name])
                    if found is not None:
                        wrong[name] = found
                    return
        wrong[name] = "the state was never seen"

    await asyncio.gather(*(check(name) for name in EVENTS))
    assert wrong == {}


async def _check(
    server: BareServer, state: str, event: Callable[[ClientConnection], Awaitable[None]]
) -> str | None:
    """What is wrong after the event. Raises Missed."""
    line = await STATES[state](server)
    try:
        # No await between an event's effects and the count lets the timer fire in between.
        if (found := _timers(line)) is None:
            raise Missed
        if found != 1:
            return f"{found} timers before it"
        await event(line)
        for _ in range(20):
            await asyncio.sleep(0)
            if (found := _timers(line)) not in (None, 1):
                return f"{found} timers"
        deadline = asyncio.get_running_loop().time() + 10
        while line.protocol is not None:
            if (found := _timers(line)) not in (None, 1):
                return f"{found} timers while waiting"
            if asyncio.get_running_loop().time() > deadline:
                return f"still open, as {line.protocol.timer.state}"
            await asyncio.sleep(0.01)
        return None if len(server.resources.connections) == 0 else "its place is still taken"
    finally:
        line.client.close()


def _timers(line: ClientConnection) -> int | None:
    """None once the connection is lost."""
    found = line.protocol
    return None if found is None else line.server.timers_of(found)


async def test_a_request_sent_byte_by_byte_has_the_same_time_limit() -> None:
    async with bare_server(**{**SETTINGS, "read_timeout": 0.3}) as server:
        line = await connected(server)
        began = asyncio.get_running_loop().time()
        request = b"GET /now HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 10_000
        for byte in request:
            if line.protocol is None:
                break
            await line.send(bytes((byte,)))
            await asyncio.sleep(0.01)
        assert line.protocol is None
        assert asyncio.get_running_loop().time() - began < 30  # the whole request would have taken 100 s
        line.client.close()


async def test_empty_lines_do_not_keep_a_connection_open() -> None:
    for first in (b"", WHOLE):
        async with bare_server(**SETTINGS) as server:
            line = await connected(server)
            await line.send(first)
            sent = 0
            while line.protocol is not None:
                assert sent < 1500
                await line.send(b"\r\n" if sent % 2 else b"\r")
                sent += 1
                await asyncio.sleep(0.01)
            line.client.close()


async def test_a_websocket_that_answers_pings_stays_open() -> None:
    async with bare_server(**SETTINGS) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /echo HTTP/1.1\r\n" + HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        pings = 0
        async with asyncio.timeout(LIMIT):
            while pings < 20:
                head = await reader.readexactly(2)
                assert head[0] == 0x89
                payload = await reader.readexactly(head[1])
                writer.write(b"\x8a\x84" + bytes(4) + payload)
                pings += 1
        writer.close()


async def test_a_client_that_reads_slowly_gets_its_whole_response() -> None:
    """The write time-out runs only while no byte of the response can be written."""
    async with bare_server(**{**SETTINGS, "answer_timeout": 0.5, "write_timeout": 2}) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**16)
        writer.write(b"GET /stream HTTP/1.1\r\n" + HOST + b"\r\n")
        received = b""
        async with asyncio.timeout(LIMIT):
            while not received.endswith(b"0\r\n\r\n"):
                received += await reader.read(16_384)
                await asyncio.sleep(0.02)
        assert received.count(b"x") >= 3 * 65536
        writer.close()
