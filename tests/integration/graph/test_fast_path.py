"""The fast path: a cached request head is not processed again; responses are the same as through middleware."""

import asyncio
import signal
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from app.cache.read_through import ReadThrough
from app.db.pool import Pool
from app.domain.account import Role
from app.domain.tariff import Tariff
from app.http.cached_request_head import PER_RESPONSE
from app.middleware.response_start import ResponseStartHooks
from app.observability import counting, metrics
from app.settings import Settings
from schema.types.node import Kind, write_id
from tests import factories as make
from tests.integration.graph.running import Running, has_cached_head, issue_key, running
from tests.integration.graph.wire import Response, Wire, post, wire
from tests.waiting import COUNTED, LIMIT, until

SLUGS = ("netze-a", "netze-b", "netze-c", "netze-d")
CHANGING = ("date", "x-request-id", "ratelimit", "content-length")
QUERY = "query ($slug: String!) { dno(slug: $slug) { name tariffs(year: 2025) { leistung } } }"


@pytest.fixture
async def tariffs(pool: Pool) -> list[Tariff]:
    return [
        await make.tariff(pool, await make.dno(pool, slug), 2025, leistung=f"5{number}.21")
        for number, slug in enumerate(SLUGS)
    ]


def request(slug: str, *headers: str) -> bytes:
    return post(QUERY, *headers, slug=slug)


async def cache_head(server: Running, connection: Wire, data: bytes) -> None:
    """Repeats the request until its head is cached."""

    async def cached() -> bool:
        if has_cached_head(server, data):
            return True
        await connection.exchange(data)
        return False

    await until(cached, pause=0)


