"""Documents are read once; several may come together where that is allowed, each at its own price."""

import asyncio
from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.resources import Resources
from app.settings import Settings
from schema.execution import documents
from schema.execution.documents import Documents, RejectedDocument
from schema.root import schema
from tests.integration.graph.graphql_client import client_of, error_codes
from tests.integration.graph.running import running
from tests.waiting import COUNTED


def counting_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []

    def parse(text: str, **options: Any) -> Any:
        read.append(text)
        return documents_parse(text, **options)

    documents_parse = documents.parse
    monkeypatch.setattr(documents, "parse", parse)
    return read


def test_a_document_is_read_once_whether_good_or_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    read, known = counting_reads(monkeypatch), Documents(schema, Settings())
    assert known.get("{ __typename }") is known.get("{ __typename }")
    for _ in range(2):
        with pytest.raises(RejectedDocument):
            known.get("{ nothing }")
    assert read == ["{ __typename }", "{ nothing }"]


def test_what_is_kept_of_them_is_bounded_by_number_and_by_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    read, known = counting_reads(monkeypatch), Documents(schema, Settings(max_cached_documents=2))
    for text in ("{ a: __typename }", "{ b: __typename }", "{ a: __typename }", "{ c: __typename }"):
        known.get(text)
    known.get("{ a: __typename }")  # was used since
    assert len(read) == 3
    known.get("{ b: __typename }")
    assert len(read) == 4
    small = Documents(schema, Settings(max_cached_document_letters=1000))
    for number in range(500):
        small.get(f"{{ a{number}: __typename }}")
    assert sum(map(len, small._known)) == small._letters <= 1000


async def test_the_operation_that_is_named_is_executed(client: httpx.AsyncClient) -> None:
    text = "query A { a: __typename } query B { b: __typename }"
    for name, data in (("A", {"a": "Query"}), ("B", {"b": "Query"})):
        response = await client.post("/graphql", json={"query": text, "operationName": name})
        assert response.json()["data"] == data
    assert await error_codes(client, text) == ["OPERATION_RESOLUTION_FAILURE"]
    response = await client.post("/graphql", json={"query": text, "operationName": "C"})
    assert response.json()["errors"][0]["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"


async def test_a_batch_is_answered_in_order_and_one_refusal_is_its_own(resources: Resources) -> None:
    asked = [{"query": "{ a: __typename }"}, {"query": "{ nothing }"}, {"query": "{", "operationName": "x"}, {"query": "{ b: __typename }"}]  # fmt: skip
    async with client_of(resources, max_batch_operations=4) as client:
        response = await client.post("/graphql", json=asked)
    first, second, third, fourth = response.json()
    assert (response.status_code, first["data"], fourth["data"]) == (200, {"a": "Query"}, {"b": "Query"})
    assert second["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert third["errors"][0]["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


async def test_each_operation_of_a_batch_counts_as_a_request(settings: Settings, pool: Pool) -> None:
    asked = [{"query": "{ __typename }"}] * 5
    async with (
        running(settings, max_batch_operations=5, rate_limit_anonymous=12, **COUNTED) as server,
        httpx.AsyncClient() as client,
    ):
        left = []
        for _ in range(3):
            response = await client.post(server.url, json=asked)
            left.append((response.status_code, response.headers["ratelimit"].split(";")[1]))
    assert left[:2] == [(200, "r=7"), (200, "r=2")]
    assert left[2][0] == 429


async def test_one_person_may_ask_the_same_at_once_without_harm(
    client: httpx.AsyncClient, operators: list[Any]
) -> None:
    """Plans are shared by all who ask: what one run writes down must not show in another's."""
    query = "query ($slug: String!) { dno(slug: $slug) { slug tariffs { year } } }"
    slugs = [dno.slug for dno in operators] * 10
    answers = await asyncio.gather(
        *(client.post("/graphql", json={"query": query, "variables": {"slug": slug}}) for slug in slugs)
    )
    assert [answer.json()["data"]["dno"]["slug"] for answer in answers] == slugs
