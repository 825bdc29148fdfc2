"""Varnish with the files of deploy/varnish, before two instances that purge it."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from app.db.pool import Pool, open_pool
from app.dev.valkey import Valkey
from app.domain.account import Role
from app.domain.clock import today
from tests import factories as make
from tests.integration.graph.running import Headers, Stream, WebSocketClient, issue_key
from tests.integration.graph.writing import global_id
from tests.reverse_proxies import (
    Address,
    environment_of_instances,
    own_address,
    settings_behind_a_proxy,
    silent_instance,
)
from tests.server_process import ServerProcess
from tests.servers import PASSWORD, cloned, private_folder
from tests.varnish import MISSING, Varnish
from tests.waiting import CACHING, until

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

PRICES = "query($slug: String!) { dno(slug: $slug) { tariffs(year: 2025) { version leistung } } }"
CORRECT = """
mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { tariff { version } errors { code } } }
"""
CHANGES = "subscription { dataChanged { kind entry { ... on Tariff { id version } } } }"
_COUNTED = re.compile(
    r'^dno_http_requests_total\{(?!.*route="(?:/healthz|/readyz|/metrics)").*\} (\S+)$', re.MULTILINE
)
KEYS = {"xkey", "cache-tag", "surrogate-key", "surrogate-control", "cache-groups", "cdn-cache-control"}


def persisted(document: str = PRICES, *, text: bool = False, **variables: object) -> str:
    """The address of a persisted GET; `text`: the one that stores the document."""
    named = {"persistedQuery": {"version": 1, "sha256Hash": sha256(document.encode()).hexdigest()}}
    parameters = {"variables": json.dumps(variables), "extensions": json.dumps(named)}
    if text:
        parameters["query"] = document
    return httpx.URL("/graphql", params=parameters).raw_path.decode()


POINT = persisted(slug="netze-a")
YEAR = today().year
PUBLIC = (
    POINT,
    "/api/v1/dnos/netze-a/2025",
    "/api/v1/dnos/netze-a/2025/bo4e.json",
    "/export/tariffs.csv?year=2025",
    "/dnos/netze-a/hlzf/2025.ics",
    "/operators.csv",
    f"/api/v1/dnos/netze-a/time-of-use/{YEAR}-03-01.json",
    f"/api/v1/dnos/netze-a/time-of-use/{YEAR}-03-01.csv",
    "/",
    "/operators",
    "/en/operators/netze-a/2025",
    "/docs/edge",
)


@dataclass
class Site:
    """Two instances with one database, and Varnish before them. `edge` and `direct` are clients of it and of the first instance."""

    folder: Path
    varnish: Varnish
    servers: dict[Address, ServerProcess]
    environment: dict[str, str]
    edge: httpx.AsyncClient
    direct: httpx.AsyncClient
    pool: Pool
    key: Headers
    tariff_id: str

    async def correct(self, leistung: str, client: httpx.AsyncClient | None = None) -> int:
        """The new version of the tariff."""
        change = {"id": self.tariff_id, "leistung": leistung, "reason": "a test"}
        answer = await (client or self.edge).post(
            "/graphql", json={"query": CORRECT, "variables": {"input": change}}, headers=self.key
        )
        payload = answer.json()["data"]["correctTariff"]
        assert not payload["errors"], payload
        version: int = payload["tariff"]["version"]
        return version

    async def version_at_edge(self) -> int:
        answer = await self.edge.get(POINT)
        version: int = answer.json()["data"]["dno"]["tariffs"][0]["version"]
        return version


@pytest.fixture(scope="module")
async def database_url(_postgres_url: str, worker_id: str) -> AsyncIterator[str]:
    async with cloned(_postgres_url, f"varnish_{worker_id}") as url:
        yield url


@pytest.fixture(scope="module")
async def site(database_url: str) -> AsyncIterator[Site]:
    addresses = [own_address(), own_address()]
    with private_folder() as folder:
        valkey = Valkey(folder, PASSWORD, keeps=False)
        valkey.start()
        varnish = Varnish(folder, addresses)
        settings = settings_behind_a_proxy(
            database_url,
            valkey.url,
            rate_limit_anonymous=0,
            keep_alive_timeout=75,
            edge_headers=("xkey", "surrogate-key", "cache-groups"),
            edge_varnish=(varnish.url,),
            **CACHING,
        )
        environment = environment_of_instances(settings)
        servers = {each: ServerProcess(folder, environment, at=each) for each in addresses}
        async with (
            open_pool(settings) as pool,
            httpx.AsyncClient(base_url=varnish.url, timeout=30) as edge,
            httpx.AsyncClient(base_url=f"http://{addresses[0]}", timeout=30) as direct,
        ):
            dno = await make.dno(pool)
            tariff = await make.tariff(pool, dno)
            await make.hlzf(pool, dno)
            await make.time_of_use(pool, dno, YEAR)
            _, key = await issue_key(pool, Role.EDITOR)
            for server in servers.values():
                server.wait_until_ready()
            made = Site(folder, varnish, servers, environment, edge, direct, pool, key, global_id(tariff))
            await until(lambda: _is_healthy(made))
            assert (await direct.get(persisted(text=True, slug="netze-a"))).status_code == 200
            yield made
        for server in servers.values():
            server.stop(signal.SIGINT)
        varnish.stop()
        valkey.stop()


async def _is_healthy(site: Site) -> bool:
    return (await site.edge.get("/healthz")).status_code == 200


async def until_stored(site: Site, path: str, **headers: str) -> httpx.Response:
    """A response of the edge itself: a purge may just have removed the first."""

    async def from_edge() -> httpx.Response | None:
        answer = await site.edge.get(path, headers=headers)
        assert answer.status_code == 200, (path, answer.text[:500])
        return answer if answer.headers["x-cache"] == "HIT" else None

    found: httpx.Response = await until(from_edge)
    return found


async def test_public_responses_of_every_kind_are_answered_by_the_edge(site: Site) -> None:
    for path in PUBLIC:
        stored = await until_stored(site, path)
        assert not KEYS & set(stored.headers), path
        assert not {"ratelimit", "x-request-id", "via", "x-varnish"} & set(stored.headers), path
        assert stored.headers["age"].isdigit()
        original = await site.direct.get(path)
        assert stored.content == original.content or path.endswith(".ics"), path
        assert stored.headers["content-type"] == original.headers["content-type"]
        assert (
            stored.headers["cache-control"].partition("=")[0]
            == original.headers["cache-control"].partition("=")[0]
        )
        # Readers with cookies of other programs share it, and those who accept other codings.
        for headers in (
            {"cookie": "consent=yes"},
            {"authorization": ""},
            {"accept-encoding": "br;q=1, gzip"},
            {"accept-encoding": "identity"},
        ):
            shared = await until_stored(site, path, **headers)
            assert shared.content == stored.content, (path, headers)
        etag = stored.headers.get("etag")
        if etag:
            revalidated = await site.edge.get(path, headers={"if-none-match": etag})
            assert revalidated.status_code == 304
    # What is a hit reaches no instance.
    before = await requests_at_instances(site)
    answers = [await site.edge.get(path) for path in PUBLIC for _ in range(5)]
    hits = [answer for answer in answers if answer.headers["x-cache"] == "HIT"]
    assert await requests_at_instances(site) - before == len(answers) - len(hits)
    assert len(hits) > len(answers) / 2


async def requests_at_instances(site: Site) -> int:
    """Those of clients: health checks and metrics are not counted."""
    total = 0.0
    async with httpx.AsyncClient(timeout=30) as client:
        for server in site.servers.values():
            text = (await client.get(f"{server.url}/metrics")).text
            total += sum(float(count) for count in _COUNTED.findall(text))
    return int(total)


async def test_those_who_are_signed_in_neither_get_what_is_stored_nor_fill_it(site: Site) -> None:
    for path in (POINT + "&extra=1", "/operators?search=netze", "/api/v1/dnos/netze-a/2025?extra=1"):
        for credentials in (
            site.key,
            {"cookie": "a=b; dno_session=none"},
            {"cookie": "__Host-dno_session=none"},
        ):
            for _ in range(2):
                answer = await site.edge.get(path, headers=credentials)
                assert answer.headers["x-cache"] == "PASS", (path, credentials)
                assert "x-request-id" in answer.headers
        first = await site.edge.get(path)
        assert first.headers["x-cache"] in ("MISS", "PASS"), path
        assert (await site.edge.get(path, headers=site.key)).headers["x-cache"] == "PASS"


async def test_what_is_not_to_be_stored_is_not(site: Site) -> None:
    requests: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("POST", "/graphql", {"json": {"query": PRICES, "variables": {"slug": "netze-a"}}}),
        ("GET", "/graphql?query=%7Bnothing%7D", {}),
        ("GET", "/api/v1/dnos/netze-z/2025", {}),
        ("GET", "/healthz", {}),
        ("GET", "/work/sign-in", {}),
        ("DELETE", "/operators", {}),
    )
    for method, path, body in requests:
        answers = [await site.edge.request(method, path, **body) for _ in range(3)]
        assert "HIT" not in {answer.headers["x-cache"] for answer in answers}, path
        assert len({answer.headers["x-request-id"] for answer in answers}) == 3


async def test_a_correction_by_any_writer_purges_the_edge(site: Site) -> None:
    for path in PUBLIC[:4]:
        await until_stored(site, path)
    version = await site.correct("61.00")
    await until(lambda: _shows(site, version))
    version = await site.correct("62.00", site.direct)
    await until(lambda: _shows(site, version))
    await site.pool.fetch("UPDATE netzentgelte_data SET leistung = 63")
    await until(lambda: _shows(site, version + 1))
    for path in PUBLIC[:4]:
        await until(lambda path=path: _has(site, path, "63"))
    assert (await until_stored(site, POINT)).json()["data"]["dno"]["tariffs"][0]["version"] == version + 1


async def _has(site: Site, path: str, text: str) -> bool:
    answer = await site.edge.get(path)
    return text in answer.text


async def _shows(site: Site, version: int) -> bool:
    return await site.version_at_edge() == version


async def test_only_instances_may_purge(site: Site) -> None:
    await until_stored(site, "/docs/limits")
    keys = {"xkey-purge": "dno-all"}
    # From another address of this machine, and for a client of a proxy that has the address of an instance.
    elsewhere = httpx.AsyncHTTPTransport(local_address=own_address().host)
    async with httpx.AsyncClient(transport=elsewhere, base_url=site.varnish.url) as other_client:
        assert (await other_client.request("PURGE", "/", headers=keys)).status_code == 403
    forwarded = {**keys, "x-forwarded-for": "198.51.100.7"}
    assert (await site.edge.request("PURGE", "/", headers=forwarded)).status_code == 403
    assert (await site.edge.request("PURGE", "/")).status_code == 400
    assert (await site.edge.get("/docs/limits")).headers["x-cache"] == "HIT"
    purged = await site.edge.request("PURGE", "/", headers=keys)
    assert (purged.status_code, purged.json()["purged"] > 0) == (200, True)
    assert (await site.edge.get("/docs/limits")).headers["x-cache"] == "MISS"


async def test_pages_have_the_language_that_the_server_would_choose(site: Site) -> None:
    for accepted in (
        "",
        "en",
        "de-AT,de;q=0.9,en;q=0.5",
        "en-US,en;q=0.9,de;q=0.8",
        "fr, en-GB;q=0.7",
        "fr",
        "*",
    ):
        headers = {"accept-language": accepted}
        stored = await until_stored(site, "/operators?region=Bayern", **headers)
        original = await site.direct.get("/operators?region=Bayern", headers=headers)
        assert stored.headers["content-language"] == original.headers["content-language"], accepted


async def test_a_client_with_two_accept_lines_does_not_choose_the_media_type_of_others(site: Site) -> None:
    path = persisted(slug="netze-a") + "&of=two"
    two = httpx.Headers([("accept", "*/*"), ("accept", "application/graphql-response+json")])
    for _ in range(2):
        answer = await site.edge.get(path, headers=two)
        assert answer.headers["content-type"].startswith("application/graphql-response+json")
    answer = await site.edge.get(path, headers={"accept": "*/*"})
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(
    "first",
    [
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nContent-Type: application/json\r\n"
        b'Content-Length: 26\r\n\r\n{"query":"{ __typename }"}',
        b"GET /graphql HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive\r\n"
        b"Sec-WebSocket-Version: 13\r\n\r\n",
    ],
)
async def test_what_is_no_handshake_opens_no_way_past_the_edge(site: Site, first: bytes) -> None:
    """With a header that the client has made up, it would be an operator, or any other client."""
    second = b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"
    reader, writer = await asyncio.open_connection(*site.varnish.at)
    writer.write(first + second)
    received = await asyncio.wait_for(reader.read(), timeout=30)
    writer.close()
    assert received.startswith(b"HTTP/1.1 ")
    assert received.count(b"x-request-id: ") == 1
    assert b"dno_build_info" not in received


async def test_websockets_and_event_streams_pass_the_edge(site: Site) -> None:
    accept = {"accept": "text/event-stream", **site.key}
    address = site.varnish.url.replace("http", "ws") + "/graphql"
    async with (
        site.edge.stream("POST", "/graphql", json={"query": CHANGES}, headers=accept) as response,
        connect(
            address,
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            compression=None,
            open_timeout=30,
        ) as connection,
    ):
        stream, socket = Stream(response), WebSocketClient(connection)
        await socket.initialise(authorization=site.key["authorization"])
        await socket.subscribe(CHANGES)
        await socket.send("ping")
        assert (await socket.receive())["type"] == "pong"
        version = await site.correct("64.00")
        for change in (await stream.next_change(), await socket.next_change()):
            assert change["entry"]["version"] == version


async def test_while_an_instance_stops_the_other_answers(site: Site) -> None:
    address = list(site.servers)[1]
    stopping = asyncio.create_task(asyncio.to_thread(site.servers[address].stop))
    numbers = iter(range(10_000))
    while not stopping.done():
        answer = await site.edge.get(f"/healthz?{next(numbers)}")
        assert answer.status_code == 200, answer.text
    assert await stopping == 0
    for _ in range(10):
        assert (await site.edge.get(f"/healthz?{next(numbers)}")).status_code == 200
    assert (await until_stored(site, POINT)).status_code == 200
    site.servers[address] = ServerProcess(site.folder, site.environment, at=address)
    await asyncio.to_thread(site.servers[address].wait_until_ready)


@pytest.mark.parametrize("reached", [False, True])
async def test_the_edge_asks_to_send_again_only_what_no_instance_was_sent_or_what_only_reads(
    reached: bool,
) -> None:
    async with AsyncExitStack() as running:
        folder = running.enter_context(private_folder())
        instance = own_address()
        if reached:
            instance = await running.enter_async_context(silent_instance(breaks_off=True))
        varnish = await asyncio.to_thread(Varnish, folder, [instance, instance])
        running.callback(varnish.stop)
        edge = await running.enter_async_context(httpx.AsyncClient(base_url=varnish.url, timeout=30))

        async def is_known_to_the_edge() -> bool:
            """It takes an instance for healthy, or not, a moment after its own start."""
            return ("is not known" in (await edge.post("/graphql")).text) == reached

        await until(is_known_to_the_edge)
        for method in ("POST", "DELETE", "GET", "HEAD"):
            answer = await edge.request(method, "/graphql")
            again = not reached or method in ("GET", "HEAD")
            assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
            assert answer.headers.get("retry-after") == ("1" if again else None), method
            if method != "HEAD":
                refused = answer.json()["errors"][0]
                assert refused["extensions"]["code"] == "UNAVAILABLE"
                assert ("is not known" in refused["message"]) == (not again)
