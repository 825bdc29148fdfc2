"""Every path of the real server: with and without a slash at its end, by GET and HEAD, in HTTP/1.1 and 1.0."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from starlette.routing import Route

from app.main import create_app
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import Running, running
from tests.waiting import CACHING, LIMIT

PATHS = (
    "/",
    "/de?q=netze",
    "/en",
    "/graphql",
    "/graphql?query=%7B__typename%7D",
    "/graphql?query=%7Bdnos%7BtotalCount%7D%7D",
    "/graphql?query=%7Bnothing%7D",
    "/graphql?query=%7B",
    "/graphql?query=mutation%7BsignOut%7Bok%7D%7D",
    "/graphql?query=subscription%7BdataChanged%7Bkind%7D%7D",
    "/operators",
    "/operators.csv?with=HLZF",
    "/operators.xlsx?search=none",
    "/de/operators?search=netze",
    "/en/operators?year=none",
    "/compare?with=netze-a",
    "/en/compare?add=netze",
    "/de/compare?with=netze-a,none&level=MS",
    "/ranking",
    "/de/ranking?kwh=none",
    "/en/ranking",
    "/ranking.csv",
    "/my-operator",
    "/de/my-operator?postalCode=80331",
    "/en/my-operator?postalCode=none",
    "/operators/netze-a",
    "/work",
    "/de/work",
    "/en/work",
    "/work/sign-in",
    "/de/work/sign-in",
    "/en/work/sign-in",
    "/work/sign-out",
    "/de/work/sign-out",
    "/en/work/sign-out",
    "/work/entries",
    "/work/set-aside",
    "/de/work/set-aside",
    "/en/work/set-aside",
    "/de/work/entries",
    "/en/work/entries",
    "/work/entries/tariff_0",
    "/de/work/entries/tariff_0",
    "/en/work/entries/tariff_0",
    "/work/changes",
    "/de/work/changes",
    "/en/work/changes",
    "/work/account",
    "/de/work/account",
    "/en/work/account",
    "/work/keys",
    "/de/work/keys",
    "/en/work/keys",
    "/work/people",
    "/de/work/people",
    "/en/work/people",
    "/work/people/user_0/delete",
    "/de/work/people/user_0/delete",
    "/en/work/people/user_0/delete",
    "/en/operators/none",
    "/operators/netze-a/2025",
    "/de/operators/netze-a/1000",
    "/de/operators/netze-a",
    "/en/operators/netze-a/2025",
    "/coverage",
    "/de/coverage?family=HLZF",
    "/en/coverage?family=LEVY",
    "/changes",
    "/de/changes?dno=none",
    "/en/changes?year=2025",
    "/changes.atom",
    "/de/changes.atom?family=HLZF",
    "/en/changes.atom?dno=none",
    "/docs",
    "/de/docs",
    "/en/docs",
    "/docs/reading",
    "/docs/api",
    "/docs/api/requests",
    "/de/docs/api",
    "/en/docs/api",
    "/de/docs/none",
    "/en/docs/decisions",
    "/docs/decisions/0070-pages",
    "/de/docs/decisions/0070-pages",
    "/en/docs/decisions/none",
    "/work/sheets/new",
    "/de/work/sheets/new?dno=netze-a&year=2025",
    "/en/work/sheets/new",
    "/work/import",
    "/de/work/import",
    "/en/work/import?kind=tariffs",
    "/healthz",
    "/readyz",
    "/favicon.ico",
    "/robots.txt",
    "/schema.graphql",
    "/assets/page.css",
    "/assets/none",
    "/api/v1/openapi.json",
    "/api/v1/import/tariffs",
    "/api/v1/import/tariffs/template.csv",
    "/api/v1/dnos/netze-a/2025",
    "/api/v1/dnos/netze-a/1000",
    "/api/v1/dnos/none/2025",
    "/api/v1/dnos/netze-a/hlzf/2025.csv?voltageLevel=MS",
    "/api/v1/dnos/netze-a/2025/bo4e.json",
    "/api/v1/dnos/netze-a/2025/bill?voltageLevel=NS&metering=SLP&consumptionKwh=3500",
    "/api/v1/levies/2025",
    "/api/v1/levies/2025/missing",
    "/api/v1/dnos/netze-a/atypical-use/2025",
    "/api/v1/dnos/netze-a/time-of-use/2025-01-01",
    "/api/v1/levies/2025",
    "/api/v1/levies/2025/missing",
    "/api/v1/postal-codes/80331?voltageLevel=NS",
    "/api/v1/codes/9900001000003",
    "/api/v1/query/natural",
    "/dnos/netze-a/hlzf/2025.ics",
    "/dnos/none/hlzf/2025.ics",
    "/export/tariffs.pdf",
    "/export/none.csv",
    "/none",
    "/a//b",
)
# Their length depends on the number of requests, or is unknown when the head is sent.
WITHOUT_A_FIXED_LENGTH = ("/metrics", "/export/tariffs.csv", "/export/tariffs.json")


async def exchange(server: Running, request: str) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request.encode())
    async with asyncio.timeout(LIMIT):
        received = await reader.read(-1)
    writer.close()
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    return int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}, body


def request_of(method: str, path: str, version: str) -> str:
    return f"{method} {path} HTTP/{version}\r\nHost: evil.test\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
async def one_server(lasting_settings: Settings) -> AsyncIterator[Running]:
    async with running(lasting_settings, **CACHING) as started:
        await make.dno(started.resources.pool, "netze-a")
        yield started


@pytest.mark.parametrize("path", [*PATHS, *WITHOUT_A_FIXED_LENGTH])
async def test_head_has_the_headers_of_get_and_a_trailing_slash_changes_nothing(
    one_server: Running, path: str
) -> None:
    plain, mark, query = path.partition("?")
    slashed = f"{plain}/{mark}{query}" if plain != "/" else path
    status, headers, body = await exchange(one_server, request_of("GET", path, "1.1"))
    for other in (path, slashed):
        for version in ("1.1", "1.0"):
            for method in ("GET", "HEAD"):
                found = await exchange(one_server, request_of(method, other, version))
                assert found[0] == status
                assert "evil.test" not in repr(found)
                assert version == "1.1" or "transfer-encoding" not in found[1]
                assert (len(found[2]) == 0) if method == "HEAD" else (len(found[2]) > 0) == (len(body) > 0)
                if path not in WITHOUT_A_FIXED_LENGTH:
                    assert _length(found[0], found[1]) == _length(status, headers)
                    assert method == "HEAD" or found[1]["content-length"] == str(len(found[2]))


def _length(status: int, headers: dict[str, str]) -> int:
    """Refusals contain the request id, whose length varies."""
    return int(headers["content-length"]) - (len(headers["x-request-id"]) if status >= 400 else 0)


def test_every_route_is_tested_here() -> None:
    tested = {path.partition("?")[0] for path in (*PATHS, *WITHOUT_A_FIXED_LENGTH)}
    for route in create_app(Settings()).routes:
        if isinstance(route, Route):
            assert any(route.path_regex.match(path) for path in tested), route.path
