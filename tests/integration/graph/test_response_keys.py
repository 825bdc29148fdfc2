"""Cached responses and permissions: no caller gets a response for another request or for other permissions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.tariff import Tariff
from app.http.cached_response import CachedResponse
from app.limits.rate_limiter.limiter import RateLimiter
from app.settings import Settings
from schema.types.node import Kind, write_id
from tests import factories as make
from tests.integration.graph.running import Running, has_cached_response, issue_key, running
from tests.integration.graph.wire import Response, get, post, wire
from tests.integration.graph.writing import CORRECT_TARIFF, global_id
from tests.waiting import LIMIT

PRICES = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung } } }'
REVOKE = "mutation ($id: ID!) { revokeApiKey(id: $id) { errors { message } } }"


async def warm(server: Running, data: bytes) -> Response:
    """Repeats the request until its response is cached."""
    async with asyncio.timeout(LIMIT), wire(server.url) as connection:
        while True:
            response = await connection.exchange(data)
            if has_cached_response(server, data):
                return response


# Permissions


async def test_a_key_gets_no_names_of_authors_once_its_creator_may_not_see_them(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    key, steward = await issue_key(pool, Role.EDITOR)
    await server.execute(CORRECT_TARIFF, steward, input={"id": global_id(tariff), "leistung": "60"})
    query = (
        f'{{ node(id: "{global_id(tariff)}") {{ ... on Tariff {{ history(first: 1) {{ changedBy }} }} }} }}'
    )
    data = post(query, f"Authorization: {steward['authorization']}")
    assert (await warm(server, data)).json["data"]["node"]["history"] == [{"changedBy": "steward (API key)"}]
    await pool.fetch("UPDATE users SET role = 'VIEWER' WHERE id = $1", key.created_by)
    async with asyncio.timeout(30), wire(server.url) as connection:
        while (await connection.exchange(data)).json["data"]["node"]["history"] != [{"changedBy": None}]:
            await asyncio.sleep(0.01)


async def test_a_key_whose_creator_was_deleted_manually_is_rejected(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    key, steward = await issue_key(pool, Role.EDITOR)
    data = post(PRICES, f"Authorization: {steward['authorization']}")
    await warm(server, data)
    await pool.fetch("UPDATE users SET deleted_at = now() WHERE id = $1", key.created_by)
    async with asyncio.timeout(30), wire(server.url) as connection:
        while (await connection.exchange(data)).status == 200:
            await asyncio.sleep(0.01)
        assert (await connection.exchange(data)).status == 401


async def test_a_key_that_is_revoked_while_its_request_waits_gets_no_cached_response_afterwards(
    settings: Settings, pool: Pool, tariff: Tariff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is authenticated and waits for the rate limiter; the key is revoked; then the response is cached."""
    _, admin = await issue_key(pool, Role.ADMIN, "admin")
    key, reader = await issue_key(pool, Role.VIEWER, "reader")
    _, other = await issue_key(pool, Role.VIEWER, "other")
    data = post(PRICES, f"Authorization: {reader['authorization']}")
    async with running(settings, anonymous_reading=False) as server, wire(server.url) as connection:
        await warm(server, post(PRICES, f"Authorization: {other['authorization']}"))
        waiting, release = asyncio.Event(), asyncio.Event()
        monkeypatch.setattr(RateLimiter, "take", _delayed(RateLimiter.take, key.id, waiting, release))
        request = asyncio.create_task(connection.exchange(data))
        await waiting.wait()
        await server.execute(REVOKE, admin, id=write_id(Kind.API_KEY, key.id))
        release.set()
        assert (await request).status == 200  # it was authenticated before
        assert (await connection.exchange(data)).status == 401


def _delayed(
    take: Callable[..., Awaitable[Any]], key_id: object, waiting: asyncio.Event, release: asyncio.Event
) -> Callable[..., Awaitable[Any]]:
    async def slow(limiter: RateLimiter, key: str, *rest: Any) -> Any:
        if str(key_id) in key and not release.is_set():
            waiting.set()
            await release.wait()
        return await take(limiter, key, *rest)

    return slow


# The request


async def test_all_accept_headers_are_part_of_the_key(server: Running, tariff: Tariff) -> None:
    graphql, plain = "application/graphql-response+json", "application/json"
    both = get(PRICES, f"Accept: {graphql};q=0.1", f"Accept: {plain}")
    one = get(PRICES, f"Accept: {graphql};q=0.1")
    assert (await warm(server, both)).headers["content-type"].startswith(plain)
    assert (await warm(server, one)).headers["content-type"].startswith(graphql)


async def test_a_post_whose_last_content_type_is_not_json_is_refused(server: Running, tariff: Tariff) -> None:
    valid = post(PRICES)
    invalid = valid.replace(b"Content-Length", b"Content-Type: text/plain\r\nContent-Length", 1)
    await warm(server, valid)
    async with wire(server.url) as connection:
        assert [(await connection.exchange(invalid)).status for _ in range(3)] == [415] * 3


async def test_a_body_with_a_content_encoding_is_refused_though_its_bytes_are_cached(
    server: Running, tariff: Tariff
) -> None:
    await warm(server, post(PRICES))
    async with wire(server.url) as connection:
        assert [
            (await connection.exchange(post(PRICES, "Content-Encoding: gzip"))).status for _ in range(3)
        ] == [415] * 3


async def test_a_rest_response_is_cached_under_its_exact_path(server: Running, tariff: Tariff) -> None:
    request = b"GET /api/v1/dnos/%snetze-a/2025 HTTP/1.1\r\nHost: dno.test\r\n\r\n"
    async with wire(server.url) as connection:
        assert [(await connection.exchange(request % b"")).status for _ in range(2)] == [200, 200]
        assert [(await connection.exchange(request % b"%09")).status for _ in range(2)] == [404, 404]


async def test_equal_numbers_in_another_spelling_are_another_request(server: Running, tariff: Tariff) -> None:
    query = """query ($kwh: Decimal!) { dnos { nodes {
      tariffs(year: 2025) { annualCost(consumptionKwh: $kwh, peakLoadKw: "1") { total } }
    } } }"""
    assert "errors" not in (await warm(server, post(query, kwh="1"))).json
    async with wire(server.url) as connection:
        refused = (await connection.exchange(post(query, kwh="1.0000000"))).json
    assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_minus_zero_is_zero(server: Running, tariff: Tariff) -> None:
    cost = f"""{{ node(id: "{global_id(tariff)}") {{ ... on Tariff {{
      annualCost(consumptionKwh: "-0", peakLoadKw: "1") {{ utilisationHours energyCharge }}
    }} }} }}"""
    async with wire(server.url) as connection:
        response = (await connection.exchange(post(cost))).json
    assert response["data"]["node"]["annualCost"] == {"utilisationHours": "0.00", "energyCharge": "0.00"}


# Size


async def test_a_cached_response_counts_with_all_its_bytes(server: Running, pool: Pool) -> None:
    for number in range(30):
        await make.dno(pool, f"netze-{number}", official_name="N" * 200)
    data = post("{ dnos(first: 30) { nodes { officialName website } } }")
    response = await warm(server, data)
    sizes = [
        entry.size
        for entry in server.resources.memory._entries.values()
        if isinstance(entry.value, CachedResponse)
    ]
    assert sizes[0] > len(response.body) > 6000
