"""Cached responses: by the endpoint, and by the protocol before a scope or a task exists for the request."""

import asyncio
import json
import signal
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import monotonic
from typing import Any

import httpx
import pytest

from app.auth import api_keys
from app.db import accounts
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain.account import ANONYMOUS, Principal, Role
from app.domain.tariff import Tariff
from app.http.cached_request_head import PER_RESPONSE
from app.settings import Settings
from schema.types.node import Kind, write_id
from tests.cache_control import assert_valid_for_a_minute
from tests.integration.graph.running import Running, has_cached_response, issue_key, running
from tests.integration.graph.wire import Response, Wire, get, post, wire
from tests.integration.graph.writing import CORRECT_TARIFF
from tests.waiting import COUNTED, until, until_equal

CONSTANT = ("content-type", "content-length", "etag")
PRICES = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung } } }'


def leistung(response: Response) -> str:
    price: str = response.json["data"]["dno"]["tariffs"][0]["leistung"]
    return price


async def warm(server: Running, connection: Wire, data: bytes) -> tuple[Response, Response]:
    """The executed response, then the cached one; from here on the protocol sends it."""

    async def responses() -> tuple[Response, Response] | None:
        both = await connection.exchange(data), await connection.exchange(data)
        return both if has_cached_response(server, data) else None

    # Events of earlier writes may arrive in between.
    return await until(responses)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "data", [post(PRICES), get(PRICES), get(PRICES, "Accept: application/graphql-response+json")]
)
async def test_a_cached_response_is_the_same_except_for_headers_of_each_response(
    server: Running, tariff: Tariff, data: bytes
) -> None:
    async with wire(server.url) as connection:
        executed, cached = await warm(server, connection, data)
        direct = [await connection.exchange(data) for _ in range(3)]
    for response in direct:
        assert response.status == 200
        assert response.body == executed.body == cached.body
        assert _comparable(response) == _comparable(cached) == _comparable(executed)
        assert {name for name, _ in response.lines} == {name for name, _ in cached.lines}
    ids = {response.headers["x-request-id"] for response in (executed, cached, *direct)}
    assert len(ids) == 5


def _comparable(response: Response) -> list[tuple[str, str]]:
    return sorted(
        (name, value)
        for name, value in response.lines
        if name.encode() not in PER_RESPONSE or name in CONSTANT
    )


