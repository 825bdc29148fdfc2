"""What an answer is kept under, and with: nobody gets one that was meant for another, or for other rights."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.cache.responses import CachedResponse
from app.db.pool import Pool
from app.domain.account import Role
from app.domain.tariff import Tariff
from app.limits.rate_limiter.limiter import RateLimiter
from app.settings import Settings
from schema.types.node import Kind, write_id
from tests import factories as make
from tests.integration.graph.running import Running, has_cached_response, issue_key, running
from tests.integration.graph.wire import Response, get, post, wire
from tests.integration.graph.writing import name

PRICES = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung } } }'
CORRECT = "mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { errors { code } } }"
REVOKE = "mutation ($id: ID!) { revokeApiKey(id: $id) { errors { message } } }"


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    return await make.tariff(pool, await make.dno(pool, "netze-a"), 2025, leistung="58.21")


async def warm(server: Running, data: bytes) -> Response:
    """Until the next one would leave early."""
    async with asyncio.timeout(10), wire(server.url) as line:
        while True:
            answer = await line.exchange(data)
            if has_cached_response(server, data):
                return answer


# Rights


async def test_a_key_is_told_no_names_any_more_once_its_maker_may_not_be(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    key, steward = await issue_key(pool, Role.EDITOR)
    await server.execute(CORRECT, steward, input={"id": name(tariff), "leistung": "60"})
    asked = f'{{ node(id: "{name(tariff)}") {{ ... on Tariff {{ history(first: 1) {{ changedBy }} }} }} }}'
    data = post(asked, f"Authorization: {steward['authorization']}")
    assert (await warm(server, data)).json["data"]["node"]["history"] == [{"changedBy": "steward (API key)"}]
    await pool.fetch("UPDATE users SET role = 'VIEWER' WHERE id = $1", key.created_by)
    async with asyncio.timeout(30), wire(server.url) as line:
        while (await line.exchange(data)).json["data"]["node"]["history"] != [{"changedBy": None}]:
            await asyncio.sleep(0.01)


async def test_a_key_of_a_maker_who_was_deleted_by_hand_is_refused(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    key, steward = await issue_key(pool, Role.EDITOR)
    data = post(PRICES, f"Authorization: {steward['authorization']}")
    await warm(server, data)
    await pool.fetch("UPDATE users SET deleted_at = now() WHERE id = $1", key.created_by)
    async with asyncio.timeout(30), wire(server.url) as line:
        while (await line.exchange(data)).status == 200:
            await asyncio.sleep(0.01)
        assert (await line.exchange(data)).status == 401


async def test_a_key_that_is_revoked_while_its_request_waits_leaves_no_early_exit_behind(
    settings: Settings, pool: Pool, tariff: Tariff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recognised, then held by the rate limiter; meanwhile the key ends; then the answer is found."""
    _, boss = await issue_key(pool, Role.ADMIN, "boss")
    key, reader = await issue_key(pool, Role.VIEWER, "reader")
    _, other = await issue_key(pool, Role.VIEWER, "other")
    data = post(PRICES, f"Authorization: {reader['authorization']}")
    async with running(settings, anonymous_reading=False) as server, wire(server.url) as line:
        await warm(server, post(PRICES, f"Authorization: {other['authorization']}"))
        held, let_go = asyncio.Event(), asyncio.Event()
        monkeypatch.setattr(RateLimiter, "take", _holding(RateLimiter.take, key.id, held, let_go))
        asked = asyncio.create_task(line.exchange(data))
        await held.wait()
        await server.execute(REVOKE, boss, id=write_id(Kind.API_KEY, key.id))
        let_go.set()
        assert (await asked).status == 200  # it was recognised before
        assert (await line.exchange(data)).status == 401


def _holding(
    take: Callable[..., Awaitable[Any]], key_id: object, held: asyncio.Event, let_go: asyncio.Event
) -> Callable[..., Awaitable[Any]]:
    async def slow(limiter: RateLimiter, key: str, *rest: Any) -> Any:
        if str(key_id) in key and not let_go.is_set():
            held.set()
            await let_go.wait()
        return await take(limiter, key, *rest)

    return slow


# What was asked for


async def test_an_answer_is_kept_under_all_that_was_said_about_its_media_type(
    server: Running, tariff: Tariff
) -> None:
    graphql, plain = "application/graphql-response+json", "application/json"
    both = get(PRICES, f"Accept: {graphql};q=0.1", f"Accept: {plain}")
    one = get(PRICES, f"Accept: {graphql};q=0.1")
    assert (await warm(server, both)).headers["content-type"].startswith(plain)
    assert (await warm(server, one)).headers["content-type"].startswith(graphql)


async def test_a_post_that_is_no_json_by_its_last_word_is_refused_however_it_begins(
    server: Running, tariff: Tariff
) -> None:
    good = post(PRICES)
    bad = good.replace(b"Content-Length", b"Content-Type: text/plain\r\nContent-Length", 1)
    await warm(server, good)
    async with wire(server.url) as line:
        assert [(await line.exchange(bad)).status for _ in range(3)] == [415] * 3


async def test_a_body_that_is_said_to_be_compressed_is_refused_though_its_bytes_are_known(
    server: Running, tariff: Tariff
) -> None:
    await warm(server, post(PRICES))
    async with wire(server.url) as line:
        assert [(await line.exchange(post(PRICES, "Content-Encoding: gzip"))).status for _ in range(3)] == [
            415
        ] * 3


async def test_a_plain_address_is_kept_under_its_very_path(server: Running, tariff: Tariff) -> None:
    ask = b"GET /api/v1/dnos/%snetze-a/2025 HTTP/1.1\r\nHost: dno.test\r\n\r\n"
    async with wire(server.url) as line:
        assert [(await line.exchange(ask % b"")).status for _ in range(2)] == [200, 200]
        assert [(await line.exchange(ask % b"%09")).status for _ in range(2)] == [404, 404]


async def test_numbers_that_are_equal_but_written_otherwise_are_other_questions(
    server: Running, tariff: Tariff
) -> None:
    query = """query ($kwh: Decimal!) { dnos { nodes {
      tariffs(year: 2025) { annualCost(consumptionKwh: $kwh, peakLoadKw: "1") { total } }
    } } }"""
    assert "errors" not in (await warm(server, post(query, kwh="1"))).json
    async with wire(server.url) as line:
        refused = (await line.exchange(post(query, kwh="1.0000000"))).json
    assert refused["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_nothing_is_nothing_whatever_its_sign(server: Running, tariff: Tariff) -> None:
    cost = f"""{{ node(id: "{name(tariff)}") {{ ... on Tariff {{
      annualCost(consumptionKwh: "-0", peakLoadKw: "1") {{ utilisationHours energyCharge }}
    }} }} }}"""
    async with wire(server.url) as line:
        answer = (await line.exchange(post(cost))).json
    assert answer["data"]["node"]["annualCost"] == {"utilisationHours": "0.00", "energyCharge": "0.00"}


# How much it takes


async def test_an_answer_that_leaves_early_counts_with_all_its_bytes(server: Running, pool: Pool) -> None:
    for number in range(30):
        await make.dno(pool, f"netze-{number}", official_name="N" * 200)
    data = post("{ dnos(first: 30) { nodes { officialName website } } }")
    answer = await warm(server, data)
    sizes = [
        entry.size
        for entry in server.resources.memory._entries.values()
        if isinstance(entry.value, CachedResponse)
    ]
    assert sizes[0] > len(answer.body) > 6000
