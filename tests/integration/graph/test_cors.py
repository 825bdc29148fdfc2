"""Pages of every origin may read without cookies, listed ones with cookies; the headers that they may read are those that are sent."""

import httpx
import pytest

from app.db.pool import Pool
from app.domain.tariff import Tariff
from app.middleware.cors import EXPOSED, REQUEST_HEADERS
from app.resources import Resources
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.graphql_client import client_of
from tests.integration.graph.running import running

FRONT, OTHER = "https://front.example", "https://other.example"
QUERY = {"query": "{ dnos(first: 1) { totalCount } }"}
# The names that every page may read, by the Fetch standard.
SAFE = {
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
}
# What browsers themselves act on, and what is for caches at the edge.
OF_BROWSERS = {
    *("access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers", "connection"),
    *("content-security-policy", "cross-origin-opener-policy", "permissions-policy", "referrer-policy", "set-cookie"),
    *("strict-transport-security", "transfer-encoding", "vary", "x-accel-buffering", "x-content-type-options", "x-frame-options"),
}  # fmt: skip
READ = (
    *("/api/v1/dnos", "/api/v1/dnos/netze-a", "/api/v1/dnos/unknown", "/export/tariffs.csv", "/api/v1/nothing"),
    *("/graphql?query={__typename}", "/graphql?query={", "/operators", "/", "/changes.atom", "/openapi.json", "/api/v1/dnos?first=x"),
)  # fmt: skip


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    return await make.tariff(pool, await make.dno(pool))


async def preflight(client: httpx.AsyncClient, origin: str, names: str = "") -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": "POST"}
    return await client.options(
        "/graphql", headers=headers | ({"access-control-request-headers": names} if names else {})
    )


def cors_headers(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


async def test_every_origin_may_read_and_no_response_depends_on_the_origin(resources: Resources) -> None:
    async with client_of(resources) as client:
        for path in READ:
            found = [
                cors_headers(await client.get(path, headers=headers))
                for headers in ({}, {"origin": FRONT}, {"origin": "null"})
            ]
            assert found == [{"access-control-allow-origin": "*", "access-control-expose-headers": ", ".join(EXPOSED)}] * 3  # fmt: skip
            assert "origin" not in (await client.get(path)).headers.get("vary", "").lower()


async def test_pages_may_read_all_headers_that_describe_a_response(
    settings: Settings, tariff: Tariff
) -> None:
    sent: set[str] = set()
    async with (
        running(settings, rate_limit_anonymous=200) as server,
        httpx.AsyncClient(base_url=server.url.removesuffix("/graphql")) as client,
    ):
        for path in READ:
            response = await client.get(path)
            conditional = {"if-none-match": response.headers.get("etag", "")}
            sent |= {*response.headers, *(await client.get(path, headers=conditional)).headers}
        wrong = {"authorization": "Bearer wrong"}
        sent |= {*(await client.post("/graphql", json=QUERY, headers=wrong)).headers}
        sent |= {*(await client.patch("/graphql")).headers}
        while (response := await client.post("/graphql", json=QUERY)).status_code != 429:
            pass
        sent |= {*response.headers}
    assert {"etag", "ratelimit", "retry-after", "www-authenticate", "allow", "content-disposition"} <= sent
    assert sent - SAFE - OF_BROWSERS <= {name.lower() for name in EXPOSED}


async def test_a_preflight_grants_the_headers_that_it_names(resources: Resources) -> None:
    names = "apollographql-client-name, apollographql-client-version, traceparent, baggage, sentry-trace, content-type"
    async with client_of(resources) as client:
        granted = await preflight(client, OTHER, names)
        assert (granted.status_code, granted.content) == (204, b"")
        assert cors_headers(granted) == {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": "DELETE, GET, HEAD, POST, PUT",
            "access-control-allow-headers": names,
            "access-control-max-age": "7200",
        }
        for odd in ("", "a b", "x" * 3000, "a,,b", "(x)"):
            granted = await preflight(client, OTHER, odd)
            assert granted.headers["access-control-allow-headers"] == ", ".join(REQUEST_HEADERS)


async def test_listed_origins_may_send_cookies_and_others_may_read_without(resources: Resources) -> None:
    async with client_of(resources, allowed_origins=(FRONT + "/",)) as client:
        for respond in (
            preflight,
            lambda client, origin: client.post("/graphql", json=QUERY, headers={"origin": origin}),
        ):
            listed, other = await respond(client, FRONT), await respond(client, OTHER)
            assert listed.headers["access-control-allow-origin"] == FRONT
            assert listed.headers["access-control-allow-credentials"] == "true"
            assert other.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in other.headers
            assert "Origin" in listed.headers["vary"]
            assert "Origin" in other.headers["vary"]


async def test_a_closed_server_is_read_by_listed_origins_only(resources: Resources) -> None:
    async with client_of(resources, cross_origin_reading=False, allowed_origins=(FRONT,)) as client:
        refused = await preflight(client, OTHER)
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "FORBIDDEN")
        read = await client.post("/graphql", json=QUERY, headers={"origin": OTHER})
        assert read.status_code == 200
        assert cors_headers(refused) == cors_headers(read) == {}
        assert (await preflight(client, FRONT)).status_code == 204
    async with client_of(resources, cross_origin_reading=False) as client:
        assert cors_headers(await client.get("/api/v1/dnos")) == {}
        assert (await preflight(client, FRONT)).status_code == 403


@pytest.mark.parametrize("empty", ["", " ", "Bearer", "bearer ", "Bearer  "])
async def test_a_header_without_credentials_is_anonymous(resources: Resources, empty: str) -> None:
    async with client_of(resources) as client:
        response = await client.post("/graphql", json=QUERY, headers={"authorization": empty})
        assert response.json()["data"]["dnos"]
        refused = await client.post("/graphql", json=QUERY, headers={"authorization": "Bearer undefined"})
        assert refused.status_code == 401
