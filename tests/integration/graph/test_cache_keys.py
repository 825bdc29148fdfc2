"""Keys of cached responses, request heads, fragments and plans: each test differs in one part of the key only."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from app.cache.responses import MAX_BODY_IN_KEY
from app.db.pool import Pool
from app.domain.account import Role
from app.domain.tariff import Tariff
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import Headers, issue_key, running
from tests.integration.graph.wire import Response, wire
from tests.integration.graph.writing import global_id

SLUG, CITY = '{ dno(slug: "netze-a") { slug } }', '{ dno(slug: "netze-a") { city } }'
FILLER = "#" * MAX_BODY_IN_KEY + "\n"  # a comment, so that the key holds a digest
JSON, GRAPHQL = "application/json", "application/graphql-response+json"


def request(method: str, query: str | None = None, body: str | None = None, **headers: str) -> bytes:
    """`query` is sent in the query string, `body` in a JSON body; None omits it."""
    target = "/graphql" if query is None else f"/graphql?query={quote(query)}"
    content = b"" if body is None else json.dumps({"query": body}).encode()
    lines = [f"{method} {target} HTTP/1.1", "Host: dno.test"]
    if body is not None:
        given = {"content_type": JSON, "content_length": str(len(content))}
        headers = {**given, **headers}
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


PAIRS: Mapping[str, tuple[bytes, bytes]] = {
    "method": (request("POST", SLUG, CITY), request("GET", SLUG, CITY)),
    "query string": (request("GET", SLUG), request("GET", CITY)),
    "query string beside a body": (request("GET", SLUG, CITY), request("GET", CITY, CITY)),
    "long query string": (request("GET", FILLER + SLUG), request("GET", FILLER + CITY)),
    "body": (request("POST", body=SLUG), request("POST", body=CITY)),
    "length of the body": (request("POST", body=SLUG), request("POST", body=SLUG + "x")),
    "long body": (request("POST", body=FILLER + SLUG), request("POST", body=FILLER + CITY)),
    "accept": (request("GET", SLUG, accept=JSON), request("GET", SLUG, accept=GRAPHQL)),
    "accept, not acceptable": (request("GET", SLUG, accept=JSON), request("GET", SLUG, accept="image/png")),
    "content type": (request("POST", body=SLUG), request("POST", body=SLUG, content_type="text/plain")),
    "content encoding": (
        request("POST", body=SLUG, content_encoding="identity"),
        request("POST", body=SLUG, content_encoding="gzip"),
    ),
}


async def assert_cached_separately(settings: Settings, pairs: Mapping[str, tuple[bytes, bytes]]) -> None:
    """Both requests of a pair get their own response, whatever is cached of them."""
    async with (
        running(settings, response_cache=False) as uncached,
        running(settings) as cached,
        wire(uncached.url) as expected,
        wire(cached.url) as connection,
    ):
        for part, pair in pairs.items():
            facts = [_facts(await expected.exchange(one)) for one in pair]
            assert facts[0] != facts[1], part
            for _ in range(2):
                for one, fact in zip(pair, facts, strict=True):
                    # Executed, then from the response cache, then on the fast path.
                    assert [_facts(await connection.exchange(one)) for _ in range(3)] == [fact] * 3, part


def _facts(answer: Response) -> tuple[int, str, Any]:
    document = answer.json
    for error in document.get("errors", ()):
        error.get("extensions", {}).pop("requestId", None)
    return answer.status, answer.headers["content-type"], document


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    return await make.tariff(pool, await make.dno(pool, "netze-a", city="Ulm"), 2025, leistung="58.21")


async def test_requests_that_differ_in_one_part_are_cached_separately(
    settings: Settings, tariff: Tariff
) -> None:
    await assert_cached_separately(settings, PAIRS)


async def _history_by(server_settings: Settings, pool: Pool, tariff: Tariff) -> tuple[str, Headers]:
    _, editor = await issue_key(pool, Role.EDITOR)
    async with running(server_settings) as server:
        correct = (
            "mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { errors { code } } }"
        )
        await server.execute(correct, editor, input={"id": global_id(tariff), "leistung": "60"})
    query = (
        f'{{ node(id: "{global_id(tariff)}") {{ ... on Tariff {{ history(first: 1) {{ changedBy }} }} }} }}'
    )
    return query, editor


async def test_requests_that_differ_in_the_role_are_cached_separately(
    settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    """Names of authors are visible to editors only."""
    query, editor = await _history_by(settings, pool, tariff)
    _, viewer = await issue_key(pool, Role.VIEWER, "reader")
    pair = request("GET", query, **editor), request("GET", query, **viewer)
    await assert_cached_separately(settings, {"role": pair})


async def test_requests_with_and_without_credentials_are_cached_separately(
    settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    """Where reading requires credentials, the response to a VIEWER is not sent to an anonymous caller."""
    _, viewer = await issue_key(pool, Role.VIEWER, "reader")
    closed = msgspec.structs.replace(settings, anonymous_reading=False)
    await assert_cached_separately(
        closed, {"credentials": (request("GET", SLUG, **viewer), request("GET", SLUG))}
    )


# Fragments: the text of one object, cached for all operations that select the same fields of it


async def assert_fragments_cached_separately(
    settings: Settings, queries: Sequence[tuple[str, dict[str, Any]]]
) -> None:
    """Each query twice, with bodies that never repeat, so that only fragments come from a cache."""
    async with running(settings, response_cache=False) as server:
        expected = [await server.execute(query, **variables) for query, variables in queries]
    assert len({json.dumps(answer) for answer in expected}) == len(queries)
    async with running(settings) as server:
        for turn in range(2):
            for (query, variables), answer in zip(queries, expected, strict=True):
                assert await server.execute(query, **variables, undeclared=turn) == answer
        assert any(isinstance(entry.value, bytes) for entry in server.resources.memory._entries.values())


async def test_fragments_that_differ_in_the_value_of_a_variable_are_cached_separately(
    settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    await make.tariff(pool, await make.dno(pool, "netze-b"), 2024, leistung="1.00")
    query = """query ($year: Int!, $kwh: Decimal!) {
      dnos(first: 5) { nodes { slug tariffs(year: $year) {
        year annualCost(consumptionKwh: $kwh, peakLoadKw: "1") { total }
      } } }
    }"""
    usual = {"year": 2025, "kwh": "1000"}
    await assert_fragments_cached_separately(
        settings, [(query, usual), (query, {**usual, "year": 2024}), (query, {**usual, "kwh": "2000"})]
    )


async def test_fragments_that_differ_in_the_record_are_cached_separately(
    settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    await make.dno(pool, "netze-b", city="Jena")
    page = (
        "query ($first: Int!, $after: String) { dnos(first: $first, after: $after) { nodes { slug city } } }"
    )
    async with running(settings) as server:
        page_info = "{ dnos(first: 1) { pageInfo { endCursor } } }"
        after = (await server.execute(page_info))["dnos"]["pageInfo"]["endCursor"]
    await assert_fragments_cached_separately(
        settings, [(page, {"first": 1}), (page, {"first": 1, "after": after}), (page, {"first": 2})]
    )


async def test_fragments_that_differ_in_the_fields_are_cached_separately(
    settings: Settings, tariff: Tariff
) -> None:
    fields = "slug", "city", "city slug", "slug city other: city"
    await assert_fragments_cached_separately(
        settings, [(f"{{ dnos(first: 5) {{ nodes {{ {selection} }} }} }}", {}) for selection in fields]
    )


async def test_plans_that_differ_in_the_value_of_a_condition_are_cached_separately(
    settings: Settings, tariff: Tariff
) -> None:
    query = """query ($shown: Boolean!, $left: Boolean!) {
      dno(slug: "netze-a") { slug city @include(if: $shown) website @skip(if: $left) }
    }"""
    async with running(settings, response_cache=False) as server:
        for shown, left in ((True, True), (False, True), (True, False), (False, False), (True, True)):
            found = (await server.execute(query, shown=shown, left=left))["dno"]
            assert found.keys() == {"slug"} | ({"city"} if shown else set()) | (
                set() if left else {"website"}
            )


async def test_documents_that_differ_in_one_letter_are_cached_separately(
    settings: Settings, tariff: Tariff
) -> None:
    async with running(settings, response_cache=False) as server:
        for _ in range(2):
            assert await server.execute(SLUG) == {"dno": {"slug": "netze-a"}}
            assert await server.execute(SLUG.replace("netze-a", "netze-x")) == {"dno": None}
            assert await server.execute(CITY) == {"dno": {"city": "Ulm"}}


async def test_operations_of_one_document_are_cached_separately(settings: Settings, tariff: Tariff) -> None:
    document = f"query A {SLUG} query B {CITY}"
    async with running(settings) as server, httpx.AsyncClient() as client:
        for _ in range(3):
            for operation, expected in (("A", {"slug": "netze-a"}), ("B", {"city": "Ulm"})):
                body = {"query": document, "operationName": operation}
                answers = [
                    (await client.post(server.url, json=body)).json(),
                    (await client.get(server.url, params=body)).json(),
                ]
                assert [answer["data"] for answer in answers] == [{"dno": expected}] * 2
