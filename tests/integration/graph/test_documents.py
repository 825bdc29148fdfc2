"""Documents are parsed once; the operations of a batch are executed and charged separately."""

import asyncio
from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.resources import Resources
from app.settings import Settings
from schema.execution import document_cache
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import RejectedDocument
from schema.root import schema
from tests.integration.graph.graphql_client import client_of, error_codes
from tests.integration.graph.running import running
from tests.waiting import COUNTED


def record_parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    parsed: list[str] = []

    def parse(text: str, **options: Any) -> Any:
        parsed.append(text)
        return documents_parse(text, **options)

    documents_parse = document_cache.parse
    monkeypatch.setattr(document_cache, "parse", parse)
    return parsed


def test_a_document_is_parsed_once_whether_valid_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, documents_cache = record_parsed(monkeypatch), DocumentCache(schema, Settings())
    assert documents_cache.get("{ __typename }") is documents_cache.get("{ __typename }")
    for _ in range(2):
        with pytest.raises(RejectedDocument):
            documents_cache.get("{ nothing }")
    assert parsed == ["{ __typename }", "{ nothing }"]


def test_cached_documents_are_bounded_by_number_and_by_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, documents_cache = (
        record_parsed(monkeypatch),
        DocumentCache(schema, Settings(max_cached_documents=2)),
    )
    for text in ("{ a: __typename }", "{ b: __typename }", "{ a: __typename }", "{ c: __typename }"):
        documents_cache.get(text)
    documents_cache.get("{ a: __typename }")  # most recently used
    assert len(parsed) == 3
    documents_cache.get("{ b: __typename }")
    assert len(parsed) == 4
    small = DocumentCache(schema, Settings(max_cached_document_letters=1000))
    for number in range(500):
        small.get(f"{{ a{number}: __typename }}")
    assert sum(map(len, small._entries)) == small._characters <= 1000


async def test_the_named_operation_is_executed(client: httpx.AsyncClient) -> None:
    text = "query A { a: __typename } query B { b: __typename }"
    for name, data in (("A", {"a": "Query"}), ("B", {"b": "Query"})):
        response = await client.post("/graphql", json={"query": text, "operationName": name})
        assert response.json()["data"] == data
    assert await error_codes(client, text) == ["OPERATION_RESOLUTION_FAILURE"]
    response = await client.post("/graphql", json={"query": text, "operationName": "C"})
    assert response.json()["errors"][0]["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"


async def test_a_batch_is_answered_in_order_and_a_refusal_affects_one_operation_only(
    resources: Resources,
) -> None:
    batch = [{"query": "{ a: __typename }"}, {"query": "{ nothing }"}, {"query": "{", "operationName": "x"}, {"query": "{ b: __typename }"}]  # fmt: skip
    async with client_of(resources, max_batch_operations=4) as client:
        response = await client.post("/graphql", json=batch)
    first, second, third, fourth = response.json()
    assert (response.status_code, first["data"], fourth["data"]) == (200, {"a": "Query"}, {"b": "Query"})
    assert second["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert third["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


async def test_each_operation_of_a_batch_counts_as_a_request(settings: Settings, pool: Pool) -> None:
    batch = [{"query": "{ __typename }"}] * 5
    async with (
        running(settings, max_batch_operations=5, rate_limit_anonymous=12, **COUNTED) as server,
        httpx.AsyncClient() as client,
    ):
        remaining = []
        for _ in range(3):
            response = await client.post(server.url, json=batch)
            remaining.append((response.status_code, response.headers["ratelimit"].split(";")[1]))
    assert remaining[:2] == [(200, "r=7"), (200, "r=2")]
    assert remaining[2][0] == 429


async def test_concurrent_executions_of_one_plan_are_independent(
    client: httpx.AsyncClient, operators: list[Any]
) -> None:
    """Plans are shared between requests: state of one execution must not be visible in another."""
    query = "query ($slug: String!) { dno(slug: $slug) { slug tariffs { year } } }"
    slugs = [dno.slug for dno in operators] * 10
    answers = await asyncio.gather(
        *(client.post("/graphql", json={"query": query, "variables": {"slug": slug}}) for slug in slugs)
    )
    assert [answer.json()["data"]["dno"]["slug"] for answer in answers] == slugs
