"""The short road: a head that came before is not judged again, and nothing else is different."""

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
from tests.waiting import COUNTED, until

SLUGS = ("netze-a", "netze-b", "netze-c", "netze-d")
QUERY = "query ($slug: String!) { dno(slug: $slug) { name tariffs(year: 2025) { leistung } } }"


@pytest.fixture
async def tariffs(pool: Pool) -> list[Tariff]:
    return [
        await make.tariff(pool, await make.dno(pool, slug), 2025, leistung=f"5{number}.21")
        for number, slug in enumerate(SLUGS)
    ]


def asking(slug: str, *headers: str) -> bytes:
    return post(QUERY, *headers, slug=slug)


async def known(server: Running, line: Wire, data: bytes) -> None:
    """Asks until the head is known."""
    async with asyncio.timeout(10):
        while not has_cached_head(server, data):
            await line.exchange(data)


def steady(answer: Response) -> tuple[int, list[tuple[str, str]], bytes]:
    once = {name.decode() for name in PER_RESPONSE} - {"content-type", "content-length", "cache-control"}
    return answer.status, sorted(pair for pair in answer.lines if pair[0] not in once), answer.body


@pytest.fixture
def whole_road(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that middleware has seen."""
    seen: list[str] = []
    call = ResponseStartHooks.__call__

    async def counted(self: ResponseStartHooks, scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])
        await call(self, scope, receive, send)

    monkeypatch.setattr(ResponseStartHooks, "__call__", counted)
    return seen


@pytest.mark.usefixtures("tariffs")
async def test_another_body_under_a_known_head_passes_no_middleware_and_is_answered_the_same(
    server: Running, whole_road: list[str]
) -> None:
    async with wire(server.url) as line:
        await known(server, line, asking(SLUGS[0]))
        before = len(whole_road)
        short = [await line.exchange(asking(slug)) for slug in SLUGS[1:]]
        assert len(whole_road) == before
        whole = [await line.exchange(asking(slug, f"X-Other: {slug}")) for slug in SLUGS[1:]]
        assert len(whole_road) == before + 3
    assert [steady(answer) for answer in short] == [steady(answer) for answer in whole]
    assert {answer.json["data"]["dno"]["tariffs"][0]["leistung"] for answer in short} == {
        "51.21",
        "52.21",
        "53.21",
    }
    names = {name for name, _ in whole[0].lines}
    assert {name for name, _ in short[0].lines} == names
    assert len({answer.headers["x-request-id"] for answer in (*short, *whole)}) == 6


@pytest.mark.usefixtures("tariffs")
async def test_what_is_kept_costs_no_task_and_what_is_read_anew_costs_one(server: Running) -> None:
    loop, made = asyncio.get_running_loop(), list[str]()

    def make_task(loop: asyncio.AbstractEventLoop, work: Any, **given: Any) -> asyncio.Task[Any]:
        made.append(getattr(work, "__name__", ""))
        return asyncio.Task(work, loop=loop, **given)

    async with wire(server.url) as line:
        await known(server, line, asking(SLUGS[0]))
        await line.exchange(asking(SLUGS[0]))
        loop.set_task_factory(make_task)
        try:
            for _ in range(5):
                await line.exchange(asking(SLUGS[0]))
            assert {"run_asgi", "_execute_on_fast_path"}.isdisjoint(made)
            for slug in SLUGS[1:]:
                await line.exchange(asking(slug))
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
async def test_what_is_refused_is_refused_the_same(server: Running, accept: str, body: bytes) -> None:
    def data(*headers: str) -> bytes:
        lines = ["POST /graphql HTTP/1.1", "Host: dno.test", "Content-Type: application/json"]
        lines += [f"Accept: {accept}", f"Content-Length: {len(body)}", *headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    good = b'{"query":"{__typename}"'
    async with wire(server.url) as line:
        whole = await line.exchange(data("X-Other: 1") + body)
        if len(body) > len(good):
            await known(server, line, data() + good.ljust(len(body) - 1) + b"}")
        short = await line.exchange(data() + body)
        named = [answer.json["errors"] for answer in (short, whole)]
        for errors in named:
            for error in errors:
                error.get("extensions", {}).pop("requestId", None)
        assert named[0] == named[1]
        assert short.status == whole.status
        assert short.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.usefixtures("tariffs")
async def test_answers_come_in_the_order_of_the_requests(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes while one is being answered waits behind it, in one piece or in many."""
    async with wire(server.url) as line:
        go = await ask_and_hold(server, line, monkeypatch)
        other = asking(SLUGS[2])
        line.writer.write(other[:40])
        await line.writer.drain()
        await asyncio.sleep(0.02)
        line.writer.write(other[40:] + asking(SLUGS[3]) + asking(SLUGS[0]))
        await line.writer.drain()
        go.set()
        names = [(await line.read_response()).json["data"]["dno"]["tariffs"][0]["leistung"] for _ in range(4)]
    assert names == ["51.21", "52.21", "53.21", "50.21"]


class Held:
    def __init__(self) -> None:
        self.waiting = 0
        self.event = asyncio.Event()

    def set(self) -> None:
        self.event.set()


def hold_reads(monkeypatch: pytest.MonkeyPatch) -> Held:
    held = Held()
    get_many = ReadThrough.get_many

    async def slow(self: ReadThrough, *arguments: Any) -> Any:
        held.waiting += 1
        await held.event.wait()
        return await get_many(self, *arguments)

    monkeypatch.setattr(ReadThrough, "get_many", slow)
    return held


async def ask_and_hold(server: Running, line: Wire, monkeypatch: pytest.MonkeyPatch) -> Held:
    """A request on the short road that is being answered until it is let go."""
    await known(server, line, asking(SLUGS[0]))
    held = hold_reads(monkeypatch)
    line.writer.write(asking(SLUGS[1]))
    await until(lambda: held.waiting > 0)
    return held


@pytest.mark.usefixtures("tariffs")
async def test_a_caller_that_goes_away_is_counted_and_harms_nobody(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(server.url) as line:
        go = await ask_and_hold(server, line, monkeypatch)
    await until(lambda: not server.server.server_state.connections)
    before = gone()
    go.set()
    await until(lambda: gone() == before + 1)
    async with wire(server.url) as line:
        assert (await line.exchange(asking(SLUGS[1]))).status == 200


def gone() -> float:
    counting.flush()
    value: float = metrics.HTTP_REQUESTS.labels("POST", "/graphql", "499")._value.get()
    return value


@pytest.mark.usefixtures("tariffs")
async def test_a_server_that_leaves_finishes_what_it_has_begun(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(server.url) as line:
        go = await ask_and_hold(server, line, monkeypatch)
        leaving = asyncio.create_task(server.stop(signal.SIGINT))
        await until(lambda: server.server.server_state.draining)
        await asyncio.sleep(0.05)  # by now it would have been cut off
        go.set()
        answer = await line.read_response()
        assert answer.json["data"]["dno"]["tariffs"][0]["leistung"] == "51.21"
        assert answer.headers["connection"] == "close"
        assert await line.wait_closed()
        await leaving


@pytest.mark.usefixtures("tariffs")
async def test_an_answer_that_takes_longer_than_idle_connections_live_is_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running(settings, keep_alive_timeout=0.1, read_timeout=0.2) as server,
        wire(server.url) as line,
    ):
        go = await ask_and_hold(server, line, monkeypatch)
        await asyncio.sleep(0.5)
        go.set()
        assert (await line.read_response()).status == 200


# Whose budget


@pytest.mark.usefixtures("tariffs")
async def test_behind_a_proxy_each_client_pays_for_himself(settings: Settings) -> None:
    async with (
        running(settings, trusted_proxies=("127.0.0.1",), rate_limit_anonymous=5, **COUNTED) as server,
        wire(server.url) as line,
    ):
        left = []
        for _ in range(5):
            for client in ("192.0.2.1", "192.0.2.2"):
                answer = await line.exchange(asking(SLUGS[0], f"X-Forwarded-For: {client}"))
                left.append(answer.headers["ratelimit"].split(";")[1])
        assert left == [f"r={n}" for n in (4, 4, 3, 3, 2, 2, 1, 1, 0, 0)]
        assert (await line.exchange(asking(SLUGS[0], "X-Forwarded-For: 192.0.2.1"))).status == 429
        assert (await line.exchange(asking(SLUGS[0], "X-Forwarded-For: 192.0.2.3"))).status == 200


@pytest.mark.usefixtures("tariffs")
async def test_behind_a_proxy_too_a_known_head_takes_the_short_road(
    settings: Settings, whole_road: list[str]
) -> None:
    async with running(settings, trusted_proxies=("127.0.0.1",)) as server, wire(server.url) as line:
        for _ in range(2):
            await line.exchange(asking(SLUGS[0], "X-Forwarded-For: 192.0.2.1"))
        before = len(whole_road)
        await until_short(line, whole_road, "X-Forwarded-For: 192.0.2.1")
        assert len(whole_road) - before <= 4


async def until_short(line: Wire, whole_road: list[str], header: str) -> None:
    async with asyncio.timeout(10):
        while True:
            before = len(whole_road)
            await line.exchange(asking(SLUGS[1], header))
            if len(whole_road) == before:
                return


# What is known


@pytest.mark.usefixtures("tariffs")
async def test_a_head_that_came_once_takes_no_room(server: Running) -> None:
    async with wire(server.url) as line:
        await known(server, line, asking(SLUGS[0]))
        for number in range(20):
            data = asking(SLUGS[0], f"Traceparent: 00-{number:032x}-00000000000000a1-01")
            assert (await line.exchange(data)).status == 200
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
async def test_who_says_something_else_each_time_or_wants_more_takes_the_whole_road(
    server: Running, header: str
) -> None:
    data = asking(SLUGS[0], header)
    for _ in range(4):
        async with wire(server.url) as line:
            line.writer.write(data)
            if "Expect" in header:
                assert await line.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            await line.read_response()
    assert not has_cached_head(server, data)


@pytest.mark.usefixtures("tariffs")
async def test_a_head_that_ends_where_others_might_not_see_it_is_never_known(server: Running) -> None:
    """Its end, and with it the length of the body, must be beyond dispute."""
    inner = b'{"query":"{ __typename }"}'
    head = b"POST /graphql HTTP/1.1\r\nHost: dno.test\r\nContent-Type: application/json\r\nContent-Length: %d\n\n"
    body = inner + b" \r\n\r\n "
    data = head % len(body) + body
    for _ in range(4):
        async with wire(server.url) as line:
            line.writer.write(data)
            async with asyncio.timeout(5):
                await line.reader.read(65536)
    end = data.find(b"\r\n\r\n") + 4
    assert server.resources.heads.get(data[:end]) is None


@pytest.mark.usefixtures("tariffs")
async def test_a_key_that_is_revoked_ends_the_short_road_for_bodies_that_never_came(
    server: Running, pool: Pool
) -> None:
    _, boss = await issue_key(pool, Role.ADMIN, "boss")
    key, reader = await issue_key(pool, Role.VIEWER, "reader")
    header = f"Authorization: {reader['authorization']}"
    async with wire(server.url) as line:
        await known(server, line, asking(SLUGS[0], header))
        await server.execute(
            "mutation ($id: ID!) { revokeApiKey(id: $id) { errors { message } } }",
            boss,
            id=write_id(Kind.API_KEY, key.id),
        )
        assert (await line.exchange(asking(SLUGS[1], header))).status == 401


@pytest.mark.usefixtures("tariffs")
async def test_a_mutation_takes_it_too_and_the_next_answer_is_the_new_one(
    server: Running, pool: Pool, tariffs: list[Tariff], whole_road: list[str]
) -> None:
    _, editor = await issue_key(pool)
    header = f"Authorization: {editor['authorization']}"
    correct = "mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { errors { code } } }"
    async with wire(server.url) as line:
        for number in range(10, 20):
            price = {"id": f"tariff_{tariffs[0].id.hex}", "leistung": f"{number}.5"}
            assert (await line.exchange(post(correct, header, input=price))).json["data"][
                "correctTariff"
            ] == {"errors": []}
            read = (await line.exchange(asking(SLUGS[0], header))).json
            assert read["data"]["dno"]["tariffs"] == [{"leistung": f"{number}.5"}]
    assert len(whole_road) < 12


@pytest.mark.usefixtures("tariffs")
async def test_when_the_server_is_full_it_says_so_there_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running(settings, max_operations=1, max_queued_operations=0) as server,
        wire(server.url) as line,
        wire(server.url) as other,
    ):
        go = await ask_and_hold(server, line, monkeypatch)
        refused = await other.exchange(asking(SLUGS[2]))
        go.set()
        assert (await line.read_response()).status == 200
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.json["errors"][0]["extensions"]["code"] == "OVERLOADED"


@pytest.mark.usefixtures("tariffs")
async def test_a_listed_origin_reads_the_answer_on_either_road(settings: Settings) -> None:
    origin = "https://app.example"
    async with running(settings, allowed_origins=(origin,)) as server, wire(server.url) as line:
        whole = await line.exchange(asking(SLUGS[0], f"Origin: {origin}"))
        await known(server, line, asking(SLUGS[0], f"Origin: {origin}"))
        short = await line.exchange(asking(SLUGS[1], f"Origin: {origin}"))
        again = await line.exchange(asking(SLUGS[1], f"Origin: {origin}"))
    for answer in (whole, short, again):
        assert answer.headers["access-control-allow-origin"] == origin
        assert "Origin" in answer.headers["vary"]
        assert "accept" in answer.headers["vary"].lower()


@pytest.mark.usefixtures("tariffs")
async def test_what_fails_on_the_short_road_is_our_fault_and_told_calmly(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    async with wire(server.url) as line:
        await known(server, line, asking(SLUGS[0]))
        monkeypatch.setattr("schema.http.endpoint.CachedResponse", fail)
        answer = await line.exchange(asking(SLUGS[1]))
    assert answer.status == 500
    assert answer.json["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert b"secret" not in answer.body
