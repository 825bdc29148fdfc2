"""Two instances behind nginx, HAProxy and Caddy, which run with the files of deploy/."""

import asyncio
import json
import re
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.db.pool import Pool, open_pool
from app.dev.valkey import Valkey
from app.domain.account import Role
from tests import factories as make
from tests.integration.graph.running import Headers, Stream, WebSocketClient, issue_key
from tests.integration.graph.writing import global_id
from tests.reverse_proxies import (
    CADDY,
    HAPROXY,
    NGINX,
    Address,
    ReverseProxy,
    environment_of_instances,
    own_address,
    settings_behind_a_proxy,
    silent_instance,
    trust,
)
from tests.server_process import ServerProcess
from tests.servers import PASSWORD, cloned, private_folder
from tests.waiting import CACHING, COUNTED, until
from tests.waiting import LIMIT as LIMIT_OF_WAITING

INSTALLED = {
    name: pytest.mark.skipif(program is None, reason=f"{name} is not installed")
    for name, program in (("nginx", NGINX), ("haproxy", HAPROXY), ("caddy", CADDY))
}
PROXIES = [pytest.param(name, marks=mark) for name, mark in INSTALLED.items()]
LIMIT = 12
QUESTION = "{ dnos(first: 1) { totalCount } }"
CHANGES = "subscription { dataChanged { kind entry { ... on Tariff { id version } } } }"
CORRECT = """
mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { tariff { version } errors { code } } }
"""


@dataclass
class Site:
    """Two instances with one database and one Valkey."""

    folder: Path
    environment: dict[str, str]
    pool: Pool
    key: Headers  # of an editor, without a rate limit
    tariff_id: str
    service_manager: socket.socket
    addresses: list[Address] = field(default_factory=lambda: [own_address(), own_address()])
    servers: dict[Address, ServerProcess] = field(default_factory=dict)
    prices: "count[int]" = field(default_factory=lambda: count(100))

    def start(self, address: Address) -> None:
        self.servers[address] = ServerProcess(self.folder, self.environment, at=address)

    def stop(self, address: Address, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.servers[address].stop(number) == 0

    async def correct(self, client: httpx.AsyncClient) -> int:
        """The new version of the tariff."""
        change = {"id": self.tariff_id, "leistung": f"{next(self.prices)}.00", "reason": "a test"}
        answer = await client.post(
            "/graphql", json={"query": CORRECT, "variables": {"input": change}}, headers=self.key
        )
        payload = answer.json()["data"]["correctTariff"]
        assert not payload["errors"], payload
        version: int = payload["tariff"]["version"]
        return version


@pytest.fixture(scope="module")
async def database_url(_postgres_url: str, worker_id: str) -> AsyncIterator[str]:
    async with cloned(_postgres_url, f"proxies_{worker_id}") as url:
        yield url


@pytest.fixture(scope="module")
async def site(database_url: str) -> AsyncIterator[Site]:
    with private_folder() as folder:
        valkey = Valkey(folder, PASSWORD, keeps=False)
        valkey.start()
        settings = settings_behind_a_proxy(
            database_url,
            valkey.url,
            rate_limit_anonymous=LIMIT,
            rate_limit_grant=0,
            keep_alive_timeout=5,
            stop_timeout=10,
            **{**CACHING, **COUNTED},
        )
        environment = environment_of_instances(settings)
        environment["NOTIFY_SOCKET"] = str(folder / "notify")
        async with open_pool(settings) as pool:
            service_manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            service_manager.bind(environment["NOTIFY_SOCKET"])
            service_manager.settimeout(LIMIT_OF_WAITING)
            tariff = await make.tariff(pool, await make.dno(pool))
            _, key = await issue_key(pool, Role.EDITOR)
            made = Site(folder, environment, pool, key, global_id(tariff), service_manager)
            for address in made.addresses:
                made.start(address)
            for server in made.servers.values():
                server.wait_until_ready(90)
            with service_manager:
                yield made
        for server in made.servers.values():
            server.stop(signal.SIGINT)
        valkey.stop()


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest, site: Site) -> Iterator[ReverseProxy]:
    with ExitStack() as running:
        folder = running.enter_context(private_folder())
        started = ReverseProxy(request.param, folder, site.addresses)
        running.callback(started.stop)
        yield started


