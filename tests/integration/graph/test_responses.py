"""Answers that are given again: whole, from memory, and at last before a scope or a task exists for them."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta
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
from tests import factories as make
from tests.integration.graph.running import Running, has_cached_response, issue_key, running
from tests.integration.graph.wire import Response, Wire, get, post, wire
from tests.waiting import COUNTED, until

STEADY = ("content-type", "content-length", "etag")
PRICES = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung } } }'
CORRECT = "mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { errors { code } } }"


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    return await make.tariff(pool, await make.dno(pool, "netze-a"), 2025, leistung="58.21")


def leistung(answer: Response) -> str:
    price: str = answer.json["data"]["dno"]["tariffs"][0]["leistung"]
    return price


async def warm(server: Running, line: Wire, data: bytes) -> tuple[Response, Response]:
    """Read and executed; then as a whole answer. From here on it leaves early."""
    async with asyncio.timeout(10):
        while True:  # what the test has just written may be announced in between
            answers = await line.exchange(data), await line.exchange(data)
            if has_cached_response(server, data):
                return answers


@pytest.mark.parametrize(
    "data", [post(PRICES), get(PRICES), get(PRICES, "Accept: application/graphql-response+json")]
)
async def test_an_early_answer_is_the_same_but_for_what_differs_each_time(
    server: Running, tariff: Tariff, data: bytes
) -> None:
    async with wire(server.url) as line:
        read, whole = await warm(server, line, data)
        early = [await line.exchange(data) for _ in range(3)]
    for answer in early:
        assert answer.status == 200
        assert answer.body == read.body == whole.body
        assert _steady(answer) == _steady(whole) == _steady(read)
        assert {name for name, _ in answer.lines} == {name for name, _ in whole.lines}
    ids = {answer.headers["x-request-id"] for answer in (read, whole, *early)}
    assert len(ids) == 5


def _steady(answer: Response) -> list[tuple[str, str]]:
    return sorted(
        (name, value) for name, value in answer.lines if name.encode() not in PER_RESPONSE or name in STEADY
    )


async def test_early_answers_draw_on_the_limit_like_all_others(settings: Settings, tariff: Tariff) -> None:
    data = post(PRICES)
    async with running(settings, rate_limit_anonymous=6, **COUNTED) as server, wire(server.url) as line:
        answers = [await line.exchange(data) for _ in range(9)]
    assert [answer.status for answer in answers] == [200] * 6 + [429] * 3
    assert [answer.headers["ratelimit"].split(";")[1] for answer in answers[:6]] == [
        f"r={n}" for n in range(5, -1, -1)
    ]
    assert all(answer.headers["retry-after"] for answer in answers[6:])
    assert answers[6].json["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_requests_may_come_together_or_in_pieces(server: Running, tariff: Tariff) -> None:
    data, other = post(PRICES), post("{ coverage { totalDnos } }")
    async with wire(server.url) as line:
        await warm(server, line, data)
        expected = (await line.exchange(data)).body
        line.writer.write(data + data + other + data)
        together = [(await line.read_response()).body for _ in range(4)]
        assert together == [expected, expected, b'{"data":{"coverage":{"totalDnos":1}},"extensions":{"cost":{"requested":2,"remaining":24998,"maximum":25000}}}', expected]  # fmt: skip
        for at in (1, 20, data.index(b"\r\n\r\n") + 2, data.index(b"\r\n\r\n") + 4, len(data) - 1):
            line.writer.write(data[:at])
            await line.writer.drain()
            await asyncio.sleep(0.02)
            line.writer.write(data[at:])
            assert (await line.read_response()).body == expected
        # What begins like a known request is not one yet.
        longer = data.replace(b"Content-Length: ", b"Content-Length: 1")
        line.writer.write(longer)
        await asyncio.sleep(0.05)
        line.writer.write(
            b" "
            * (int(longer.split(b"Content-Length: ")[1].split(b"\r")[0]) - len(data.split(b"\r\n\r\n")[1]))
        )
        assert (await line.read_response()).body == expected
        # … and after all that the line is still in step.
        assert (await line.exchange(data)).body == expected


async def test_the_end_of_a_request_that_came_in_pieces_is_no_request(
    server: Running, tariff: Tariff
) -> None:
    """A body may hold what would be a known request by itself."""
    inner = post(PRICES)
    async with wire(server.url) as line:
        await warm(server, line, inner)
        head = b"POST /graphql HTTP/1.1\r\nHost: dno.test\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        line.writer.write(head % len(inner))
        await asyncio.sleep(0.05)
        line.writer.write(inner)
        assert (await line.read_response()).status == 400
        assert (await line.exchange(inner)).status == 200


@pytest.mark.parametrize("data", [post(PRICES, "Connection: close"), post(PRICES, version="1.0")])
async def test_who_wants_no_more_is_not_kept_waiting(server: Running, tariff: Tariff, data: bytes) -> None:
    for _ in range(4):
        async with wire(server.url) as line:
            assert leistung(await line.exchange(data)) == "58.21"
            assert await line.wait_closed()
    assert not has_cached_response(server, data)


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(settings: Settings, tariff: Tariff) -> None:
    data = post(PRICES)
    async with running(settings, keep_alive_timeout=1) as server, wire(server.url) as line:
        await warm(server, line, data)
        began = monotonic()
        while monotonic() - began < 1.5:
            await line.exchange(data)
            last = monotonic()
            await asyncio.sleep(0.05)
        assert await line.wait_closed()
        assert monotonic() - last > 0.9


async def test_a_server_that_leaves_says_so_with_each_answer(server: Running, tariff: Tariff) -> None:
    data = post(PRICES)
    async with wire(server.url) as line:
        await warm(server, line, data)
        leaving = asyncio.create_task(server.stop(signal.SIGTERM))
        await until(lambda: server.server.server_state.draining)
        answer = await line.exchange(data)
        assert (leistung(answer), answer.headers["connection"]) == ("58.21", "close")
        assert await line.wait_closed()
        await leaving


async def test_who_is_told_to_be_ready_no_more_hears_it_at_once(server: Running) -> None:
    assert (await server.resources.readiness.report()).code == 200
    server.server.leave(signal.SIGTERM)
    assert (await server.resources.readiness.report()).code == 503


# The truth after a change


async def test_after_a_correction_the_very_next_answer_is_the_new_one(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    """By early exit, as a whole answer, from a fragment: whatever was kept."""
    _, editor = await issue_key(pool)
    asked = [
        post(PRICES),
        get(PRICES),
        post(PRICES.replace("tariffs", "other: tariffs", 1).replace("other: ", "")),
    ]
    fragment = "{ dnos(first: 5) { nodes { slug tariffs(year: 2025) { leistung } } } }"
    async with wire(server.url) as line:
        for price in ("60", "61.5", "62", "63"):
            for data in asked:
                await warm(server, line, data)
            await line.exchange(post(fragment, price="kept"))
            await server.execute(CORRECT, editor, input={"id": f"tariff_{tariff.id.hex}", "leistung": price})
            assert [leistung(await line.exchange(data)) for data in asked] == [price] * len(asked)
            (found,) = (await line.exchange(post(fragment, other=price))).json["data"]["dnos"]["nodes"]
            assert found["tariffs"] == [{"leistung": price}]


async def test_on_another_instance_it_is_the_new_one_within_moments(
    server: Running, settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    _, editor = await issue_key(pool)
    data = post(PRICES)
    async with running(settings) as other, wire(other.url) as line:
        for price in ("70", "71", "72"):
            await warm(other, line, data)
            await server.execute(CORRECT, editor, input={"id": f"tariff_{tariff.id.hex}", "leistung": price})
            async with asyncio.timeout(30):
                while leistung(await line.exchange(data)) != price:
                    await asyncio.sleep(0.005)


# Whose rights have ended


async def test_a_revoked_key_is_refused_at_once(server: Running, pool: Pool, tariff: Tariff) -> None:
    _, boss = await issue_key(pool, Role.ADMIN, "boss")
    key, reader = await issue_key(pool, Role.VIEWER, "reader")
    data = post(PRICES, f"Authorization: {reader['authorization']}")
    async with wire(server.url) as line:
        await warm(server, line, data)
        assert (await line.exchange(data)).status == 200
        await server.execute(
            "mutation ($id: ID!) { revokeApiKey(id: $id) { errors { message } } }",
            boss,
            id=write_id(Kind.API_KEY, key.id),
        )
        refused = await line.exchange(data)
    assert refused.status == 401
    assert refused.json["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_so_is_one_that_has_expired(server: Running, pool: Pool, tariff: Tariff) -> None:
    _, secret = await _key_until(pool, datetime.now(UTC) + timedelta(seconds=1.5))
    data = post(PRICES, f"Authorization: Bearer {secret}")
    async with wire(server.url) as line:
        await warm(server, line, data)
        async with asyncio.timeout(30):
            while (answer := await line.exchange(data)).status == 200:
                await asyncio.sleep(0.05)
    assert answer.status == 401


async def _key_until(pool: Pool, moment: datetime) -> Any:
    async with unit_of_work(pool, ANONYMOUS) as work:
        admin = await accounts.add_user(work, "brief@example.org", Role.ADMIN, "!")
        creator = Principal(role=Role.ADMIN, user_id=admin.id)
    async with unit_of_work(pool, ANONYMOUS) as work:
        return await api_keys.create(work, creator, "brief", Role.VIEWER, moment)


async def test_answers_of_one_role_are_not_given_to_another(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    query = "{ viewer { email } }"
    _, editor = await issue_key(pool)
    async with wire(server.url) as line:
        for _ in range(3):
            assert (await line.exchange(post(query))).json["data"] == {"viewer": None}
            mine = await line.exchange(post(query, f"Authorization: {editor['authorization']}"))
            assert mine.json["data"] == {"viewer": None}  # a key is nobody's face
    assert not has_cached_response(server, post(query))


# What others may keep


async def test_an_answer_to_a_get_says_for_how_long_and_under_what_it_may_be_kept(
    client: httpx.AsyncClient, tariff: Tariff
) -> None:
    answer = await client.get("/graphql", params={"query": PRICES})
    assert answer.headers["cache-control"] == "public, max-age=59, must-revalidate"
    assert {name.strip() for name in answer.headers["vary"].lower().split(",")} >= {
        "accept",
        "authorization",
        "cookie",
    }
    again = await client.get(
        "/graphql", params={"query": PRICES}, headers={"if-none-match": answer.headers["etag"]}
    )
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    other = await client.get("/graphql", params={"query": PRICES}, headers={"if-none-match": '"other"'})
    assert (other.status_code, other.content) == (200, answer.content)
    head = await client.head("/graphql", params={"query": PRICES})
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", answer.headers["etag"])


async def test_it_may_be_kept_no_longer_than_what_it_was_read_from(
    settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    async with (
        running(settings, absent_lifetime=10, lifetime_jitter=0) as server,
        httpx.AsyncClient() as client,
    ):
        answer = await client.get(server.url, params={"query": '{ dno(slug: "nobody") { name } }'})
        assert answer.headers["cache-control"] in [f"public, max-age={n}, must-revalidate" for n in (8, 9)]


async def test_a_caller_with_a_key_gets_what_only_he_may_keep(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    _, reader = await issue_key(pool, Role.VIEWER)
    async with httpx.AsyncClient(headers=reader) as client:
        answer = await client.get(server.url, params={"query": PRICES})
    assert answer.headers["cache-control"].startswith("private, ")


@pytest.mark.parametrize("query", ["{ viewer { email } }", "{ nothing }", '{ node(id: "x") { id } }'])
async def test_what_is_somebodys_own_or_has_errors_is_kept_by_nobody(
    client: httpx.AsyncClient, query: str
) -> None:
    for _ in range(2):
        answer = await client.get("/graphql", params={"query": query})
        assert answer.headers["cache-control"] in ("no-store", "no-cache")


async def test_switched_off_nothing_is_kept_and_all_is_still_true(settings: Settings, tariff: Tariff) -> None:
    data = post(PRICES)
    async with running(settings, response_cache=False) as server, wire(server.url) as line:
        assert [leistung(await line.exchange(data)) for _ in range(4)] == ["58.21"] * 4
        assert not has_cached_response(server, data)
