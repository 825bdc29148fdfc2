"""Requests leave no reference cycles, whose collection would stop the process."""

import gc
from collections import Counter
from typing import Any

import httpx
import pytest
from graphql import Node, Token

from app.resources import Resources
from schema.context import Context
from schema.execution.documents import Operation
from tests.integration.graph.graphql_client import client_of

QUERY = "{ dnos(first: 3) { nodes { slug tariffs(year: 2025) { leistung } hlzf(year: 2025) { season } } } }"


@pytest.mark.usefixtures("operators")
async def test_a_request_leaves_no_reference_cycles(resources: Resources) -> None:
    async with client_of(resources, response_cache=False, entity_cache=False) as client:
        for number in range(20):
            await _query(client, number)
        gc.collect()
        # Held, so that what a task of an earlier test leaves when it ends meanwhile is not taken for these requests'.
        earlier = [one for one in gc.get_objects() if _is_ours(one)]
        gc.disable()
        try:
            for number in range(50):
                await _query(client, number)
            before = {id(cyclic) for cyclic in gc.garbage}
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            ours = [
                type(cyclic).__name__
                for cyclic in gc.garbage
                if id(cyclic) not in before and _is_ours(cyclic)
            ]
        finally:
            earlier.clear()
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert ours == []


def _is_ours(thing: object) -> bool:
    return type(thing).__module__.startswith(("app.", "schema.", "loaders."))


async def _query(client: httpx.AsyncClient, number: int) -> None:
    response = await client.post("/graphql", json={"query": QUERY, "extensions": {"number": number}})
    assert response.status_code == 200


# Ways a document is processed, each with a text that never repeats.
DOCUMENTS = {
    "plan": "query A%d { dnos(first: 3) { nodes { slug tariffs(year: 2025) { leistung } } } }",
    "plan with variables": (
        "query A%d($year: Int, $skip: Boolean = false) { dnos(first: 3) { nodes { slug ...F } } } "
        "fragment F on Dno { tariffs(year: $year) @skip(if: $skip) { leistung } }"
    ),
    "executor": "query A%d { __schema { queryType { name } } dnos(first: 3) { nodes { slug } } }",
    "error of the executor": 'query A%d { dnos(first: 3, after: "nonsense") { nodes { slug } } }',
    "mutation": 'mutation A%d { signIn(input: {email: "unknown", password: "x"}) { errors { code } } }',
    "no document": "{ dnos(first: 3) { nodes { slug%d ] } }",
    "too many tokens": "query A%d { coverage { totalEntries } } " + "#\n" * 1990,
    "over a limit": "query A%d { " + "coverage { totalEntries } " * 60 + "}",
    "invalid": "query A%d($unused: Int) { dnos(first: 3) { nodes { nothing } } }",
    "more validation errors than are listed": "query A%d { dnos { "
    + " ".join(f"n{i}" for i in range(99))
    + " } }",
    "a fragment within itself": "query A%d { ...F } fragment F on Query { ...F }",
    "wrong variables": "query A%d($year: Int!) { dnos(first: 3) { nodes { tariffs(year: $year) { leistung } } } }",
    "no such operation": "query A%d { __typename } query B { __typename }",
}


@pytest.mark.usefixtures("operators")
async def test_dropped_documents_are_freed_at_once(resources: Resources) -> None:
    """No node or token of a document stays in memory until a collection, whatever the outcome."""
    changed = {"response_cache": False, "max_cached_documents": 1, "limit_tokens": 2000}
    async with client_of(resources, **changed) as client:
        for outcome, text in DOCUMENTS.items():
            for number in range(3):
                await _send(client, text % number)
            gc.collect()
            gc.disable()
            try:
                before = _nodes()
                for number in range(3, 9):
                    await _send(client, text % number)
                assert _nodes() == before, outcome
            finally:
                gc.enable()


def _nodes() -> int:
    return sum(isinstance(thing, Node | Token) for thing in gc.get_objects())


async def _send(client: httpx.AsyncClient, text: str) -> Any:
    return (await client.post("/graphql", json={"query": text})).json()


async def test_a_refused_request_leaves_no_frames(resources: Resources) -> None:
    """A traceback referenced by its own frames would keep the request's body in memory until a collection."""
    async with client_of(resources, response_cache=False, max_batch_operations=3) as client:
        await _refusals(client)
        gc.collect()
        gc.disable()
        try:
            before = _held()
            for _ in range(3):
                await _refusals(client)
            # Operations of background jobs at this moment: as few after many requests as after one.
            assert {name: count for name, count in (_held() - before).items() if count > 2} == {}
        finally:
            gc.enable()


async def _refusals(client: httpx.AsyncClient) -> None:
    for content, kind in (
        (b"{", "application/json"),
        (b"", "application/json"),
        (b"{}", "text/plain"),
        (b'[{"query": "{ __typename }"}, {"query": "{"}, {}]', "application/json"),
        (b'{"query": "mutation { signOut { ok } }"}', "text/plain"),
        (b'{"query": "{ viewer { id } }", "documentId": "x"}', "application/json"),
        (b'{"query": "subscription { dataChanged { __typename } }"}', "application/json"),
    ):
        await client.post("/graphql", content=content, headers={"content-type": kind})
    await client.delete("/graphql")
    await client.get("/nothing")
    await client.get("/api/v1/dnos/nothing/2025")
    await client.get("/api/v1/dnos/nothing/999")


def _held() -> Counter[str]:
    """Exceptions that have been raised, and contexts of operations."""
    return Counter(
        type(thing).__name__
        for thing in gc.get_objects()
        if (isinstance(thing, BaseException) and thing.__traceback__ is not None)
        or isinstance(thing, Context | Operation)
    )