def test_the_service_manager_is_notified_when_an_instance_is_ready(site: Site) -> None:
    """As `Type=notify` of the systemd unit requires."""
    assert [site.service_manager.recv(100) for _ in site.addresses] == [b"READY=1"] * 2


def post(client: httpx.AsyncClient, headers: Headers | None = None) -> Any:
    return client.post("/graphql", json={"query": QUESTION}, headers=headers)


async def test_rate_limits_are_counted_for_each_client_whatever_headers_it_forges(
    proxy: ReverseProxy, site: Site
) -> None:
    forged = (
        {},
        {"x-forwarded-for": "198.51.100.7"},
        {"forwarded": "for=198.51.100.8"},
        {"x-real-ip": "198.51.100.9"},
    )
    await until_all_serve(proxy, site)
    # Addresses that no other client has: the limit is one for both instances.
    async with proxy.client(own_address().host) as one, proxy.client(own_address().host) as other:
        answers = [await post(one, forged[number % 4]) for number in range(LIMIT)]
        assert {answer.status_code for answer in answers} == {200}
        assert len({process(answer) for answer in answers}) == 2
        for headers in forged:
            refused = await post(one, headers)
            assert refused.status_code == 429
            assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
        assert (await post(other)).status_code == 200


async def test_clients_are_led_to_tls_and_the_server_is_informed_of_it(proxy: ReverseProxy) -> None:
    async with httpx.AsyncClient() as client:
        plain = await client.get(f"{proxy.plain_url}/docs?x=1", headers={"host": "localhost"})
    assert plain.status_code == 308
    assert re.fullmatch(r"https://localhost(:\d+)?/docs\?x=1", plain.headers["location"])
    async with proxy.client("127.0.0.4") as client:
        assert "strict-transport-security" in (await client.get("/healthz")).headers


async def test_what_is_for_operators_is_refused_to_clients_of_the_proxy(proxy: ReverseProxy) -> None:
    """The proxy itself may read it; the address that counts is that of its client."""
    async with proxy.client(own_address().host) as client:
        for path in ("/metrics", "/readyz"):
            for headers in ({}, {"x-forwarded-for": "127.0.0.1"}):
                assert (await client.get(path, headers=headers)).status_code == 403


