"""Request framing according to RFC 9112, byte by byte, and which bytes are no request."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import pytest
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.server.connection_timer import State
from app.server.request_body import ChunkedBody, MalformedBody
from app.server.websocket_protocol import SLICE, WebSocket
from tests.integration.http.bare_server import PIECE, BareServer, Seen, bare_server
from tests.waiting import LIMIT, until

HOST = b"Host: dno.test\r\n"
HEAD = b"POST /now HTTP/1.1\r\n" + HOST
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /next HTTP/1.1\r\n" + HOST + b"\r\n"


async def exchange(server: BareServer, *pieces: bytes, within: float = 5) -> bytes:
    """All received bytes until the server closes; a connection that stays open is closed by the client."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    received = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if len(pieces) > 1:
                await asyncio.sleep(0.005)
        async with asyncio.timeout(within):
            while more := await reader.read(65536):
                received += more
                answered = sum(status >= 200 for status in statuses(received)) >= len(server.seen)
                if server.seen and answered and server.seen[-1].path == "/last" and received.endswith(b"ok"):
                    break
    except ConnectionError:
        pass
    finally:
        writer.close()
    return received


def statuses(received: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d+) ", received)]


LAST = b"GET /last HTTP/1.1\r\n" + HOST + b"\r\n"


async def run_on(loop: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In a thread: the end of a runner takes the event loop of its thread away, which other tests need."""

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
            runner.run(work())

    await asyncio.to_thread(run)


async def open_websocket(
    server: BareServer, path: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, WebSocket]:
    """The streams of a client, and the server's side of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET " + path + b" HTTP/1.1\r\n" + HOST + WEBSOCKET + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    (socket,) = server.state.connections
    assert isinstance(socket, WebSocket)
    return reader, writer, socket


async def requests(*pieces: bytes, **settings: Any) -> tuple[list[int], list[Seen]]:
    """The statuses, and the requests as the application received them; a connection that is still open answers one more."""
    async with bare_server(**settings) as server:
        received = await exchange(server, *pieces)
        return statuses(received), server.seen


UPGRADES = {
    "h2c as Java sends it": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
    "h2c": b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    "TLS": b"Connection: upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n",
    "a WebSocket without its key": b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "two headers": b"Connection: Upgrade\r\nConnection: keep-alive\r\nUpgrade: foo\r\nUpgrade: bar\r\n",
}
WEBSOCKET = (
    b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("split", [False, True], ids=["at once", "in pieces"])
async def test_an_unsupported_upgrade_is_ignored_and_the_body_read(upgrade: bytes, split: bool) -> None:
    data = [
        HEAD + upgrade + b"Content-Length: 5\r\n\r\n",
        b"hello",
        CHUNKED + upgrade + b"\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"GET /get HTTP/1.1\r\n" + HOST + upgrade + b"\r\n",
        LAST,
    ]
    found, seen = await requests(*(data if split else [b"".join(data)]))
    assert found == [200, 200, 200, 200]
    assert [(one.path, one.body) for one in seen] == [
        ("/now", b"hello"),
        ("/now", b"hello"),
        ("/get", b""),
        ("/last", b""),
    ]


@pytest.mark.parametrize(
    "head",
    [
        HEAD + WEBSOCKET + b"Content-Length: 5\r\n\r\nhello",
        b"GET /now HTTP/1.1\r\n" + HOST + WEBSOCKET + b"Content-Length: 5\r\n\r\nhello",
    ],
    ids=["POST", "GET with a body"],
)
async def test_a_websocket_begins_with_a_get_without_a_body(head: bytes) -> None:
    found, seen = await requests(head + LAST)
    assert found == [200, 200]
    assert [(one.method in ("GET", "POST"), one.body) for one in seen] == [(True, b"hello"), (True, b"")]


@pytest.mark.parametrize("number", [129, 200])
async def test_a_websocket_may_have_many_headers(number: int) -> None:
    more = b"".join(b"X-%d: %d\r\n" % (each, each) for each in range(number))
    async with bare_server() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /echo HTTP/1.1\r\n" + HOST + WEBSOCKET + more + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert (b"x-128", b"128") in server.seen[0].headers
        writer.close()


@pytest.mark.parametrize(
    "wrong",
    [
        b"Sec-WebSocket-Protocol: " + b"a" * 9000 + b"\r\n",
        b"Sec-WebSocket-Key: again\r\n",
    ],
    ids=["a long line", "two keys"],
)
async def test_a_malformed_handshake_is_rejected(wrong: bytes) -> None:
    found, seen = await requests(b"GET /echo HTTP/1.1\r\n" + HOST + WEBSOCKET + wrong + b"\r\n")
    assert len(found) == 1
    assert 400 <= found[0] < 500
    assert seen == []


KEY, VERSION = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"Sec-WebSocket-Version: 13\r\n"
UPGRADE = b"Connection: upgrade\r\nUpgrade: websocket\r\n"


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        (b"/echo", KEY, 426),
        (b"/echo", KEY + b"Sec-WebSocket-Version: 8\r\n", 426),
        (b"/echo", KEY + b"Sec-WebSocket-Version: \xff\r\n", 426),
        (b"/echo", KEY + VERSION + VERSION, 426),
        (b"/echo", VERSION + b"Sec-WebSocket-Key: \xff!!\r\n", 400),
        (b"/echo", VERSION + b"Sec-WebSocket-Key: YWJj\r\n", 400),
        (b"/echo", VERSION + KEY + KEY, 400),
        (b"/echo", VERSION + KEY + b"Sec-WebSocket-Protocol: (;,=)\r\n", 400),
        (b"/echo", VERSION + KEY + b"Sec-WebSocket-Protocol: abcdefgh\r\n" * 120, 431),
        (b"/echo", VERSION + KEY + b"Origin: http://a\r\nOrigin: http://b\r\n", 400),
        (b"/echo?" + b"a" * 9000, VERSION + KEY, 414),
    ],
)
async def test_a_rejected_handshake_has_a_message_of_this_server(
    target: bytes, fields: bytes, status: int
) -> None:
    async with bare_server() as server:
        received = await exchange(
            server, b"GET " + target + b" HTTP/1.1\r\n" + HOST + UPGRADE + fields + b"\r\n"
        )
    assert statuses(received) == [status]
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == HTTPStatus(status).name
    assert not re.search(rb"Failed|base64 data|expected", body)
    assert (b"sec-websocket-version: 13" in head) == (status == 426)


