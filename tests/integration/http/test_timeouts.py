"""Who is slow, or one of very many, takes nothing from the others: real connections, byte by byte."""

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from time import monotonic

import pytest

from app.db.pool import Pool
from app.observability import counting, metrics
from app.settings import Settings
from tests.integration.graph.running import running
from tests.integration.graph.wire import Wire, get, post, wire
from tests.waiting import until

ASKED = post("{ __typename }")
HEAD, _, BODY = ASKED.partition(b"\r\n\r\n")
SOON = 0.3

pytestmark = pytest.mark.usefixtures("pool")


@pytest.mark.parametrize(
    "said",
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
async def test_a_request_that_does_not_come_is_not_waited_for(settings: Settings, said: bytes) -> None:
    async with running(settings, read_timeout=SOON) as server, wire(server.url) as line:
        line.writer.write(said)
        assert (await line.read_response()).status == 408
        assert await line.wait_closed()
        assert not server.server.server_state.connections
        counting.flush()
        assert metrics.HTTP_CUT.labels("too_slow")._value.get() > 0
        assert await server.execute("{ __typename }") == {"__typename": "Query"}


async def test_a_request_that_comes_letter_by_letter_has_no_more_time(settings: Settings) -> None:
    async with running(settings, read_timeout=SOON) as server, wire(server.url) as line:
        began, dripping = monotonic(), asyncio.create_task(_drip(line))
        assert (await line.read_response()).status == 408
        assert await line.wait_closed()
        assert monotonic() - began < 5  # in that time, all of it would not have come
        dripping.cancel()


async def _drip(line: Wire) -> None:
    for number in range(len(ASKED)):
        line.writer.write(ASKED[number : number + 1])
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("asked", [ASKED, get("{ __typename }")], ids=["post", "get"])
async def test_a_client_that_goes_on_asking_is_never_cut_off(settings: Settings, asked: bytes) -> None:
    """Whether its requests take the whole road or the early exit."""
    async with running(settings, read_timeout=SOON) as server, wire(server.url) as line:
        until_then = monotonic() + 3 * SOON
        while monotonic() < until_then:
            assert (await line.exchange(asked)).status == 200
        assert (await line.exchange(asked)).status == 200


async def test_between_requests_only_keep_alive_counts(settings: Settings) -> None:
    async with running(settings, read_timeout=0.1, keep_alive_timeout=30) as server, wire(server.url) as line:
        for _ in range(3):
            assert (await line.exchange(ASKED)).status == 200
            await asyncio.sleep(0.2)  # longer than a request may take
        line.writer.write(b"P")
        assert (await line.read_response()).status == 408


def test_no_more_connections_are_held_than_there_are_files_for() -> None:
    """The databases must still be reached when strangers hold all they can."""
    text = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400));"
        "from app.limits.connection_limit import places; from app.settings import Settings;"
        "print(places(Settings(max_database_connections=10, max_redis_connections=100)), places(Settings(max_connections=30)),"
        " resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    told = subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True)
    assert told.stdout.split() == ["190", "30", "400"]


async def test_there_is_room_for_so_many_connections(settings: Settings, pool: Pool) -> None:
    async with running(settings, max_connections=3) as server, AsyncExitStack() as open_lines:
        first, *others = [await open_lines.enter_async_context(wire(server.url)) for _ in range(3)]
        await until(lambda: len(server.server.server_state.connections) == 3)
        async with wire(server.url) as one_more:
            refused = await one_more.read_response()
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert await one_more.wait_closed()
        assert (await first.exchange(ASKED)).status == 200
        others[0].writer.close()
        await until(lambda: len(server.server.server_state.connections) == 2)
        async with wire(server.url) as one_more:
            assert (await one_more.exchange(ASKED)).status == 200


async def test_pipelined_requests_are_answered_in_order(settings: Settings) -> None:
    async with running(settings, read_timeout=SOON) as server, wire(server.url) as line:
        line.writer.write(ASKED + get("{ __schema { queryType { name } } }") + ASKED)
        bodies = [(await line.read_response()).json["data"] for _ in range(3)]
        assert bodies == [
            {"__typename": "Query"},
            {"__schema": {"queryType": {"name": "Query"}}},
            {"__typename": "Query"},
        ]


@pytest.mark.parametrize(
    "said",
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
async def test_what_has_no_end_is_cut_off(settings: Settings, said: bytes) -> None:
    async with running(settings, max_request_body_bytes=10_000) as server, wire(server.url) as line:
        line.writer.write(said)
        assert (await line.read_response()).status == 431
        assert await server.execute("{ __typename }") == {"__typename": "Query"}


async def test_a_head_that_comes_in_pieces_may_be_as_long_as_allowed(settings: Settings) -> None:
    async with running(settings) as server, wire(server.url) as line:
        for _ in range(3):
            head, _, body = ASKED.partition(b"\r\n\r\n")
            line.writer.write(head)
            await line.writer.drain()
            line.writer.write(b"\r\nX-A: " + b"a" * 60_000)
            await line.writer.drain()
            line.writer.write(b"\r\n\r\n" + body)
            assert (await line.read_response()).status == 200


async def test_one_address_cannot_shut_others_out(settings: Settings, pool: Pool) -> None:
    """Real connections from two addresses of this machine, and WebSockets that hold places, too."""
    async with running(settings, max_connections=4) as server, AsyncExitStack() as held:
        greedy = [await held.enter_async_context(wire(server.url)) for _ in range(4)]
        await until(lambda: len(server.server.server_state.connections) == 4)
        port = int(server.url.rpartition(":")[2].partition("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        assert (await Wire(reader, writer).exchange(ASKED)).status == 200
        writer.close()
        assert len(server.server.server_state.connections) <= 4
        assert (await greedy[-1].exchange(ASKED)).status == 200
