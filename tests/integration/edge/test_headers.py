"""The headers of responses for caches at the edge: the keys of what they were read from, and for how long they may be stored there."""

import re

import httpx
import pytest

from app.db.pool import Pool
from app.domain.clock import today
from app.domain.dno import Dno
from app.edge.keys import EVERYTHING, key_of
from app.http.edge_headers import KINDS, EdgeHeaders
from app.settings import Settings
from tests import factories as make
from tests.integration.edge.conftest import HEADERS
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.wire import get, wire

PRICES = '{ dno(slug: "netze-a") { name tariffs(year: 2025) { leistung } } }'
NOWHERE = "no-store"
STORED = "max-age=21600, must-revalidate"


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    dno = await make.dno(pool)
    await make.tariff(pool, dno)
    await make.time_of_use(pool, dno, today().year)
    return dno


async def fetch(server: Running, path: str, **headers: str) -> httpx.Response:
    root = server.url.removesuffix("/graphql")
    async with httpx.AsyncClient(base_url=root) as client:
        return await client.get(path, headers=headers)


GRAPHQL = httpx.URL("/graphql", params={"query": PRICES}).raw_path.decode()


async def test_public_responses_name_what_they_were_read_from_in_each_chosen_header(
    settings: Settings, pool: Pool, dno: Dno
) -> None:
    every = tuple(KINDS)
    async with running(settings, edge_headers=every) as server:
        response = await fetch(server, GRAPHQL)
        names = {key_of("slug:netze-a"), key_of(f"tariffs:{dno.id}:2025")}
        keys = response.headers["xkey"].split(" ")
        assert names < set(keys)
        assert EVERYTHING in keys
        assert response.headers["surrogate-key"].split(" ") == keys
        assert response.headers["cache-tag"].split(",") == keys
        assert response.headers["edge-cache-tag"].split(",") == keys
        assert re.findall('"([^"]+)"', response.headers["cache-groups"]) == keys
        assert response.headers["cdn-cache-control"] == STORED
        assert response.headers["surrogate-control"] == "max-age=21600"
        # Browsers have it for a minute, and ask again after that.
        assert re.fullmatch("public, max-age=[0-9]+, must-revalidate", response.headers["cache-control"])
        for path in ("/api/v1/dnos/netze-a/2025", "/de/operators/netze-a/2024", "/operators", "/changes"):
            page = await fetch(server, path)
            assert (page.status_code, page.headers["cdn-cache-control"]) == (200, STORED), path
            assert EVERYTHING in page.headers["xkey"].split(" "), path
        for path in ("/docs/limits", "/api/v1/openapi.json"):
            assert (await fetch(server, path)).headers["xkey"] == EVERYTHING


async def test_without_the_setting_there_are_no_such_headers(
    settings: Settings, pool: Pool, dno: Dno
) -> None:
    async with running(settings) as server:
        for path in (GRAPHQL, "/operators", "/api/v1/dnos/netze-a/2025"):
            headers = (await fetch(server, path)).headers
            assert not {*KINDS, "cdn-cache-control", "surrogate-control"} & set(headers), path


async def test_what_is_not_for_all_anonymous_callers_is_stored_at_no_edge(
    settings: Settings, pool: Pool, dno: Dno
) -> None:
    _, key = await issue_key(pool)
    async with running(settings, **HEADERS) as server:
        for path in (GRAPHQL, "/operators", "/api/v1/dnos/netze-a/2025"):
            assert (await fetch(server, path)).headers["cdn-cache-control"] == STORED
            for credentials in (key, {"cookie": "dno_session=none"}, {"cookie": "other=1"}):
                for _ in range(3):  # the third may take the fast path
                    headers = (await fetch(server, path, **credentials)).headers
                    assert headers["cdn-cache-control"] == NOWHERE, path
                    assert "xkey" not in headers
                    assert {"authorization", "cookie"} <= set(headers["vary"].split(", "))
        for query in ("{ viewer { email } }", "{ nothing }"):
            headers = (await fetch(server, httpx.URL("/graphql", params={"query": query}).path)).headers
            assert "xkey" not in headers
        async with httpx.AsyncClient() as client:
            posted = await client.post(server.url, json={"query": PRICES})
        assert posted.headers["cache-control"] == NOWHERE
        assert "xkey" not in posted.headers
        missing = await fetch(server, "/api/v1/dnos/netze-z/2025")
        assert (missing.status_code, missing.headers["cache-control"]) == (404, "no-store")
        assert "xkey" not in missing.headers