def comparable(answer: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    variable = {name.decode() for name in PER_RESPONSE} - {"content-type", "content-length", "cache-control"}
    return answer.status, sorted(pair for pair in answer.lines if pair[0] not in variable), answer.body


@pytest.fixture
def middleware_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The scope types of all calls of the first middleware."""
    calls: list[str] = []
    call = ResponseStartHooks.__call__

    async def counted(self: ResponseStartHooks, scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["type"])
        await call(self, scope, receive, send)

    monkeypatch.setattr(ResponseStartHooks, "__call__", counted)
    return calls


@pytest.mark.usefixtures("tariffs")
async def test_another_body_with_a_cached_head_bypasses_middleware_and_gets_the_same_response(
    server: Running, middleware_calls: list[str]
) -> None:
    async with wire(server.url) as connection:
        await cache_head(server, connection, request(SLUGS[0]))
        before = len(middleware_calls)
        fast = [await connection.exchange(request(slug)) for slug in SLUGS[1:]]
        assert len(middleware_calls) == before
        slow = [await connection.exchange(request(slug, f"X-Other: {slug}")) for slug in SLUGS[1:]]
        assert len(middleware_calls) == before + 3
    assert [comparable(answer) for answer in fast] == [comparable(answer) for answer in slow]
    assert {answer.json["data"]["dno"]["tariffs"][0]["leistung"] for answer in fast} == {
        "51.21",
        "52.21",
        "53.21",
    }
    names = {name for name, _ in slow[0].lines}
    assert {name for name, _ in fast[0].lines} == names
    assert len({answer.headers["x-request-id"] for answer in (*fast, *slow)}) == 6


@pytest.mark.usefixtures("tariffs")
async def test_a_cached_response_creates_no_task_and_an_execution_creates_one(server: Running) -> None:
    loop, made = asyncio.get_running_loop(), list[str]()

    def make_task(loop: asyncio.AbstractEventLoop, work: Any, **given: Any) -> asyncio.Task[Any]:
        made.append(getattr(work, "__name__", ""))
        return asyncio.Task(work, loop=loop, **given)

    async with wire(server.url) as connection:
        await cache_head(server, connection, request(SLUGS[0]))
        await connection.exchange(request(SLUGS[0]))
        loop.set_task_factory(make_task)
        try:
            for _ in range(5):
                await connection.exchange(request(SLUGS[0]))
            assert {"run_asgi", "_execute_on_fast_path"}.isdisjoint(made)
            for slug in SLUGS[1:]:
                await connection.exchange(request(slug))
            assert (made.count("_execute_on_fast_path"), made.count("run_asgi")) == (3, 0)
        finally:
            loop.set_task_factory(None)


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "{ nothing }"}',
        b'{"query": "{"}',
        b'{"query": 1}',
        b"[]",
        b"{",
        b"",
        b'{"query": "{ node(id: \\"x\\") { id } }"}',
        b'{"query": "subscription { dataChanged { kind } }"}',
        b'{"query": "mutation { signOut { ok } }"}',
        b'{"query": "{ dno(slug: 1) { name } }"}',
        b'{"query": "query ($a: Int!) { __typename }"}',
        b'{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "00"}}}',
    ],
)
@pytest.mark.usefixtures("tariffs")
async def test_refusals_are_the_same_on_the_fast_path(server: Running, accept: str, body: bytes) -> None:
    def data(*headers: str) -> bytes:
        lines = ["POST /graphql HTTP/1.1", "Host: dno.test", "Content-Type: application/json"]
        lines += [f"Accept: {accept}", f"Content-Length: {len(body)}", *headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    valid = b'{"query":"{__typename}"'
    async with wire(server.url) as connection:
        slow = await connection.exchange(data("X-Other: 1") + body)
        if len(body) > len(valid):
            await cache_head(server, connection, data() + valid.ljust(len(body) - 1) + b"}")
        fast = await connection.exchange(data() + body)
        named = [answer.json["errors"] for answer in (fast, slow)]
        for errors in named:
            for error in errors:
                error.get("extensions", {}).pop("requestId", None)
        assert named[0] == named[1]
        assert fast.status == slow.status
        assert fast.headers["content-type"] == slow.headers["content-type"]


@pytest.mark.usefixtures("tariffs")
async def test_pipelined_requests_are_answered_in_order(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data received during an execution is queued, in one segment or in several."""
    async with wire(server.url) as connection:
        held = await request_and_hold(server, connection, monkeypatch)
        other = request(SLUGS[2])
        connection.writer.write(other[:40])
        await connection.writer.drain()
        await asyncio.sleep(0.02)
        connection.writer.write(other[40:] + request(SLUGS[3]) + request(SLUGS[0]))
        await connection.writer.drain()
        held.release()
        names = [
            (await connection.read_response()).json["data"]["dno"]["tariffs"][0]["leistung"] for _ in range(4)
        ]
    assert names == ["51.21", "52.21", "53.21", "50.21"]


class HeldReads:
    def __init__(self) -> None:
        self.waiting = 0
        self.event = asyncio.Event()

    def release(self) -> None:
        self.event.set()


def hold_reads(monkeypatch: pytest.MonkeyPatch) -> HeldReads:
    held = HeldReads()
    get_many = ReadThrough.get_many

    async def slow(self: ReadThrough, *arguments: Any) -> Any:
        held.waiting += 1
        await held.event.wait()
        return await get_many(self, *arguments)

    monkeypatch.setattr(ReadThrough, "get_many", slow)
    return held


async def request_and_hold(server: Running, connection: Wire, monkeypatch: pytest.MonkeyPatch) -> HeldReads:
    """A request on the fast path whose execution waits until it is released."""
    await cache_head(server, connection, request(SLUGS[0]))
    held = hold_reads(monkeypatch)
    connection.writer.write(request(SLUGS[1]))
    await until(lambda: held.waiting > 0)
    return held


@pytest.mark.usefixtures("tariffs")
async def test_a_client_that_disconnects_is_counted_and_affects_no_other_request(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(server.url) as connection:
        held = await request_and_hold(server, connection, monkeypatch)
        connection.reset()
    await until(lambda: not server.server.server_state.connections)
    before = disconnected()
    held.release()
    await until(lambda: disconnected() == before + 1)
    async with wire(server.url) as connection:
        assert (await connection.exchange(request(SLUGS[1]))).status == 200


def disconnected() -> float:
    counting.flush()
    value: float = metrics.HTTP_REQUESTS.labels("POST", "/graphql", "499")._value.get()
    return value


@pytest.mark.usefixtures("tariffs")
async def test_a_draining_server_finishes_its_requests(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(server.url) as connection:
        held = await request_and_hold(server, connection, monkeypatch)
        stopping = asyncio.create_task(server.stop(signal.SIGINT))
        await until(lambda: server.server.server_state.draining)
        await asyncio.sleep(0.05)  # longer than closing an idle connection takes
        held.release()
        answer = await connection.read_response()
        assert answer.json["data"]["dno"]["tariffs"][0]["leistung"] == "51.21"
        assert answer.headers["connection"] == "close"
        assert await connection.wait_closed()
        await stopping


@pytest.mark.usefixtures("tariffs")
async def test_a_request_may_take_longer_than_the_keep_alive_timeout(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running(settings, keep_alive_timeout=0.1, read_timeout=0.2) as server,
        wire(server.url) as connection,
    ):
        held = await request_and_hold(server, connection, monkeypatch)
        await asyncio.sleep(0.5)
        held.release()
        assert (await connection.read_response()).status == 200


# Rate limits


@pytest.mark.usefixtures("tariffs")
async def test_behind_a_proxy_each_client_has_its_own_rate_limit(settings: Settings) -> None:
    async with (
        running(settings, trusted_proxies=("127.0.0.1",), rate_limit_anonymous=5, **COUNTED) as server,
        wire(server.url) as connection,
    ):
        remaining = []
        for _ in range(5):
            for client in ("192.0.2.1", "192.0.2.2"):
                answer = await connection.exchange(request(SLUGS[0], f"X-Forwarded-For: {client}"))
                remaining.append(answer.headers["ratelimit"].split(";")[1])
        assert remaining == [f"r={n}" for n in (4, 4, 3, 3, 2, 2, 1, 1, 0, 0)]
        assert (await connection.exchange(request(SLUGS[0], "X-Forwarded-For: 192.0.2.1"))).status == 429
        assert (await connection.exchange(request(SLUGS[0], "X-Forwarded-For: 192.0.2.3"))).status == 200


@pytest.mark.usefixtures("tariffs")
async def test_the_same_head_from_two_proxies_is_cached_for_each(settings: Settings) -> None:
    """Without a forwarding header a proxy is its own client."""
    counted = {"trusted_proxies": ("127.0.0.0/8",), "rate_limit_anonymous": 10, **COUNTED}
    remaining: dict[str, str] = {}
    async with running(settings, **counted) as server:
        for source, times in (("127.0.0.1", 6), ("127.0.0.2", 3)):
            async with wire(server.url, source) as connection:
                for _ in range(times):
                    answer = await connection.exchange(request(SLUGS[0]))
                    remaining[source] = answer.headers["ratelimit"].split(";")[1]
    assert remaining == {"127.0.0.1": "r=4", "127.0.0.2": "r=7"}


@pytest.mark.usefixtures("tariffs")
async def test_behind_a_proxy_a_cached_head_takes_the_fast_path(
    settings: Settings, middleware_calls: list[str]
) -> None:
    async with running(settings, trusted_proxies=("127.0.0.1",)) as server, wire(server.url) as connection:
        for _ in range(2):
            await connection.exchange(request(SLUGS[0], "X-Forwarded-For: 192.0.2.1"))
        before = len(middleware_calls)
        await wait_for_fast_path(connection, middleware_calls, "X-Forwarded-For: 192.0.2.1")
        assert len(middleware_calls) - before <= 4


async def wait_for_fast_path(connection: Wire, middleware_calls: list[str], header: str) -> None:
    async def on_fast_path() -> bool:
        before = len(middleware_calls)
        await connection.exchange(request(SLUGS[1], header))
        return len(middleware_calls) == before

    await until(on_fast_path, pause=0)


# Which heads are cached


@pytest.mark.usefixtures("tariffs")
async def test_a_head_that_was_received_once_is_not_cached(server: Running) -> None:
    async with wire(server.url) as connection:
        await cache_head(server, connection, request(SLUGS[0]))
        for number in range(20):
            data = request(SLUGS[0], f"Traceparent: 00-{number:032x}-00000000000000a1-01")
            assert (await connection.exchange(data)).status == 200
            assert not has_cached_head(server, data)


@pytest.mark.parametrize(
    "header",
    [
        "Cookie: a=b",
        "X-Request-Id: 12345678",
        "Connection: close",
        "Accept: text/event-stream, application/json",
        "Expect: 100-continue",
        "Upgrade: h2c\r\nConnection: Upgrade",
    ],
)
@pytest.mark.usefixtures("tariffs")
async def test_heads_that_vary_or_change_the_connection_are_not_cached(server: Running, header: str) -> None:
    data = request(SLUGS[0], header)
    for _ in range(4):
        async with wire(server.url) as connection:
            connection.writer.write(data)
            if "Expect" in header:
                assert await connection.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await connection.read_response()
    assert not has_cached_head(server, data)


@pytest.mark.usefixtures("tariffs")
async def test_a_head_with_an_ambiguous_end_is_never_cached(server: Running) -> None:
    """Request smuggling: every parser must agree on the end of the head and the length of the body."""
    inner = b'{"query":"{ __typename }"}'
    head = b"POST /graphql HTTP/1.1\r\nHost: dno.test\r\nContent-Type: application/json\r\nContent-Length: %d\n\n"
    body = inner + b" \r\n\r\n "
    data = head % len(body) + body
    for _ in range(4):
        async with wire(server.url) as connection:
            connection.writer.write(data)
            async with asyncio.timeout(LIMIT):
                await connection.reader.read(65536)
    end = data.find(b"\r\n\r\n") + 4
    assert server.resources.heads.get(data[:end]) is None


@pytest.mark.usefixtures("tariffs")
async def test_a_revoked_key_is_rejected_on_the_fast_path_for_new_bodies_too(
    server: Running, pool: Pool
) -> None:
    _, admin = await issue_key(pool, Role.ADMIN, "admin")
    key, reader = await issue_key(pool, Role.VIEWER, "reader")
    header = f"Authorization: {reader['authorization']}"
    address = f"GET /api/v1/dnos/{SLUGS[0]}/2025 HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode()
    async with wire(server.url) as connection:
        await cache_head(server, connection, request(SLUGS[0], header))
        await cache_head(server, connection, address)
        assert (await connection.exchange(address)).status == 200
        await server.execute(
            "mutation ($id: ID!) { revokeApiKey(id: $id) { errors { message } } }",
            admin,
            id=write_id(Kind.API_KEY, key.id),
        )
        assert (await connection.exchange(request(SLUGS[1], header))).status == 401
        assert (await connection.exchange(address)).status == 401


@pytest.mark.usefixtures("tariffs")
async def test_mutations_take_the_fast_path_and_the_next_response_has_the_new_value(
    server: Running, pool: Pool, tariffs: list[Tariff], middleware_calls: list[str]
) -> None:
    _, editor = await issue_key(pool)
    header = f"Authorization: {editor['authorization']}"
    correct = "mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { errors { code } } }"
    async with wire(server.url) as connection:
        for number in range(10, 20):
            price = {"id": f"tariff_{tariffs[0].id.hex}", "leistung": f"{number}.5"}
            assert (await connection.exchange(post(correct, header, input=price))).json["data"][
                "correctTariff"
            ] == {"errors": []}
            read = (await connection.exchange(request(SLUGS[0], header))).json
            assert read["data"]["dno"]["tariffs"] == [{"leistung": f"{number}.5"}]
    assert len(middleware_calls) < 12


@pytest.mark.usefixtures("tariffs")
async def test_an_overloaded_server_refuses_on_the_fast_path_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running(settings, max_operations=1, max_queued_operations=0) as server,
        wire(server.url) as connection,
        wire(server.url) as other,
    ):
        held = await request_and_hold(server, connection, monkeypatch)
        refused = await other.exchange(request(SLUGS[2]))
        held.release()
        assert (await connection.read_response()).status == 200
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.json["errors"][0]["extensions"]["code"] == "OVERLOADED"


@pytest.mark.usefixtures("tariffs")
async def test_a_refused_head_is_cached_and_its_refusals_are_those_of_the_middleware(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, middleware_calls: list[str]
) -> None:
    """Held back or not: one refusal for each request, in the order of the requests of a connection."""
    async with (
        running(settings, max_operations=1, max_queued_operations=0) as server,
        wire(server.url) as connection,
        wire(server.url) as other,
    ):
        held = await request_and_hold(server, connection, monkeypatch)
        new = request(SLUGS[2], "X-Other: 1")
        slow = [await other.exchange(new) for _ in range(2)]
        assert has_cached_head(server, new)
        before = len(middleware_calls)
        fast = [await other.exchange(new)]
        holds, hold = list[object](), server.resources.refusals.hold
        monkeypatch.setattr(server.resources.refusals, "may_send", lambda: False)
        monkeypatch.setattr(server.resources.refusals, "hold", lambda send: (holds.append(send), hold(send)))
        other.writer.write(new)
        await until(lambda: len(holds) == 1, pause=0)
        other.writer.write(request(SLUGS[3], "X-Other: 1"))
        fast += [await other.read_response(), await other.read_response()]
        assert len(holds) == 2
        assert len(middleware_calls) == before
        held.release()
        assert (await connection.read_response()).status == 200
        assert (await other.exchange(new)).status == 200
    assert {answer.status for answer in (*slow, *fast)} == {503}
    ids = [answer.headers["x-request-id"].encode() for answer in (*slow, *fast)]
    bodies = {answer.body.replace(id, b"id", 1) for answer, id in zip((*slow, *fast), ids, strict=True)}
    assert len(bodies) == 1
    assert len(set(ids)) == 5
    lines = [
        sorted((name, value) for name, value in answer.lines if name not in CHANGING)
        for answer in (*slow, *fast)
    ]
    assert lines == [lines[0]] * len(lines)
    assert ("retry-after", "1") in lines[0]


@pytest.mark.usefixtures("tariffs")
async def test_an_allowed_origin_gets_cors_headers_with_and_without_the_fast_path(settings: Settings) -> None:
    origin = "https://app.example"
    async with running(settings, allowed_origins=(origin,)) as server, wire(server.url) as connection:
        slow = await connection.exchange(request(SLUGS[0], f"Origin: {origin}"))
        await cache_head(server, connection, request(SLUGS[0], f"Origin: {origin}"))
        fast = await connection.exchange(request(SLUGS[1], f"Origin: {origin}"))
        again = await connection.exchange(request(SLUGS[1], f"Origin: {origin}"))
    for answer in (slow, fast, again):
        assert answer.headers["access-control-allow-origin"] == origin
        assert "Origin" in answer.headers["vary"]
        assert "accept" in answer.headers["vary"].lower()


@pytest.mark.usefixtures("tariffs")
async def test_an_unexpected_error_on_the_fast_path_is_masked(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    async with wire(server.url) as connection:
        await cache_head(server, connection, request(SLUGS[0]))
        monkeypatch.setattr("schema.http.stages.store.CachedResponse", fail)
        answer = await connection.exchange(request(SLUGS[1]))
    assert answer.status == 500
    assert answer.json["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert b"secret" not in answer.body
