"""Fastly and Cloudflare are purged over their APIs: in batches, repeated until they confirm, as slowly as they ask."""

import json
from typing import Any

import pytest
import structlog

from app.db.pool import Pool
from app.edge.keys import EVERYTHING, key_of
from app.edge.purgers import Cloudflare, Fastly, NotPurged, Purger, Varnish, purgers_of
from app.errors import CannotStart
from app.settings import Settings
from tests import factories as make
from tests.edge_stand_in import EdgeStandIn, hang, purge_of_its_kind, response
from tests.integration.edge.conftest import HEADERS, reached
from tests.integration.graph.running import running
from tests.waiting import until

TOKEN = "token-that-is-in-no-log"
WITHOUT_SUCCESS = {"success": False, "errors": [{"code": 1012, "message": "no"}], "result": None}


def apis(edge: EdgeStandIn, **changed: Any) -> dict[str, Any]:
    return {
        **HEADERS,
        "edge_fastly_service": "SU1Z0isxPaozGVKXdv0eY",
        "edge_fastly_token": TOKEN,
        "edge_fastly_url": edge.url,
        "edge_cloudflare_zone": "023e105f4ecef8ad9ca31a8372d0c353",
        "edge_cloudflare_token": TOKEN,
        "edge_cloudflare_url": f"{edge.url}/client/v4",
        "edge_purge_timeout": 30.0,
        **changed,
    }


@pytest.fixture
def purgers(edge: EdgeStandIn) -> list[Purger]:
    settings = Settings(**apis(edge), edge_varnish=(edge.url,))
    return purgers_of(settings)


async def test_each_edge_is_asked_as_its_documentation_states(
    edge: EdgeStandIn, purgers: list[Purger]
) -> None:
    for purger in purgers:
        await purger.purge(["aaaaaaaa", "bbbbbbbb"])
    varnish, fastly, cloudflare = edge.received
    assert (varnish.method, varnish.path) == ("PURGE", "/")
    assert varnish.headers["xkey-purge"] == "aaaaaaaa bbbbbbbb"
    assert (fastly.method, fastly.path) == ("POST", "/service/SU1Z0isxPaozGVKXdv0eY/purge")
    assert (fastly.headers["fastly-key"], fastly.headers["surrogate-key"]) == (TOKEN, "aaaaaaaa bbbbbbbb")
    assert "fastly-soft-purge" not in fastly.headers
    assert cloudflare.path == "/client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/purge_cache"
    assert cloudflare.headers["authorization"] == f"Bearer {TOKEN}"
    assert cloudflare.keys == ["aaaaaaaa", "bbbbbbbb"]
    [soft] = [
        each
        for each in purgers_of(Settings(**apis(edge, edge_fastly_soft_purge=True)))
        if isinstance(each, Fastly)
    ]
    await soft.purge(["aaaaaaaa"])
    assert edge.received[-1].headers["fastly-soft-purge"] == "1"


@pytest.mark.parametrize(
    ("kind", "reply", "error"),
    [
        (Varnish, response(405), "STATUS_405"),
        (Fastly, response(200, {}), "NOT_CONFIRMED"),
        (Fastly, response(200, {"aaaaaaaa": "1"}), "NOT_CONFIRMED"),
        (Fastly, response(401, {"msg": "Provided credentials are missing or invalid"}), "STATUS_401"),
        (Cloudflare, response(200, WITHOUT_SUCCESS), "NOT_CONFIRMED"),
        (Cloudflare, response(200, {"success": "true"}), "NOT_CONFIRMED"),
        (Cloudflare, response(200), "NOT_CONFIRMED"),
        (Cloudflare, b"HTTP/1.1 200 X\r\ncontent-length: 3\r\n\r\n<h>", "NOT_CONFIRMED"),
        (Cloudflare, b"HTTP/1.1 200 X\r\ncontent-length: 90\r\n\r\n{", "BROKEN_RESPONSE"),
        (Cloudflare, b"HTTP/1.1 200 X\r\n", "BROKEN_RESPONSE"),
        (Cloudflare, b"", "BROKEN_RESPONSE"),
        (Cloudflare, b"HTTP/1.1 200 X\r\n\r\n" + b"x" * 2**19, "RESPONSE_TOO_LONG"),
    ],
)
async def test_a_purge_that_is_not_confirmed_is_an_error(
    kind: type[Purger], reply: bytes, error: str, edge: EdgeStandIn, purgers: list[Purger]
) -> None:
    [purger] = [each for each in purgers if isinstance(each, kind)]
    edge.replies = [lambda _: reply]
    with pytest.raises(NotPurged) as raised:
        await purger.purge(["aaaaaaaa", "bbbbbbbb"])
    assert raised.value.error == error
    await purger.purge(["aaaaaaaa"])