@pytest.mark.parametrize(
    "fields",
    [
        b"Connection: \xff, upgrade\r\nUpgrade: websocket\r\n",
        b"Connection: upgrade, " + b"a, " * 5000 + b"\r\nUpgrade: websocket\r\n",
        UPGRADE + b'Sec-WebSocket-Extensions: permessage-deflate; =;;,"\r\n' * 100,
    ],
    ids=["a connection of no token", "a long connection", "extensions"],
)
async def test_a_handshake_is_accepted_whatever_its_other_fields_contain(fields: bytes) -> None:
    async with bare_server() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /echo HTTP/1.1\r\n" + HOST + fields + KEY + VERSION + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        writer.close()


@pytest.mark.parametrize("upgrade", [b"h2c, websocket", b"websocket, h2c", b"websocket/13"])
async def test_an_upgrade_to_more_than_a_websocket_is_ignored(upgrade: bytes) -> None:
    fields = b"Connection: upgrade\r\nUpgrade: " + upgrade + b"\r\n" + KEY + VERSION
    found, _ = await requests(b"GET /now HTTP/1.1\r\n" + HOST + fields + b"\r\n" + LAST)
    assert found == [200, 200]


@pytest.mark.parametrize(
    "frames",
    [b"\x81\x82\0\0\0\0\xc3\x28", b"\x01\x81\0\0\0\0\xc3\x80\x81\0\0\0\0\x28"],
    ids=["one frame", "two"],
)
async def test_text_that_is_not_utf8_closes_the_socket_with_1007(
    frames: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with bare_server() as server:
        with caplog.at_level("WARNING"):
            received = await exchange(server, b"GET /echo HTTP/1.1\r\n" + HOST + WEBSOCKET + b"\r\n" + frames)
    assert received.endswith(b"\x03\xefThis text is not UTF-8.")  # 1007
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"] == []


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x81\x01x", 1002),
        (b"\x88\x83\0\0\0\0\x03\xe8\xff", 1007),
        (b"\x81\xff" + b"\xff" * 8 + b"x" * 100_000, 1009),
    ],
    ids=["opcode", "no mask", "reason", "length"],
)
async def test_a_malformed_frame_closes_the_socket_with_a_message_of_this_server(
    frames: bytes, code: int
) -> None:
    async with bare_server() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /echo HTTP/1.1\r\n" + HOST + WEBSOCKET + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frames)
        # Without a reset, although most of the sent bytes are never parsed.
        async with asyncio.timeout(LIMIT):
            received = await reader.read()
        assert received[2:4] == code.to_bytes(2, "big")
        assert received[4:].decode().startswith("This ")
        writer.close()


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /now HTTP/1.1\nHost: a\n\n",
        b"GET /now HTTP/1.1\r\nHost: a\n\n",
        b"GET /now HTTP/1.1\r\nHost: a\r\n\n",
        b"GET /now HTTP/1.1\rHost: a\r\r",
        b"GET /now HTTP/1.1\r\nHost: a\r\r",
    ],
)
@pytest.mark.parametrize("byte_by_byte", [False, True])
async def test_a_head_that_cannot_become_valid_is_rejected_at_once(
    beginning: bytes, byte_by_byte: bool
) -> None:
    pieces = [bytes([byte]) for byte in beginning] if byte_by_byte else [beginning]
    found, seen = await requests(*pieces)
    assert found == [400]
    assert seen == []


