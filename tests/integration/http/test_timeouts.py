"""Slow or numerous clients take no resources from others: real connections, byte by byte."""

import asyncio
import socket
import subprocess
import sys
from contextlib import AsyncExitStack
from time import monotonic

import pytest

from app.db.pool import Pool
from app.observability import counting, metrics
from app.server.connection_timer import CLOSE_TIMEOUT, State
from app.server.http_protocol import LINGER_SECONDS, MIN_RATE, HttpProtocol
from app.settings import Settings
from tests.integration.graph.running import running
from tests.integration.graph.wire import Wire, get, post, wire
from tests.integration.http.bare_server import bare_server
from tests.waiting import until

REQUEST = post("{ __typename }")
HEAD, _, BODY = REQUEST.partition(b"\r\n\r\n")
SOON = 0.3

pytestmark = pytest.mark.usefixtures("pool")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P",
        b"POST /graphql HTTP/1.1\r\nHost: dno.test\r\nX-A: ",
        HEAD + b"\r\n\r\n",
        HEAD + b"\r\n\r\n" + BODY[:-1],
        HEAD.replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked") + b"\r\n\r\n5\r\n{",
    ],
    ids=["nothing", "a letter", "half a head", "no body", "half a body", "half a chunk"],
)
async def test_an_incomplete_request_times_out(settings: Settings, data: bytes) -> None:
    async with running(settings, read_timeout=SOON) as server, wire(server.url) as line:
        line.writer.write(data)
        assert (await line.read_response()).status == 408
        assert await line.wait_closed()
        assert not server.server.server_state.connections
        counting.flush()
        assert metrics.HTTP_CUT.labels("too_slow")._value.get() > 0
        assert await server.execute("{ __typename }") == {"__typename": "Query"}


async def test_a_request_sent_byte_by_byte_has_the_same_time_limit(settings: Settings) -> None:
    async with running(settings, read_timeout=SOON) as server, wire(server.url) as line:
        began, sending = monotonic(), asyncio.create_task(_send_slowly(line))
        assert (await line.read_response()).status == 408
        assert await line.wait_closed()
        assert monotonic() - began < 5  # less than the whole request would have taken
        sending.cancel()


async def _send_slowly(line: Wire) -> None:
    for number in range(len(REQUEST)):
        line.writer.write(REQUEST[number : number + 1])
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("sent", [REQUEST, get("{ __typename }")], ids=["post", "get"])
async def test_a_busy_connection_is_never_closed(settings: Settings, sent: bytes) -> None:
    """With requests on the full path as well as on the fast path."""
    async with running(settings, read_timeout=SOON) as server, wire(server.url) as line:
        deadline = monotonic() + 3 * SOON
        while monotonic() < deadline:
            assert (await line.exchange(sent)).status == 200
        assert (await line.exchange(sent)).status == 200


async def test_between_requests_only_the_keep_alive_time_out_applies(settings: Settings) -> None:
    async with running(settings, read_timeout=0.1, keep_alive_timeout=30) as server, wire(server.url) as line:
        for _ in range(3):
            assert (await line.exchange(REQUEST)).status == 200
            await asyncio.sleep(0.2)  # longer than a request may take
        line.writer.write(b"P")
        assert (await line.read_response()).status == 408


def test_the_connection_limit_fits_the_limit_of_open_files() -> None:
    """Connections to the databases must remain possible when clients use all of theirs."""
    text = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400));"
        "from app.limits.connection_limit import max_connections; from app.settings import Settings;"
        "print(max_connections(Settings(max_database_connections=10, max_redis_connections=100)), max_connections(Settings(max_connections=30)),"
        " resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    finished = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True)
    assert finished.stdout.split() == ["190", "30", "400"]


@pytest.mark.parametrize("sent", [REQUEST, REQUEST[:20]], ids=["whole", "in two parts"])
async def test_what_arrived_while_the_process_was_busy_is_read_before_a_connection_is_closed(
    settings: Settings, sent: bytes
) -> None:
    # Longer than SOON: if the machine stands still as long before the client writes, closing is right.
    timeout = 3 * SOON
    async with (
        running(settings, keep_alive_timeout=timeout, read_timeout=timeout) as server,
        wire(server.url) as line,
    ):
        for _ in range(2):
            assert (await line.exchange(REQUEST)).status == 200
            line.writer.write(sent)
            busy_until = monotonic() + 1.5 * timeout
            while monotonic() < busy_until:
                pass  # no timer and no connection is looked at meanwhile
            if sent != REQUEST:
                line.writer.write(REQUEST[len(sent) :])
            assert (await line.read_response()).status == 200