async def test_a_response_that_changes_with_the_time_is_stored_until_then(
    settings: Settings, pool: Pool, dno: Dno
) -> None:
    async with running(settings, **HEADERS, edge_lifetime=7 * 86400.0) as server:
        until_midnight = await fetch(
            server,
            httpx.URL("/graphql", params={"query": "{ coverage { currentYearCoverage } }"}).raw_path.decode(),
        )
        assert lifetime(until_midnight) <= 25 * 3600
        prices = await fetch(server, "/api/v1/dnos/netze-a/time-of-use/today.json")
        assert prices.status_code == 200, prices.text
        assert lifetime(prices) <= 25 * 3600
        page = await fetch(server, "/de/operators/netze-a")
        assert lifetime(page) <= 25 * 3600
        fixed = await fetch(server, GRAPHQL)
        assert lifetime(fixed) == 7 * 86400


def lifetime(response: httpx.Response) -> int:
    found = re.search(r"max-age=(\d+)", response.headers["cdn-cache-control"])
    assert found, response.headers
    return int(found[1])


async def test_a_cached_response_has_them_on_the_fast_path_and_computes_none(
    settings: Settings, pool: Pool, dno: Dno, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = 0
    describe = EdgeHeaders.describe

    def counted(self: EdgeHeaders, *arguments: object) -> object:
        nonlocal described
        described += 1
        return describe(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(EdgeHeaders, "describe", counted)
    async with (
        running(settings, **HEADERS, max_missed_heartbeats=100) as server,
        wire(server.url) as connection,
    ):
        first = await connection.exchange(get(PRICES))
        for _ in range(5):
            again = await connection.exchange(get(PRICES))
            for name in ("xkey", "cache-tag", "cdn-cache-control"):
                assert [value for each, value in again.lines if each == name] == [first.headers[name]]
        assert described == 1


async def test_downloads_name_the_families_and_years_that_they_were_read_from(
    settings: Settings, pool: Pool, dno: Dno
) -> None:
    await make.hlzf(pool, dno)
    async with running(settings, **HEADERS) as server:
        for path, name in (
            ("/export/tariffs.csv?year=2025", "group:tariffs:2025"),
            ("/export/tariffs.csv", "group:tariffs"),
            ("/export/levies.ndjson", "all_levies"),
            ("/export/changes.ndjson", "coverage"),
            ("/export/registry.csv", "directory"),
            ("/dnos/netze-a/hlzf/2025.ics", f"hlzf:{dno.id}:2025"),
            ("/operators.csv", "directory"),
            ("/ranking.csv?kwh=4000&year=2025", "year:2025"),
        ):
            response = await fetch(server, path)
            assert response.status_code == 200, (path, response.text)
            assert (response.status_code, response.headers["cdn-cache-control"]) == (200, STORED), path
            assert key_of(name) in response.headers["xkey"].split(" "), path
            with_cookie = await fetch(server, path, cookie="other=1")
            assert with_cookie.headers["cdn-cache-control"] == NOWHERE, path
            assert "cookie" in with_cookie.headers["vary"]


async def test_headers_are_bounded_and_of_a_long_list_coarser_ones(settings: Settings, pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO dnos (slug, name) SELECT 'many-' || n, 'Many ' || n FROM generate_series(1, 100) AS n"
        )
    years = " ".join(f"y{year}: tariffs(year: {year}) {{ leistung }}" for year in range(2021, 2027))
    query = f"{{ dnos(first: 100) {{ nodes {{ name {years} }} }} }}"
    path = httpx.URL("/graphql", params={"query": query}).raw_path.decode()
    async with running(settings, edge_headers=tuple(KINDS), limit_cost=10**6) as server:
        response = await fetch(server, path)
    assert "errors" not in response.json()
    for name in KINDS:
        assert len(response.headers[name]) <= 4096, name
    groups = re.findall('"([^"]+)"', response.headers["cache-groups"])
    assert len(groups) <= 32
    assert max(map(len, groups)) <= 32
    # The tariffs of 600 operators and years are more keys than fit, those of 100 operators are not.
    operators = {key_of(f"group:dno:{row['id']}") for row in await pool.fetch("SELECT id FROM dnos")}
    assert operators < set(response.headers["xkey"].split(" "))


async def test_clients_that_accept_different_types_share_a_stored_response(
    settings: Settings, pool: Pool, dno: Dno
) -> None:
    async with running(settings, **HEADERS) as server:
        rest = await fetch(server, "/api/v1/dnos/netze-a/2025")
        assert rest.headers["vary"] == "authorization, cookie, accept-encoding"
        german = await fetch(server, "/de/operators")
        assert german.headers["vary"] == "authorization, cookie, accept-encoding"
        chosen = await fetch(server, "/operators")
        assert "accept-language" in chosen.headers["vary"]
