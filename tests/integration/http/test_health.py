"""Liveness and readiness are correct, fast, and readable from allowed networks only."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.routing import Router

from app.cache.memory import Memory
from app.cache.redis import open_redis
from app.db.pool import open_pool
from app.http.health import Health
from app.http.readiness import Finding, Readiness, Report, State, readiness_of
from app.middleware.client_address import ClientAddress
from app.middleware.errors import Errors
from app.settings import Settings
from tests.asgi import with_request_state
from tests.integration.http.conftest import client_of
from tests.servers import PrivateValkey


async def up() -> Finding:
    return Finding(State.UP)


async def down() -> Finding:
    raise ConnectionError("postgresql://dno:hunter2@db refused")


async def frozen() -> Finding:
    await asyncio.sleep(100)
    return Finding(State.UP)


async def report(**checks: Any) -> Report:
    return await Readiness(checks, ["postgres", "redis"], timeout=0.05).report()


async def test_everything_up() -> None:
    found = await report(postgres=up, redis=up)
    assert (found.status, found.code) == (State.UP, 200)


async def test_an_instance_with_one_source_stays_in_the_load_balancer() -> None:
    for found in (await report(postgres=down, redis=up), await report(postgres=up, redis=frozen)):
        assert (found.status, found.code) == (State.DEGRADED, 200)


async def test_an_instance_without_any_source_is_down() -> None:
    found = await report(postgres=down, redis=frozen)
    assert (found.status, found.code) == (State.DOWN, 503)
    assert "hunter2" not in str(found)


async def test_concurrent_requests_share_one_check() -> None:
    checks = 0

    async def counted() -> Finding:
        nonlocal checks
        checks += 1
        await asyncio.sleep(0)
        return Finding(State.UP)

    readiness = Readiness({"postgres": counted}, ["postgres"])
    await asyncio.gather(*(readiness.report() for _ in range(50)))
    await readiness.report()
    assert checks == 1


async def test_a_stopping_instance_is_not_ready() -> None:
    readiness = Readiness({"postgres": up}, ["postgres"])
    readiness.stopping = True
    assert (await readiness.report()).code == 503


def served(settings: Settings, readiness: Readiness) -> Any:
    app = ClientAddress(Errors(Router(Health(settings).routes)), settings)
    return with_request_state(app, SimpleNamespace(readiness=readiness))


async def test_the_endpoints_report_it() -> None:
    app = served(Settings(), Readiness({"postgres": up}, ["postgres"]))
    async with client_of(app, "127.0.0.1") as client:
        assert (await client.get("/healthz")).json() == {"status": "up"}
        assert (await client.get("/readyz")).json() == {
            "status": "up",
            "resources": {"postgres": {"status": "up", "detail": None}},
        }
        metrics = await client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=")
        assert "dno_http_requests_total" in metrics.text


READ_BY_OPERATORS = ("/readyz", "/metrics")


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        (None, "127.0.0.1", 200),
        (None, "::1", 200),
        (None, "::ffff:127.0.0.1", 200),
        (None, "203.0.113.7", 403),
        (None, "10.1.2.3", 403),
        (None, "192.168.0.1", 403),
        (None, "local", 403),
        (("10.0.0.0/8", "2001:db8::7"), "10.1.2.3", 200),
        (("10.0.0.0/8", "2001:db8::7"), "2001:db8::7", 200),
        (("10.0.0.0/8", "2001:db8::7"), "2001:db8::8", 403),
        (("10.0.0.0/8", "2001:db8::7"), "127.0.0.1", 403),
        ((), "127.0.0.1", 403),
        (("0.0.0.0/0", "::/0"), "203.0.113.7", 200),
    ],
)
async def test_only_operators_read_them(networks: Any, address: str, status: int) -> None:
    settings = Settings() if networks is None else Settings(operations_networks=networks)
    app = served(settings, Readiness({"postgres": up}, ["postgres"]))
    async with client_of(app, address) as client:
        for page in READ_BY_OPERATORS:
            answer = await client.get(page)
            assert answer.status_code == status
            assert status == 200 or answer.json()["code"] == "FORBIDDEN"
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        # A trusted proxy names its client, and is trusted for its own clients only.
        ("10.0.0.1", {"x-forwarded-for": "203.0.113.7"}, 403),
        ("10.0.0.1", {"x-forwarded-for": "127.0.0.1, 203.0.113.7"}, 403),
        ("10.0.0.1", {"x-forwarded-for": "203.0.113.7, 127.0.0.1"}, 200),
        ("10.0.0.1", {"x-forwarded-for": "unknown"}, 403),
        ("10.0.0.1", {"forwarded": "for=_hidden"}, 403),
        # An unknown proxy on this host: all requests through it would appear local.
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.7"}, 403),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, 403),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}, 403),
        ("127.0.0.1", {"x-real-ip": "127.0.0.1"}, 403),
        ("127.0.0.1", {"via": "1.1 front"}, 403),
        ("127.0.0.1", {}, 200),
        ("203.0.113.7", {"x-forwarded-for": "127.0.0.1"}, 403),
    ],
)
async def test_a_request_through_a_proxy_has_the_address_of_its_client(
    peer: str, headers: dict[str, str], status: int
) -> None:
    app = served(Settings(trusted_proxies=("10.0.0.1",)), Readiness({"postgres": up}, ["postgres"]))
    async with client_of(app, peer) as client:
        for page in READ_BY_OPERATORS:
            assert (await client.get(page, headers=headers)).status_code == status


@pytest.mark.parametrize("header", ["auto", "x-forwarded-for", "forwarded"])
async def test_a_proxy_may_check_the_health_of_an_instance(header: Any) -> None:
    settings = Settings(trusted_proxies=("127.0.0.1",), proxy_header=header)
    async with client_of(served(settings, Readiness({"postgres": up}, ["postgres"])), "127.0.0.1") as client:
        for page in READ_BY_OPERATORS:
            assert (await client.get(page)).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"x-forwarded-for": "unknown, 127.0.0.1"}, {"forwarded": "for=_hidden, for=127.0.0.1"}]
)
async def test_a_client_that_the_outer_of_two_proxies_does_not_name_is_no_operator(
    headers: dict[str, str],
) -> None:
    settings = Settings(trusted_proxies=("10.0.0.1", "127.0.0.1"))
    async with client_of(served(settings, Readiness({"postgres": up}, ["postgres"])), "10.0.0.1") as client:
        for page in READ_BY_OPERATORS:
            assert (await client.get(page, headers=headers)).status_code == 403


async def test_the_real_servers_are_checked(valkey: PrivateValkey, database_url: str) -> None:
    settings = Settings(database_url=database_url, redis_url=valkey.url)
    async with open_pool(settings) as pool, open_redis(settings) as shared:
        readiness = readiness_of(pool, shared, Memory(1000, 1), settings)
        found = (await readiness.report()).resources
        assert found["postgres"].status is State.UP
        # Neither is trusted before the relay and the listener have caught up.
        assert found["redis"].status is State.DEGRADED
        assert found["memory"].status is State.DEGRADED
        shared.trust()
        fresh = readiness_of(pool, shared, Memory(1000, 1), settings)
        assert (await fresh.report()).resources["redis"].status is State.UP
        valkey.pause()
        frozen_now = readiness_of(pool, shared, Memory(1000, 1), settings)
        assert (await frozen_now.report()).resources["redis"].status is State.DOWN
        assert (await frozen_now.report()).code == 200
        valkey.resume()