async def test_bodies_are_bounded_by_the_server_and_files_may_be_longer(
    proxy: ReverseProxy, site: Site
) -> None:
    async with proxy.client(headers=site.key) as client:
        for mebibytes in (1.5, 3):
            body = json.dumps({"query": QUESTION + " " * int(mebibytes * 2**20)})
            answer = await client.post("/graphql", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 413
            assert answer.json()["errors"][0]["extensions"]["code"] == "PAYLOAD_TOO_LARGE"
        file = "dno_slug;year\n" + "unknown;2025\n" * 2**18
        answer = await client.post(
            "/api/v1/import/netzentgelte", content=file, headers={"content-type": "text/csv"}
        )
        assert answer.status_code != 413
        assert process(answer)
        for prefix in ("", "/de", "/en"):  # the form of the workbench, in each language
            fields = {"kind": (None, "tariffs"), "token": (None, ""), "file": ("a.csv", file)}
            page = await client.post(f"{prefix}/work/import", files=fields)
            assert (page.status_code, process(page) != "") == (200, True), page.text


@pytest.mark.parametrize("proxy", PROXIES[:1], indirect=True)
async def test_nginx_takes_files_at_the_addresses_of_the_form_only(proxy: ReverseProxy, site: Site) -> None:
    file = "unknown;2025\n" * 2**18
    async with proxy.client(headers=site.key) as client:
        for path in ("/xx/work/import", "/work/importfoo"):
            assert (await client.post(path, content=file)).status_code == 413
        assert (await client.post("/en/work/import", content=file)).status_code == 415


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FORMS = [
    ("/graphql", BROWSER, "application/json"),
    ("/graphql", "*/*", "application/json"),
    ("/graphql/", BROWSER, "application/json"),
    ("/operators", BROWSER, "text/html; charset=utf-8"),
    ("/operators", "TEXT/HTML", "text/html; charset=utf-8"),
    ("/api/v1/dnos/netze-bw", "*/*", "application/problem+json"),
    ("/api/v1/dnos/netze-bw", "text/htmlx", "application/problem+json"),
    ("/api/v1/dnos/netze-bw", "application/json, text/html;q=0.5", "application/problem+json"),
]


@pytest.fixture(scope="module")
def nginx_alone() -> Iterator[ReverseProxy]:
    """Before instances that do not run."""
    with private_folder() as folder:
        started = ReverseProxy("nginx", folder, [own_address(), own_address()])
        yield started
        started.stop()


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
@pytest.mark.parametrize(("path", "accept", "form"), FORMS)
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [(413, "PAYLOAD_TOO_LARGE", "too large"), (503, "UNAVAILABLE", "unavailable")],
)
async def test_errors_of_nginx_itself_have_the_form_of_those_of_the_server(
    nginx_alone: ReverseProxy, path: str, accept: str, form: str, status: int, code: str, words: str
) -> None:
    content = b" " * 3 * 2**20 if status == 413 else b""
    async with nginx_alone.client(headers={"accept": accept}) as client:
        answer = await client.post(path, content=content)
    assert (answer.status_code, answer.headers["content-type"]) == (status, form)
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
    assert answer.headers["cache-control"] == "no-store"
    if form.startswith("text/html"):
        assert words in answer.text
    elif form == "application/json":
        assert answer.json()["errors"][0]["extensions"]["code"] == code
    else:
        assert (answer.json()["code"], answer.json()["status"]) == (code, status)


UNREACHED = {"status": 503, "code": "UNAVAILABLE", "retry-after": "1"}
TOO_LATE = {"status": 504, "code": "DEADLINE_EXCEEDED", "retry-after": None}
BROKEN_OFF = {"status": 502, "code": "UNAVAILABLE", "retry-after": None}
FAILURES = [
    ("nginx", "POST", "never ran", UNREACHED),
    ("nginx", "POST", "stopped", UNREACHED),
    ("nginx", "POST", "breaks off", BROKEN_OFF | {"status": 503}),
    ("nginx", "POST", "is silent", TOO_LATE),
    ("nginx", "GET", "breaks off", UNREACHED),
    ("nginx", "GET", "is silent", TOO_LATE),
    ("haproxy", "POST", "never ran", UNREACHED),
    ("haproxy", "POST", "stopped", UNREACHED),
    ("haproxy", "POST", "breaks off", BROKEN_OFF),
    ("haproxy", "POST", "is silent", TOO_LATE),
    ("haproxy", "GET", "breaks off", BROKEN_OFF),
    ("haproxy", "GET", "is silent", TOO_LATE),
    ("caddy", "POST", "never ran", UNREACHED),
    ("caddy", "POST", "stopped", UNREACHED),
    ("caddy", "POST", "breaks off", BROKEN_OFF),
    ("caddy", "POST", "is silent", TOO_LATE),
    ("caddy", "GET", "breaks off", UNREACHED),
    ("caddy", "GET", "is silent", TOO_LATE),
]