@pytest.mark.parametrize(
    "coding", [b"identity", b"x", b"", b'"chunked"', b"chunked;a=b", b"chunked, chunked"]
)
async def test_a_request_that_the_parser_rejects_has_the_status_of_its_reason(coding: bytes) -> None:
    found, seen = await requests(HEAD + b"Transfer-Encoding: " + coding + b"\r\n\r\n")
    assert (found, seen) == ([501], [])


async def test_frames_sent_before_the_handshake_is_complete_are_read_after_it() -> None:
    async with bare_server() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        frame = b"\x81\x82" + bytes(4) + b"hi"
        writer.write(b"GET /hold HTTP/1.1\r\n" + HOST + WEBSOCKET + b"\r\n" + frame)
        await until(lambda: server.held)
        async with asyncio.timeout(LIMIT):
            writer.write(frame)
            await asyncio.sleep(0.02)
            server.go.set()
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(8) == b"\x81\x02hi\x81\x02hi"
        writer.close()


TRAILERS = (
    b"Authorization: Bearer x\r\n",
    b"X-Forwarded-For: 192.0.2.1\r\nHost: evil.test\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Cookie: a=b\r\n",
)


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("split", [False, True], ids=["at once", "in pieces"])
async def test_trailers_do_not_become_headers_of_this_or_the_next_request(
    trailer: bytes, split: bool
) -> None:
    data = CHUNKED + b"\r\n5\r\nhello\r\n0\r\n" + trailer + b"\r\n" + LAST
    pieces = [data[n : n + 7] for n in range(0, len(data), 7)] if split else [data]
    found, seen = await requests(*pieces)
    assert found == [200, 200]
    names = [{name for name, _ in one.headers} for one in seen]
    assert names == [{b"host", b"transfer-encoding"}, {b"host"}]
    assert seen[0].body == b"hello"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX-A: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST * 2 + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Host: other.test\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n" + HOST * 2 + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        *(
            (b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host, 400)
            for host in (
                b"a b",
                b"a/b",
                b"a@b",
                b"a:b",
                b"a:123456",
                b"a?b",
                b"a#b",
                b"[::1",
                b"::1",
                b"a\\b",
                b"\xe4.de",
                b'"a"',
                b"<a>",
            )
        ),
        *(
            (CHUNKED.replace(b"chunked", coding) + b"\r\n0\r\n\r\n", None)
            for coding in (
                b"gzip",
                b"gzip, chunked",
                b"chunked, gzip",
                b"chunked, chunked",
                b"chunked, identity",
                b"identity",
                b"xchunked",
                b"chunked;a=b",
                b'"chunked"',
                b"chunked,",
                b",chunked",
                b"",
                b"\x0bchunked",
                b"chun ked",
            )
        ),
        (CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", None),
        (CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (CHUNKED.replace(b"1.1", b"1.0") + b"\r\n0\r\n\r\n", 400),
        *(
            (HEAD + b"Content-Length: %s\r\n\r\nhello" % length, 400)
            for length in (
                b"5, 5",
                b"+5",
                b"-5",
                b"",
                b"0x5",
                b"5 5",
                b"5,",
                b"1e1",
                b"5.0",
                b"9" * 30,
                b"18446744073709551616",
                b"\xb2",
            )
        ),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        *(
            (b"GET / HTTP/%s\r\n" % version + HOST + b"\r\n", None)
            for version in (
                b"0.9",
                b"1.2",
                b"2.0",
                b"2",
                b"3.0",
                b"9.9",
                b"1.10",
                b"01.1",
                b"1",
                b"11",
                b"1,1",
            )
        ),
        (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 400),
        (b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET / RTSP/1.0\r\n\r\n", 400),
        (b"SOURCE / ICE/1.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX-A: a\r\n b\r\n" + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n X-A: a\r\n" + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-A:\r\n\tb\r\n\r\n", 400),
        (b"GET / HTTP/1.1\n" + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\rX-A: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\x01b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\x7fb\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-A\0: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b": b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"no colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X(A): b\r\n\r\n", 400),
        (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /  HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
        (b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b" GET / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET dno.test:80 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET dno.test HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET ftp://dno.test/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET http:///a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET http://u:p@dno.test/a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET http://dno.test/a HTTP/1.1\r\n\r\n", 400),
        (b"CONNECT dno.test:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
        (b"CONNECT / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
        (b"get / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
        (b"NONSENSE / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
        (b"G@T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (HEAD + b"Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello", 417),
        (HEAD + b"Expect: 100-continue, more\r\nContent-Length: 5\r\n\r\nhello", 417),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"a:b\r\n" * 300 + b"\r\n", 431),
    ],
)
async def test_a_malformed_request_is_rejected_once_and_nothing_after_it_is_read(
    head: bytes, status: int | None
) -> None:
    """Wherever a second request might begin. `status` None: any rejection."""
    found, seen = await requests(head + NEXT)
    assert len(found) == 1
    assert found[0] == status or (status is None and found[0] in (400, 501, 505))
    assert seen == []


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"GET http://other.test:81/a/b?c=d HTTP/1.1\r\n" + HOST, ("/a/b", b"c=d", b"other.test:81")),
        (b"GET HTTP://other.test HTTP/1.1\r\n" + HOST, ("/", b"", b"other.test")),
        (b"GET http://other.test?a HTTP/1.1\r\n" + HOST, ("/", b"a", b"other.test")),
        (b"GET /a%20b/%C3%A4?%20 HTTP/1.1\r\n" + HOST, ("/a b/ä", b"%20", b"dno.test")),
        (b"GET //a/b HTTP/1.1\r\n" + HOST, ("//a/b", b"", b"dno.test")),
        (b"GET /a?b?c HTTP/1.1\r\n" + HOST, ("/a", b"b?c", b"dno.test")),
        (b"GET / HTTP/1.1\r\nHost: [::1]:8000\r\n", ("/", b"", b"[::1]:8000")),
    ],
)
async def test_each_form_of_a_target_is_read(data: bytes, seen: tuple[str, bytes, bytes]) -> None:
    _, found = await requests(data + b"Connection: close\r\n\r\n")
    one = found[0]
    assert (one.path, one.query, dict(one.headers)[b"host"]) == seen
    assert [name for name, _ in one.headers].count(b"host") == 1


async def test_options_of_the_whole_server_are_answered() -> None:
    async with bare_server() as server:
        received = await exchange(server, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n")
    assert received.startswith(b"HTTP/1.1 204 ")
    assert b"allow: GET, HEAD, POST, OPTIONS\r\n" in received


@pytest.mark.parametrize(
    "chunks",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"5_0\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b"f" * 17 + b"\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"5;a\0b\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX-A: b\n\r\n",
        b"5\r\nhello\r\n0\r\n X-A: b\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX-A : b\r\n\r\n",
        b"5\r\nhello\r\n0\r\nno colon\r\n\r\n",
        b"5\r\nhello!\r\n0\r\n\r\n",
        b"1\r\na\r\n" * 20_000,
    ],
)
async def test_a_malformed_chunk_ends_the_connection(chunks: bytes) -> None:
    found, seen = await requests(CHUNKED + b"\r\n" + chunks + NEXT)
    assert found == [400]
    assert [one.path for one in seen] == ["/now"]


async def test_chunks_are_joined_wherever_they_are_split() -> None:
    data = b'5;a=b;c="d"\r\nhello\r\n000A\r\n, strange \r\n5\r\nworld\r\n0\r\nX-A: b\r\n\r\nGET'
    for cut in range(len(data)):
        body = ChunkedBody()
        first = body.take(data[:cut])
        pieces = [first] if first.done else [first, body.take(data[cut:])]
        assert b"".join(piece.body for piece in pieces) == b"hello, strange world"
        assert pieces[-1].done
        assert pieces[-1].rest + (data[cut:] if first.done else b"") == b"GET"
    with pytest.raises(MalformedBody):
        ChunkedBody().take(b"x\r\n")


async def test_http_1_0_gets_no_chunks_and_no_second_response() -> None:
    async with bare_server() as server:
        received = await exchange(server, b"GET /stream HTTP/1.0\r\n\r\n" + NEXT)
        head, _, body = received.partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head.lower()
        assert b"connection: close" in head
        assert body == b"x" * 3 * 65536
        plain = await exchange(server, b"GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert b"content-length: 2\r\n" in plain
        assert len(server.seen) == 2


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_part_of_a_response_does_not_look_like_the_whole_in_http_1_0(loop: str) -> None:
    """Without chunks and a length, only a reset distinguishes the two, also for a proxy in between."""

    async def read_part() -> None:
        async with bare_server() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /part HTTP/1.0\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                await reader.read(-1)
            writer.close()

    await run_on(loop, read_part)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_client_of_http_1_0_that_leaves_in_the_middle_of_a_response_is_no_error(
    loop: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def leave() -> None:
        async with bare_server() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /pause HTTP/1.0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()
            await until(lambda: not server.state.connections)
            server.go.set()
            await until(lambda: not server.state.tasks)

    await run_on(loop, leave)
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"] == []


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
async def test_a_whole_response_of_which_the_client_takes_a_part_is_cut_off_with_a_reset_in_http_1_0(
    loop: str,
) -> None:
    async def read_part() -> None:
        async with bare_server() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /whole HTTP/1.0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            (connection,) = server.state.connections
            await until(lambda: connection.timer.state is State.CLOSING)
            assert connection.transport.get_write_buffer_size()
            connection._untaken = 0  # the client reads nothing
            connection._expired(State.CLOSING)
            with pytest.raises(ConnectionResetError):
                await reader.read(-1)
            writer.close()

    await run_on(loop, read_part)


async def test_expect_is_ignored_in_http_1_0() -> None:
    async with bare_server() as server:
        data = b"POST /now HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
        assert (await exchange(server, data)).startswith(b"HTTP/1.1 200 ")
        assert (await exchange(server, data.replace(b"100-continue", b"a"))).startswith(b"HTTP/1.1 200 ")


async def test_nothing_is_read_after_the_last_request() -> None:
    close = b"GET /now HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    found, seen = await requests(close + NEXT * 3)
    assert found == [200]
    assert [one.path for one in seen] == ["/now"]


async def test_a_rejection_is_sent_after_the_responses_before_it() -> None:
    async with bare_server() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /hold HTTP/1.1\r\n" + HOST + b"\r\nGARBAGE\r\n\r\n")
        await until(lambda: server.held)
        async with asyncio.timeout(LIMIT):
            await asyncio.sleep(0.02)
            server.go.set()
            received = await reader.read()
        assert statuses(received) == [200, 400]
        writer.close()


async def test_a_response_sent_before_the_end_of_its_request_is_delivered_whole() -> None:
    """The client is still sending; closing with unread bytes would reset the connection and lose the response."""
    async with bare_server() as server:
        body = b"a" * 300_000
        data = b"POST /refuse HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n" % len(body)
        kept = await exchange(server, data + b"\r\n" + body + LAST)
        assert statuses(kept) == [413, 200]
        closed = await exchange(server, data + b"Connection: close\r\n\r\n" + body)
        assert statuses(closed) == [413]


@pytest.mark.parametrize("limit", [1000, 20_000])
@pytest.mark.parametrize("split", [False, True], ids=["at once", "in pieces"])
async def test_the_limit_of_a_head_counts_from_its_first_byte(limit: int, split: bool) -> None:
    for extra, status in ((0, 200), (1, 431)):
        for before in (b"", b"\r\n" * 50):
            for form in (
                b"GET /last?%s HTTP/1.1\r\n" + HOST + b"\r\n",
                b"GET /last HTTP/1.1\r\n" + HOST + b"X: %s\r\n\r\n",
            ):
                data = form % (b"a" * (limit - len(before) - len(form) + 2 + extra))
                assert len(before + data) == limit + extra
                whole = before + data
                pieces = [whole[n : n + 997] for n in range(0, len(whole), 997)] if split else [whole]
                found, _ = await requests(*pieces, max_request_head_bytes=limit)
                assert found == [status]


# Defects of uvicorn. When one of these tests fails, uvicorn has fixed it.


async def upstream(data: bytes) -> tuple[list[int], list[Seen], bytes]:
    async with bare_server(protocol=HttpToolsProtocol) as server:
        received = await exchange(server, data + LAST, within=1) if data else b""
        return statuses(received), server.seen, received


async def _quietly(data: bytes) -> tuple[list[int], list[Seen], bytes]:
    try:
        return await upstream(data)
    except TimeoutError:
        return [], [], b""


async def test_uvicorn_still_parses_the_body_of_an_upgrade_as_a_request() -> None:
    _, seen, _ = await _quietly(
        HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello"
    )
    assert [one.body for one in seen] != [b"hello", b""], (
        "uvicorn reads the body of an ignored upgrade now: FastPathProtocol may leave it to uvicorn's parser again"
    )


async def test_uvicorn_still_treats_trailers_as_headers() -> None:
    _, seen, _ = await _quietly(CHUNKED + b"\r\n1\r\na\r\n0\r\nAuthorization: x\r\n\r\n")
    assert any(name == b"authorization" for name, _ in seen[0].headers), (
        "uvicorn keeps trailers apart now: this reason for ChunkedBody in app/server/request_body.py is gone"
    )


async def test_uvicorn_still_sends_chunks_to_http_1_0() -> None:
    _, _, received = await _quietly(b"GET /stream HTTP/1.0\r\n\r\n")
    assert b"transfer-encoding: chunked" in received, (
        "uvicorn supports HTTP/1.0 now: app/server/response_cycle.py may lose `_until_close`"
    )


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST * 2 + b"\r\n",
        b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
        b"GET / RTSP/1.0\r\n\r\n",
        CHUNKED.replace(b"chunked", b"gzip, chunked") + b"\r\n0\r\n\r\n",
        CHUNKED.replace(b"1.1", b"1.0") + b"\r\n0\r\n\r\n",
    ],
    ids=["no Host", "two Hosts", "version 2.0", "RTSP", "gzip", "chunks in 1.0"],
)
async def test_uvicorn_still_answers_malformed_requests(head: bytes) -> None:
    _, seen, _ = await _quietly(head)
    assert seen, "uvicorn refuses this now: its rule in app/server/request_head.py may go"


async def test_a_rejected_handshake_logs_no_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        found, _ = await requests(b"GET /refuse HTTP/1.1\r\n" + HOST + WEBSOCKET + b"\r\n")
    assert found == [403]
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"] == []


async def test_a_malformed_chunk_behind_a_head_that_expects_100_gets_one_response(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("WARNING"):
        found, _ = await requests(CHUNKED + b"Expect: 100-continue\r\n\r\nno size\r\n")
    assert found == [400]
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"] == []


@pytest.mark.parametrize("opcode", [b"\x89", b"\x81"], ids=["pings", "messages"])
async def test_others_have_their_turn_between_the_frames_that_arrive_together(opcode: bytes) -> None:
    frames = 40_000
    async with bare_server() as server:
        reader, writer, socket = await open_websocket(server, b"/echo")
        socket.data_received((opcode + b"\x80" + bytes(4)) * frames)  # as one read
        turns = 0
        while socket._unparsed:
            await asyncio.sleep(0)
            turns += 1
        assert turns > 10
        async with asyncio.timeout(30):
            await reader.readexactly(2 * frames)
        writer.close()


async def test_messages_that_the_application_does_not_take_are_not_read() -> None:
    """What waits for it is bounded by bytes: a thousand short messages take more memory than a long one."""
    async with bare_server() as server:
        reader, writer, socket = await open_websocket(server, b"/slow")
        writer.write((b"\x81\x80" + bytes(4)) * 40_000)
        await until(lambda: socket.queue.qsize() > 0)
        await asyncio.sleep(0.05)
        assert socket.queue.qsize() <= SLICE / 6 + 1
        server.go.set()
        async with asyncio.timeout(30):
            await reader.readexactly(2 * 40_000)
        writer.close()


async def test_a_pong_may_wait_behind_messages_that_the_application_does_not_take() -> None:
    async with bare_server() as server:
        reader, writer, socket = await open_websocket(server, b"/slow")
        writer.write(b"\x81\x80" + bytes(4))
        await until(lambda: socket.queue.qsize() > 0)
        socket._expired(State.OPEN)
        ping = await reader.readexactly(6)
        writer.write(b"\x8a\x84" + bytes(4) + ping[2:])
        socket._expired(State.OPEN)
        assert not socket.close_sent
        server.go.set()
        await until(lambda: not socket._awaiting_pong)
        socket._expired(State.OPEN)
        assert (await reader.readexactly(8))[:3] == b"\x81\x00\x89"
        socket._expired(State.OPEN)  # nothing waits, and no pong has come
        assert socket.close_sent
        writer.close()


@pytest.mark.parametrize("ending", ["evict", "shutdown"])
async def test_a_socket_that_its_client_has_closed_but_does_not_read_can_be_ended_without_an_error(
    ending: str,
) -> None:
    async with bare_server() as server:
        _reader, writer, socket = await open_websocket(server, b"/slow")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(300):
            socket.write_now(PIECE)
        writer.write(b"\x88\x80" + bytes(4))
        await until(socket.transport.is_closing)
        assert socket in server.state.connections
        getattr(socket, ending)()
        writer.transport.abort()
