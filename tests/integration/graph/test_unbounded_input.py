"""Requests that never repeat take little memory in L1 and evict nothing that other callers use."""

from typing import Any

import httpx
import pytest

from app.cache.responses import MAX_BODY_IN_KEY, body_of
from app.resources import Resources
from tests.integration.graph.graphql_client import error_codes, execute

POPULAR = '{ dno(slug: "netze-a") { slug tariffs(year: 2024) { leistung } } }'
MEGABYTE = "x" * 1_000_000


@pytest.mark.usefixtures("operators")
async def test_large_bodies_are_stored_as_digests(client: httpx.AsyncClient, resources: Resources) -> None:
    for _ in range(2):
        await execute(client, POPULAR)
    before, statements = resources.memory.bytes, resources.pool.statements
    for number in range(60):
        for _ in range(2):
            await execute(client, "{ coverage { totalDnos } }", unused=f"{number}{MEGABYTE}")
    assert resources.memory.bytes - before < 60 * 5000
    needed = resources.pool.statements - statements
    await execute(client, POPULAR)
    assert resources.pool.statements - statements == needed


async def test_undeclared_variables_count_towards_the_limit(
    client: httpx.AsyncClient,
) -> None:
    """A megabyte of empty lists takes fifty in memory for as long as the operation waits."""
    many = [[]] * 2000
    for text in (
        "{ __typename }",
        "query ($a: Int) { __typename @skip(if: false) dnos(first: $a) { totalCount } }",
    ):
        assert await error_codes(client, text, unused=many) == ["LIMIT_EXCEEDED"]
    assert await error_codes(client, "{ __typename }", unused=[1, 2, 3]) == []


async def test_extensions_count_towards_the_limit(client: httpx.AsyncClient) -> None:
    body = {"query": "{ __typename }", "extensions": {"other": [[]] * 2000}}
    assert (await client.post("/graphql", json=body)).json()["errors"][0]["extensions"][
        "code"
    ] == "BAD_USER_INPUT"


@pytest.mark.usefixtures("operators")
async def test_a_digest_is_not_accepted_as_a_body(client: httpx.AsyncClient, resources: Resources) -> None:
    """A request whose body is the digest of a long body does not get the cached response."""
    long = {"query": POPULAR, "variables": {"unused": "x" * MAX_BODY_IN_KEY}}
    request = client.build_request("POST", "/graphql", json=long)
    body = request.read()
    assert (await client.send(request)).json()["data"]["dno"]["slug"] == "netze-a"
    digest = body_of(body)
    assert isinstance(digest, str)
    headers = {"content-type": "application/json"}
    for forged in (digest.encode(), bytes.fromhex(digest)):
        answer = await client.post("/graphql", content=forged, headers=headers)
        assert answer.status_code == 400
    # The same body is answered from L1.
    statements = resources.pool.statements
    assert (await client.post("/graphql", content=body, headers=headers)).status_code == 200
    assert resources.pool.statements == statements


@pytest.mark.usefixtures("operators")
async def test_long_bodies_that_differ_at_their_end_are_cached_separately(client: httpx.AsyncClient) -> None:
    padding = "x" * 2 * MAX_BODY_IN_KEY
    text = "query ($slug: String!) { dno(slug: $slug) { slug } }"
    for slug in ("netze-a", "netze-b", "netze-a"):
        found: Any = await execute(client, text, padding=padding, slug=slug)
        assert found["dno"]["slug"] == slug