@pytest.mark.parametrize(
    ("program", "method", "instances", "expected"),
    [pytest.param(*failure, marks=INSTALLED[failure[0]]) for failure in FAILURES],
)
async def test_a_client_is_asked_to_send_again_only_what_no_instance_was_sent_or_what_only_reads(
    program: str, method: str, instances: str, expected: dict[str, Any]
) -> None:
    async with AsyncExitStack() as running:
        folder = running.enter_context(private_folder())
        instance = own_address()
        started = await running.enter_async_context(AsyncExitStack())
        if instances != "never ran":
            behaviour = silent_instance(breaks_off=instances != "is silent")
            instance = await started.enter_async_context(behaviour)
        proxy = ReverseProxy(program, folder, [instance, instance], answer_within="500ms")
        running.callback(proxy.stop)
        async with proxy.client() as client:
            if instances == "stopped":
                assert (await client.get("/readyz")).status_code == 200
                await started.aclose()
            answer = await (post(client) if method == "POST" else client.get("/graphql"))
            refused = answer.json()["errors"][0]
            found = {"status": answer.status_code, "code": refused["extensions"]["code"]}
            assert found | {"retry-after": answer.headers.get("retry-after")} == expected
            assert ("is not known" in refused["message"]) == (expected["retry-after"] is None)
            if program == "nginx" and method == "POST":
                page = await client.request(method, "/operators", headers={"accept": BROWSER})
                assert page.status_code == expected["status"]
                assert page.headers.get("retry-after") == expected["retry-after"]
                assert ("is not known" in page.text) == (expected["retry-after"] is None)