async def test_an_edge_that_hangs_or_is_not_there_is_an_error(edge: EdgeStandIn) -> None:
    [purger] = purgers_of(Settings(**HEADERS, edge_varnish=(edge.url,), edge_purge_timeout=0.2))
    edge.replies = [hang]
    with pytest.raises(NotPurged, match="TIMEOUT"):
        await purger.purge(["aaaaaaaa"])
    [nothing] = purgers_of(Settings(**HEADERS, edge_varnish=("http://127.0.0.1:1",)))
    with pytest.raises(NotPurged, match="CONNECTION_FAILED"):
        await nothing.purge(["aaaaaaaa"])


async def test_batches_are_bounded_and_confirmed_ones_are_not_repeated_when_the_api_limits(
    settings: Settings, pool: Pool, edge: EdgeStandIn
) -> None:
    dno = await make.dno(pool)
    only_cloudflare = apis(edge, edge_fastly_service="", edge_repeat_delay=600.0)
    with structlog.testing.capture_logs() as logs:
        async with running(settings, **only_cloudflare):
            await until(lambda: EVERYTHING in edge.keys)
            edge.received.clear()
            limited = response(429, {"success": False}, "retry-after: 1")
            edge.replies = [
                purge_of_its_kind,
                lambda _: limited,
                lambda _: response(200, WITHOUT_SUCCESS),
                purge_of_its_kind,
            ]
            async with pool.connection() as connection, connection.transaction():
                # More keys than one request takes.
                await connection.execute(
                    "INSERT INTO netzentgelte_data (dno_id, year, voltage_level, arbeit)"
                    " SELECT $1, 2025, level, 1.5 FROM unnest($2::text[]) AS level",
                    dno.id,
                    ["MS", "NS", "HS"],
                )
                await connection.execute(
                    "INSERT INTO dnos (slug, name) SELECT 'many-' || n, 'Many ' || n FROM generate_series(1, 60) AS n"
                )
            wanted = {key_of(f"tariffs:{dno.id}:2025"), key_of("slug:many-60")}
            await until(lambda: wanted <= set(edge.keys) and not edge.replies)
            await reached(pool, 1)
    assert max(len(purge.keys) for purge in edge.received) <= 100
    assert TOKEN not in json.dumps(logs, default=str)
    assert {"STATUS_429", "NOT_CONFIRMED"} <= {str(entry.get("error")) for entry in logs}
    first, second = edge.received[:2]
    assert second.keys != first.keys
    assert edge.received[2].keys == edge.received[3].keys == second.keys


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"edge_headers": ("xkeys",)}, "EDGE_HEADERS"),
        ({"edge_headers": ()}, "EDGE_HEADERS"),
        ({"edge_varnish": ("varnish:6081",)}, "EDGE_VARNISH"),
        ({"edge_varnish": ("http://user:pass@varnish",)}, "EDGE_VARNISH"),
        ({"edge_varnish": ("http://varnish", "http://varnish")}, "EDGE_VARNISH"),
        ({"edge_varnish": ("http://[",)}, "EDGE_VARNISH"),
        ({"edge_fastly_token": ""}, "EDGE_FASTLY_TOKEN"),
        ({"edge_cloudflare_token": "two words"}, "EDGE_CLOUDFLARE_TOKEN"),
    ],
)
async def test_settings_that_do_not_fit_together_stop_the_start(
    settings: Settings, changed: dict[str, Any], named: str, edge: EdgeStandIn
) -> None:
    with pytest.raises(CannotStart, match=named) as raised:
        async with running(settings, **apis(edge, edge_varnish=(edge.url,)) | changed):
            pass
    assert "pass@" not in str(raised.value)
    assert "two words" not in str(raised.value)