async def test_cached_responses_count_towards_the_rate_limit(settings: Settings, tariff: Tariff) -> None:
    data = post(PRICES)
    async with running(settings, rate_limit_anonymous=6, **COUNTED) as server, wire(server.url) as connection:
        responses = [await connection.exchange(data) for _ in range(9)]
    assert [response.status for response in responses] == [200] * 6 + [429] * 3
    assert [response.headers["ratelimit"].split(";")[1] for response in responses[:6]] == [
        f"r={n}" for n in range(5, -1, -1)
    ]
    assert all(response.headers["retry-after"] for response in responses[6:])
    assert responses[6].json["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_requests_may_arrive_pipelined_or_in_segments(server: Running, tariff: Tariff) -> None:
    data, other = post(PRICES), post("{ coverage { totalDnos } }")
    async with wire(server.url) as connection:
        await warm(server, connection, data)
        expected = (await connection.exchange(data)).body
        connection.writer.write(data + data + other + data)
        together = [(await connection.read_response()).body for _ in range(4)]
        assert together == [expected, expected, b'{"data":{"coverage":{"totalDnos":1}},"extensions":{"cost":{"requested":2,"remaining":24998,"maximum":25000}}}', expected]  # fmt: skip
        for at in (1, 20, data.index(b"\r\n\r\n") + 2, data.index(b"\r\n\r\n") + 4, len(data) - 1):
            connection.writer.write(data[:at])
            await connection.writer.drain()
            await asyncio.sleep(0.02)
            connection.writer.write(data[at:])
            assert (await connection.read_response()).body == expected
        # A request that begins like a cached one is not that one.
        longer = data.replace(b"Content-Length: ", b"Content-Length: 1")
        connection.writer.write(longer)
        await asyncio.sleep(0.05)
        connection.writer.write(
            b" "
            * (int(longer.split(b"Content-Length: ")[1].split(b"\r")[0]) - len(data.split(b"\r\n\r\n")[1]))
        )
        assert (await connection.read_response()).body == expected
        # The connection is still in step.
        assert (await connection.exchange(data)).body == expected


async def test_the_end_of_a_segmented_request_is_not_parsed_as_a_request(
    server: Running, tariff: Tariff
) -> None:
    """A body may contain the bytes of a cached request."""
    inner = post(PRICES)
    async with wire(server.url) as connection:
        await warm(server, connection, inner)
        head = b"POST /graphql HTTP/1.1\r\nHost: dno.test\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        connection.writer.write(head % len(inner))
        await asyncio.sleep(0.05)
        connection.writer.write(inner)
        assert (await connection.read_response()).status == 400
        assert (await connection.exchange(inner)).status == 200


@pytest.mark.parametrize("data", [post(PRICES, "Connection: close"), post(PRICES, version="1.0")])
async def test_a_connection_is_closed_when_the_client_requests_it(
    server: Running, tariff: Tariff, data: bytes
) -> None:
    for _ in range(4):
        async with wire(server.url) as connection:
            assert leistung(await connection.exchange(data)) == "58.21"
            assert await connection.wait_closed()
    assert not has_cached_response(server, data)


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(settings: Settings, tariff: Tariff) -> None:
    data = post(PRICES)
    async with running(settings, keep_alive_timeout=1) as server, wire(server.url) as connection:
        await warm(server, connection, data)
        began = monotonic()
        while monotonic() - began < 1.5:
            await connection.exchange(data)
            last = monotonic()
            await asyncio.sleep(0.05)
        assert await connection.wait_closed()
        assert monotonic() - last > 0.9


async def test_a_draining_server_closes_connections_after_their_responses(
    server: Running, tariff: Tariff
) -> None:
    data = post(PRICES)
    async with wire(server.url) as connection:
        await warm(server, connection, data)
        stopping = asyncio.create_task(server.stop(signal.SIGTERM))
        await until(lambda: server.server.server_state.draining)
        response = await connection.exchange(data)
        assert (leistung(response), response.headers["connection"]) == ("58.21", "close")
        assert await connection.wait_closed()
        await stopping


async def test_readiness_fails_as_soon_as_the_server_drains(server: Running) -> None:
    assert (await server.resources.readiness.report()).code == 200
    server.server.leave(signal.SIGTERM)
    assert (await server.resources.readiness.report()).code == 503


# After a change


async def test_the_next_response_after_a_correction_has_the_new_value(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    """Whatever was cached: the response in protocol and endpoint, or a fragment."""
    _, editor = await issue_key(pool)
    requests = [
        post(PRICES),
        get(PRICES),
        post(PRICES.replace("tariffs", "other: tariffs", 1).replace("other: ", "")),
    ]
    fragment = "{ dnos(first: 5) { nodes { slug tariffs(year: 2025) { leistung } } } }"
    async with wire(server.url) as connection:
        for price in ("60", "61.5", "62", "63"):
            for data in requests:
                await warm(server, connection, data)
            await connection.exchange(post(fragment, price="cached"))
            await server.execute(
                CORRECT_TARIFF, editor, input={"id": f"tariff_{tariff.id.hex}", "leistung": price}
            )
            assert [leistung(await connection.exchange(data)) for data in requests] == [price] * len(requests)
            (found,) = (await connection.exchange(post(fragment, other=price))).json["data"]["dnos"]["nodes"]
            assert found["tariffs"] == [{"leistung": price}]


async def test_another_instance_serves_the_new_value_soon(
    server: Running, settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    _, editor = await issue_key(pool)
    data = post(PRICES)
    async with running(settings) as other, wire(other.url) as connection:
        for price in ("70", "71", "72"):
            await warm(other, connection, data)
            await server.execute(
                CORRECT_TARIFF, editor, input={"id": f"tariff_{tariff.id.hex}", "leistung": price}
            )

            async def served_price() -> str:
                return leistung(await connection.exchange(data))

            await until_equal(served_price, price)


# Ended permissions


async def test_a_revoked_key_is_refused_at_once(server: Running, pool: Pool, tariff: Tariff) -> None:
    _, admin = await issue_key(pool, Role.ADMIN, "admin")
    key, reader = await issue_key(pool, Role.VIEWER, "reader")
    data = post(PRICES, f"Authorization: {reader['authorization']}")
    async with wire(server.url) as connection:
        await warm(server, connection, data)
        assert (await connection.exchange(data)).status == 200
        await server.execute(
            "mutation ($id: ID!) { revokeApiKey(id: $id) { errors { message } } }",
            admin,
            id=write_id(Kind.API_KEY, key.id),
        )
        refused = await connection.exchange(data)
    assert refused.status == 401
    assert refused.json["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_an_expired_key_is_refused_at_once(server: Running, pool: Pool, tariff: Tariff) -> None:
    _, secret = await _key_until(pool, datetime.now(UTC) + timedelta(seconds=1.5))
    data = post(PRICES, f"Authorization: Bearer {secret}")
    async with wire(server.url) as connection:
        await warm(server, connection, data)

        async def status() -> int:
            response_status: int = (await connection.exchange(data)).status
            assert response_status in (200, 401)
            return response_status

        await until_equal(status, 401)


async def _key_until(pool: Pool, moment: datetime) -> Any:
    async with unit_of_work(pool, ANONYMOUS) as work:
        admin = await accounts.add_user(work, "brief@example.org", Role.ADMIN, "!")
        creator = Principal(role=Role.ADMIN, user_id=admin.id)
    async with unit_of_work(pool, ANONYMOUS) as work:
        return await api_keys.create(work, creator, "brief", Role.VIEWER, moment)


async def test_cached_responses_of_one_role_are_not_sent_to_another(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    query = "{ viewer { email } }"
    _, editor = await issue_key(pool)
    async with wire(server.url) as connection:
        for _ in range(3):
            assert (await connection.exchange(post(query))).json["data"] == {"viewer": None}
            with_key = await connection.exchange(post(query, f"Authorization: {editor['authorization']}"))
            assert with_key.json["data"] == {"viewer": None}  # a key has no viewer
    assert not has_cached_response(server, post(query))


# Caches of clients and proxies


async def test_a_response_to_a_get_has_cache_control_vary_and_etag(
    client: httpx.AsyncClient, before_reads: float, tariff: Tariff
) -> None:
    response = await client.get("/graphql", params={"query": PRICES})
    assert_valid_for_a_minute(response, before_reads)
    assert {name.strip() for name in response.headers["vary"].lower().split(",")} >= {
        "accept",
        "authorization",
        "cookie",
    }
    again = await client.get(
        "/graphql", params={"query": PRICES}, headers={"if-none-match": response.headers["etag"]}
    )
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", response.headers["etag"])
    any_version = await client.get("/graphql", params={"query": PRICES}, headers={"if-none-match": "*"})
    assert any_version.status_code == 304
    other = await client.get("/graphql", params={"query": PRICES}, headers={"if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, response.content)
    head = await client.head("/graphql", params={"query": PRICES})
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", response.headers["etag"])


async def test_a_get_that_was_refused_before_varies_by_all_that_its_answer_depends_on(
    server: Running, tariff: Tariff
) -> None:
    """Its head, with the header Vary, is cached with the second refusal."""
    by_hash = {"persistedQuery": {"version": 1, "sha256Hash": sha256(PRICES.encode()).hexdigest()}}
    async with httpx.AsyncClient(params={"extensions": json.dumps(by_hash)}) as client:
        refused = [await client.get(server.url) for _ in range(2)]
        assert {response.headers["cache-control"] for response in refused} == {"no-store"}
        await client.post(server.url, json={"query": PRICES, "extensions": by_hash})
        answered = await client.get(server.url)
    async with httpx.AsyncClient() as client:
        expected = await client.get(server.url, params={"query": PRICES})
    assert (answered.content, answered.headers["vary"]) == (expected.content, expected.headers["vary"])


async def test_max_age_is_at_most_the_lifetime_of_the_records(
    settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    async with (
        running(settings, absent_lifetime=10, lifetime_jitter=0) as server,
        httpx.AsyncClient() as client,
    ):
        response = await client.get(server.url, params={"query": '{ dno(slug: "unknown") { name } }'})
        assert response.headers["cache-control"] in [f"public, max-age={n}, must-revalidate" for n in (8, 9)]


async def test_a_response_to_a_request_with_a_key_is_private(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    _, reader = await issue_key(pool, Role.VIEWER)
    async with httpx.AsyncClient(headers=reader) as client:
        response = await client.get(server.url, params={"query": PRICES})
    assert response.headers["cache-control"].startswith("private, ")


@pytest.mark.parametrize("query", ["{ viewer { email } }", "{ nothing }", '{ node(id: "x") { id } }'])
async def test_personal_responses_and_errors_are_not_cacheable(client: httpx.AsyncClient, query: str) -> None:
    for _ in range(2):
        response = await client.get("/graphql", params={"query": query})
        assert response.headers["cache-control"] in ("no-store", "no-cache")


async def test_without_the_response_cache_nothing_is_cached_and_responses_are_correct(
    settings: Settings, tariff: Tariff
) -> None:
    data = post(PRICES)
    async with running(settings, response_cache=False) as server, wire(server.url) as connection:
        assert [leistung(await connection.exchange(data)) for _ in range(4)] == ["58.21"] * 4
        assert not has_cached_response(server, data)