async def test_websockets_and_event_streams_pass_without_delay(proxy: ReverseProxy, site: Site) -> None:
    """An event is read while its stream is open, so nothing has waited for more."""
    async with (
        proxy.client(headers=site.key) as client,
        client.stream(
            "POST", "/graphql", json={"query": CHANGES}, headers={"accept": "text/event-stream"}
        ) as response,
        websocket(proxy) as socket,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        await socket.initialise(authorization=site.key["authorization"])
        await socket.subscribe(CHANGES)
        await socket.send("ping")
        assert (await socket.receive())["type"] == "pong"
        version = await site.correct(client)
        for change in (await stream.next_change(), await socket.next_change()):
            assert change["entry"]["version"] == version


@pytest.mark.timeout(300)  # servers start slowly on a busy machine
@pytest.mark.parametrize("proxy", PROXIES[:2], indirect=True)
async def test_a_rolling_restart_under_load_fails_no_request_and_subscriptions_reconnect(
    proxy: ReverseProxy, site: Site
) -> None:
    outcomes: Counter[str] = Counter()
    done = asyncio.Event()
    subscriber = Subscriber(proxy, site.key)
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(send_requests(proxy, site.key, outcomes, done, reconnect=number % 3 == 0))
        following = [
            group.create_task(subscriber.follow_socket()),
            group.create_task(subscriber.follow_stream()),
        ]
        await until(lambda: subscriber.active == {"socket", "stream"})
        for address in site.addresses:
            old = site.servers[address]
            await asyncio.to_thread(site.stop, address)
            assert old.process.returncode == 0
            site.start(address)
            await asyncio.to_thread(site.servers[address].wait_until_ready, 90)
            # The next one stops only after the proxy sends requests to the new one again.
            await until_all_serve(proxy, site)
        await until(lambda: subscriber.active == {"socket", "stream"})
        async with proxy.client() as client:
            version = await site.correct(client)
        await until(lambda: subscriber.seen == {"socket": version, "stream": version})
        done.set()
        for task in following:
            task.cancel()
    assert set(outcomes) == {"answered"}, outcomes
    assert subscriber.closed["socket"] >= 1
    assert subscriber.closed["stream"] >= 1
    assert subscriber.codes <= {1012}


async def until_all_serve(proxy: ReverseProxy, site: Site) -> None:
    """Waits until the proxy sends requests to every instance."""
    async with httpx.AsyncClient(timeout=30, headers=site.key) as client:
        expected = {process(await client.get(f"{server.url}/healthz")) for server in site.servers.values()}
    seen: set[str] = set()

    async def all_have_served() -> bool:
        # Each on its own connection, as of many clients.
        async with proxy.client(headers=site.key) as client:
            seen.add(process(await client.get("/healthz")))
        return seen >= expected

    await until(all_have_served, 90)


def process(answer: httpx.Response) -> str:
    """Which process has answered: its request ids begin with the same letters."""
    return str(answer.headers["x-request-id"]).partition("-")[0]


class Subscriber:
    """Subscribes by both transports, and again after each end."""

    def __init__(self, proxy: ReverseProxy, key: Headers) -> None:
        self.active: set[str] = set()
        self.seen: dict[str, int] = {}
        self.closed: Counter[str] = Counter()
        self.codes: set[int | None] = set()
        self._proxy = proxy
        self._key = key

    async def follow_socket(self) -> None:
        while True:
            try:
                async with websocket(self._proxy) as socket:
                    await socket.initialise(authorization=self._key["authorization"])
                    await socket.subscribe(CHANGES)
                    await socket.send("ping")  # the answer comes after the subscription has begun
                    while True:
                        message = json.loads(await socket.connection.recv())
                        if message["type"] == "pong":
                            self.active.add("socket")
                        elif message["type"] == "next":
                            self._note("socket", message["payload"]["data"]["dataChanged"])
            except ConnectionClosed as end:
                self.codes.add(end.rcvd and end.rcvd.code)
            self._end("socket")

    async def follow_stream(self) -> None:
        headers = {"accept": "text/event-stream", **self._key}
        while True:
            async with (
                self._proxy.client(timeout=60) as client,
                client.stream("POST", "/graphql", json={"query": CHANGES}, headers=headers) as response,
            ):
                if response.status_code == 503:
                    # By an instance that is stopping, on a connection that the proxy had kept: clients try again.
                    refused = json.loads(await response.aread())
                    assert refused["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
                    await asyncio.sleep(0.05)
                    continue
                assert response.status_code == 200, response
                self.active.add("stream")
                stream = Stream(response)
                while (event := await stream.event(seconds=60))[0] != "complete":
                    if "errors" not in event[1]:
                        self._note("stream", event[1]["data"]["dataChanged"])
            self._end("stream")

    def _note(self, transport: str, change: dict[str, Any]) -> None:
        self.seen[transport] = change["entry"]["version"]

    def _end(self, transport: str) -> None:
        self.active.discard(transport)
        self.closed[transport] += 1


async def send_requests(
    proxy: ReverseProxy, key: Headers, outcomes: Counter[str], done: asyncio.Event, *, reconnect: bool
) -> None:
    """Queries by POST and GET in turn, on one connection or each on its own."""
    while not done.is_set():
        async with proxy.client(headers=key) as client:
            for number in count():
                try:
                    answer = await (
                        post(client) if number % 2 else client.get("/graphql", params={"query": QUESTION})
                    )
                    answered = answer.status_code == 200 and "errors" not in answer.json()
                    outcomes["answered" if answered else f"{answer.status_code} {answer.text}"] += 1
                except httpx.HTTPError as error:
                    outcomes[repr(error)] += 1
                if done.is_set() or (reconnect and number):
                    break
                await asyncio.sleep(0.05)  # a steady load, which leaves time to servers that start


def websocket(proxy: ReverseProxy) -> Any:
    return _Socket(proxy)


class _Socket:
    def __init__(self, proxy: ReverseProxy) -> None:
        self._opening = connect(
            proxy.url.replace("https", "wss") + "/graphql",
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            compression=None,
            ssl=trust(),
            open_timeout=30,
        )

    async def __aenter__(self) -> WebSocketClient:
        return WebSocketClient(await self._opening.__aenter__())

    async def __aexit__(self, *raised: Any) -> None:
        await self._opening.__aexit__(*raised)