async def test_connections_beyond_the_limit_are_rejected(settings: Settings, pool: Pool) -> None:
    async with running(settings, max_connections=3) as server, AsyncExitStack() as open_lines:
        first, *others = [await open_lines.enter_async_context(wire(server.url)) for _ in range(3)]
        await until(lambda: len(server.server.server_state.connections) == 3)
        async with wire(server.url) as one_more:
            refused = await one_more.read_response()
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert await one_more.wait_closed()
        assert (await first.exchange(REQUEST)).status == 200
        others[0].writer.close()
        await until(lambda: len(server.server.server_state.connections) == 2)
        async with wire(server.url) as one_more:
            assert (await one_more.exchange(REQUEST)).status == 200


async def test_pipelined_requests_are_answered_in_order(settings: Settings) -> None:
    async with running(settings, read_timeout=SOON) as server, wire(server.url) as line:
        line.writer.write(REQUEST + get("{ __schema { queryType { name } } }") + REQUEST)
        bodies = [(await line.read_response()).json["data"] for _ in range(3)]
        assert bodies == [
            {"__typename": "Query"},
            {"__schema": {"queryType": {"name": "Query"}}},
            {"__typename": "Query"},
        ]


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"a" * 500_000,
        b"GET / HTTP/1.1\r\nX-A: " + b"a" * 500_000,
        b"GET / HTTP/1.1\r\n" + b"X-A: a\r\n" * 70_000,
        HEAD.replace(b"Content-Length: %d" % len(BODY), b"Transfer-Encoding: chunked")
        + b"\r\n\r\n0\r\nX-A: "
        + b"a" * 2_000_000,
    ],
    ids=["a path", "a header", "headers", "a trailer"],
)
async def test_an_endless_head_or_trailer_is_rejected(settings: Settings, data: bytes) -> None:
    async with running(settings, max_request_body_bytes=10_000) as server, wire(server.url) as line:
        line.writer.write(data)
        assert (await line.read_response()).status == 431
        assert await server.execute("{ __typename }") == {"__typename": "Query"}


async def test_a_head_sent_in_pieces_may_be_as_long_as_the_limit(settings: Settings) -> None:
    async with running(settings) as server, wire(server.url) as line:
        for _ in range(3):
            head, _, body = REQUEST.partition(b"\r\n\r\n")
            line.writer.write(head)
            await line.writer.drain()
            line.writer.write(b"\r\nX-A: " + b"a" * 60_000)
            await line.writer.drain()
            line.writer.write(b"\r\n\r\n" + body)
            assert (await line.read_response()).status == 200


async def test_one_address_cannot_take_all_connections(settings: Settings, pool: Pool) -> None:
    """Real connections from two addresses of this machine, and WebSockets that hold places, too."""
    async with running(settings, max_connections=4) as server, AsyncExitStack() as held:
        held_connections = [await held.enter_async_context(wire(server.url)) for _ in range(4)]
        await until(lambda: len(server.server.server_state.connections) == 4)
        port = int(server.url.rpartition(":")[2].partition("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        assert (await Wire(reader, writer).exchange(REQUEST)).status == 200
        writer.close()
        assert len(server.server.server_state.connections) <= 4
        assert (await held_connections[-1].exchange(REQUEST)).status == 200


@pytest.mark.parametrize(
    ("ending", "behind", "state", "spans"),
    [
        (b"", b"", State.STALLED, (60, 60)),
        (b"Connection: close\r\n", b"", State.CLOSING, (CLOSE_TIMEOUT, CLOSE_TIMEOUT)),
        (b"Connection: close\r\n", b"GET /", State.CLOSING, (LINGER_SECONDS, CLOSE_TIMEOUT)),
    ],
    ids=["kept", "closed", "lingering"],
)
async def test_a_client_is_cut_off_when_it_reads_too_little_and_not_while_it_reads_steadily(
    ending: bytes, behind: bytes, state: State, spans: tuple[float, float]
) -> None:
    length = 2**24
    async with bare_server(write_timeout=60, max_request_body_bytes=length) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        client.connect(("127.0.0.1", server.port))
        reader, writer = await asyncio.open_connection(sock=client)
        head = b"POST /now HTTP/1.1\r\nHost: dno.test\r\n" + ending
        writer.write(head + b"Content-Length: %d\r\n\r\n" % length + bytes(length) + behind)
        await reader.readuntil(b"\r\n\r\n")
        (connection,) = server.state.connections
        assert isinstance(connection, HttpProtocol)
        await until(lambda: connection.timer.state is state)
        for seconds in spans:
            before = connection._untaken
            while connection.untaken() > before - seconds * MIN_RATE:
                await reader.read(2**16)
            connection._expired(state)  # as after `write_timeout`
            await asyncio.sleep(0)
            assert connection in server.state.connections
        connection._expired(state)  # hardly anything was read since
        await until(lambda: connection not in server.state.connections)
        writer.close()
