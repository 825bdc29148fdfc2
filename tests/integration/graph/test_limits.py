"""Limits of documents and of the estimated cost: refused before execution, with the name of the limit."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import (
    build_client_schema,
    build_schema,
    get_introspection_query,
    is_scalar_type,
    is_specified_scalar_type,
)

import tests.integration.graph.test_work_limits
from app.limits import work_budget
from app.limits.rate_limiter.limiter import RateLimiter
from app.resources import Resources
from app.settings import Settings
from schema.execution.cost import Estimate
from schema.execution.document_cache import DocumentCache
from schema.root import schema
from tests.integration.graph.graphql_client import client_of, execute, execute_with_errors

NESTED = '{ dno(slug: "a") { tariffs { dno { tariffs { year } } } } }'


@pytest.mark.parametrize(
    ("setting", "maximum", "document"),
    [
        ("limit_document_letters", 30, "{ coverage { totalEntries } } # and more than thirty"),
        ("limit_tokens", 10, "{ coverage { __typename __typename __typename __typename __typename __typename } }"),
        ("limit_operations", 2, "query A { __typename } query B { __typename } query C { __typename }"),
        (
            "limit_fragments",
            1,
            "{ ...A ...B } fragment A on Query { __typename } fragment B on Query { __typename }",
        ),
        ("limit_depth", 3, NESTED),
        ("limit_depth", 3, "{ ...A } fragment A on Query { dno(slug: \"a\") { tariffs { dno { name } } } }"),
        ("limit_fields", 3, "{ coverage { __typename a: __typename b: __typename } }"),
        ("limit_fields", 3, "{ ...A ...A ...A ...A } fragment A on Query { __typename }"),
        ("limit_fields", 3, "query A { __typename ...F } query B { __typename ...F } fragment F on Query { a: __typename }"),
        ("limit_aliases", 2, "{ a: __typename b: __typename c: __typename }"),
        ("limit_root_fields", 2, "{ a: __typename ... { b: __typename ... { c: __typename } } }"),
        ("limit_directives", 2, "{ a: __typename @skip(if: false) b: __typename @skip(if: false) @include(if: true) }"),
        ("limit_directives", 2, "query ($a: Boolean @a @b @c) { __typename @skip(if: $a) }"),
        ("limit_arguments", 2, "{ dnos(first: 1, after: null, last: 2) { totalCount } }"),
        ("limit_arguments", 2, "query @a(b: 1, c: 2, d: 3) { __typename }"),
        ("limit_variables", 2, "query ($a: Int, $b: Int, $c: Int) { __typename }"),
        ("limit_repeats", 3, "{ coverage { __typename } " + "coverage { __typename } " * 3 + "}"),
        ("limit_repeats", 3, "{ a: coverage { __typename __typename } a: coverage { __typename __typename } }"),
        ("limit_cost", 20, "{ dnos(first: 20) { nodes { years } } }"),
    ],
)  # fmt: skip
async def test_each_limit_is_a_setting_and_named_in_the_error(
    resources: Resources, setting: str, maximum: int, document: str
) -> None:
    async with client_of(resources, **{setting: maximum}) as client:
        response = await execute_with_errors(client, document)
    assert "data" not in response
    (error,) = response["errors"]
    extensions = error["extensions"]
    assert (extensions["code"], extensions["limit"], extensions["maximum"]) == (
        "LIMIT_EXCEEDED",
        setting.upper(),
        maximum,
    )
    assert str(maximum) in error["message"]


async def test_the_values_of_all_variables_are_counted_before_they_are_converted(
    client: httpx.AsyncClient,
) -> None:
    query = "query ($ids: [ID!]!, $filter: DnoFilter) { nodes(ids: $ids) { id } dnos(filter: $filter) { totalCount } }"
    for variables in ({"ids": ["x"] * 1001}, {"ids": [], "filter": {f"a{n}": n for n in range(1001)}}):
        (error,) = (await execute_with_errors(client, query, **variables))["errors"]
        assert error["extensions"] == {
            "code": "LIMIT_EXCEEDED",
            "limit": "LIMIT_VARIABLE_VALUES",
            "maximum": 1000,
        }


NEGATIVE = -(2**31)
COSTS: list[tuple[str, dict[str, Any], int]] = [
    # Ten values cost as much as one object, rounded up.
    ("{ __typename }", {}, 1),
    ("{ coverage { totalEntries } }", {}, 2),
    ("{ coverage { " + " ".join(f"a{n}: totalEntries" for n in range(10)) + " } }", {}, 2),
    ("{ coverage { " + " ".join(f"a{n}: totalEntries" for n in range(11)) + " } }", {}, 3),
    ('{ dno(slug: "a") { name } }', {}, 2),
    # A connection, and as many operators as requested.
    ("{ dnos(first: 7) { nodes { name } } }", {}, 9),
    ("{ dnos { nodes { name } } }", {}, 56),
    ("{ dnos(first: null) { nodes { name } } }", {}, 56),
    ("query ($n: Int) { dnos(first: $n) { nodes { name } } }", {"n": 9}, 11),
    ("query ($n: Int = 3) { dnos(first: $n) { nodes { name } } }", {}, 5),
    ("query ($n: Int) { dnos(first: $n) { nodes { name } } }", {}, 56),
    ("{ dnos(first: 2) { edges { node { name } } nodes { name } pageInfo { hasNextPage } } }", {}, 9),
    # Nested lists multiply; a list without `first` has its usual length.
    ("{ dnos(first: 2) { nodes { tariffs { year } } } }", {}, 1 + 2 * (1 + 11)),
    ("{ dnos(first: 2) { nodes { tariffs(year: 2025) { year } } } }", {}, 14),
    ("query ($y: Int) { dnos(first: 2) { nodes { tariffs(year: $y) { year } } } }", {"y": 2025}, 14),
    ("query ($y: Int) { dnos(first: 2) { nodes { tariffs(year: $y) { year } } } }", {"y": None}, 25),
    # Negative numbers do not make an operation cheaper, wherever they occur.
    (f"{{ dnos(first: {NEGATIVE}) {{ nodes {{ name }} }} }}", {}, 1),
    (f"{{ dnos(first: {NEGATIVE}) {{ nodes {{ name }} }} coverage {{ totalDnos }} }}", {}, 3),
    (f"query ($n: Int = {NEGATIVE}) {{ dnos(first: $n) {{ nodes {{ name }} }} coverage {{ totalDnos }} }}", {}, 3),
    ("query ($n: Int) { dnos(first: $n) { nodes { name } } coverage { totalDnos } }", {"n": NEGATIVE}, 3),
    (f'{{ node(id: "x") {{ ... on Tariff {{ history(first: {NEGATIVE}) {{ id }} }} }} }}', {}, 1),
    (f'{{ dnos(first: 3) {{ nodes {{ tariffs {{ history(first: {NEGATIVE}) {{ id }} }} }} }} }}', {}, 34),
    # One id is a list of one, even if it is a number.
    ("{ nodes(ids: 2000000000) { id } }", {}, 2),
    ("{ nodes(ids: -2000000000) { id } }", {}, 2),
    (f"{{ nodes(ids: {'9' * 90}) {{ id }} }}", {}, 2),
    # Repetitions and aliases count.
    ("{ a: coverage { totalEntries } b: coverage { totalEntries } }", {}, 3),
    ("{ ...A ...B } fragment A on Query { a: coverage { totalEntries } } fragment B on Query { ...A ...A }", {}, 4),
    ("{ ... on Query { ... { dnos(first: 4) { ... on DnoConnection { nodes { name } } } } } }", {}, 6),
    ("{ dnos(first: 4) { ...P } } fragment P on DnoConnection { nodes { name } }", {}, 6),
    ('{ nodes(ids: ["a", "b", "c"]) { id } }', {}, 4),
    ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a", "b"]}, 3),
    # A search costs more than its results.
    ('{ searchDnos(query: "a", first: 4) { score } }', {}, 205),
    ('{ dnos(first: 1, filter: {search: "a"}) { totalCount } }', {}, 52),
    ('{ naturalQuery(query: "a") { answer } }', {}, 202),
    # Introspection counts, too.
    ("{ __schema { types { name fields { name } } } }", {}, 122),
    ('{ __type(name: "Dno") { name } }', {}, 2),
]  # fmt: skip


@pytest.mark.parametrize(("document", "variables", "cost"), COSTS)
async def test_the_cost_of_an_operation_is_returned_with_the_remaining_budget(
    client: httpx.AsyncClient, document: str, variables: dict[str, Any], cost: int
) -> None:
    cost_report = (await execute_with_errors(client, document, **variables))["extensions"]["cost"]
    assert cost_report == {"requested": cost, "remaining": 25_000 - cost, "maximum": 25_000}


async def test_an_operation_over_the_cost_limit_is_refused_with_its_cost(client: httpx.AsyncClient) -> None:
    """The size of a page multiplies the cost of its fields; the largest possible number has no side effect."""
    query = "query ($n: Int!) { dnos(first: $n) { nodes { tariffs { dno { tariffs { year } } } } } }"
    for first in (200, 2**31 - 1):
        (error,) = (await execute_with_errors(client, query, n=first))["errors"]
        extensions = error["extensions"]
        assert (extensions["code"], extensions["limit"]) == ("LIMIT_EXCEEDED", "LIMIT_COST")
        assert extensions["cost"]["requested"] > extensions["cost"]["maximum"] == 25_000
        assert "`first`" in error["message"]


async def test_an_expensive_query_counts_as_several_requests(resources: Resources) -> None:
    limiter: RateLimiter = resources.limiter
    limiter.anonymous.__init__("anonymous", 60, 3600)  # type: ignore[misc]
    async with client_of(resources) as client:
        cheap = await client.post("/graphql", json={"query": "{ __typename }"})
        expensive = await client.post(
            "/graphql", json={"query": "{ dnos(first: 100) { nodes { tariffs { dno { name } } } } }"}
        )
    left = [int(each.headers["ratelimit"].split(";")[1].removeprefix("r=")) for each in (cheap, expensive)]
    # 2301 units count as three requests of 1000.
    assert (left[0] < 60, left[0] - left[1]) == (True, 3)


# As GraphiQL, code generators, Rover and Relay's tools send it: with all that newer versions of the specification have.
FULL_INTROSPECTION = get_introspection_query(
    descriptions=True,
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
    one_of=True,
)


def _introspection(depth: int) -> str:
    """With so many levels of `ofType`."""
    fragment = "fragment TypeRef on __Type {"
    head, usual = FULL_INTROSPECTION.split(fragment)
    assert usual.count("ofType") == 9
    return f"{head}{fragment} kind name {'ofType { kind name ' * depth}{'}' * depth} }}"


async def test_the_usual_introspection_is_within_all_limits(client: httpx.AsyncClient) -> None:
    found = build_client_schema(await execute(client, FULL_INTROSPECTION))
    assert "Tariff" in found.type_map
    for type in found.type_map.values():
        if is_scalar_type(type) and not is_specified_scalar_type(type):
            assert (type.specified_by_url or "").startswith("https://"), type


async def test_the_usual_introspection_costs_what_is_documented(client: httpx.AsyncClient) -> None:
    """Front ends plan with it. It is that of the document alone, so a growing schema never exceeds the limit."""
    response = await client.post("/graphql", json={"query": FULL_INTROSPECTION})
    requested = response.json()["extensions"]["cost"]["requested"]
    operation = DocumentCache(schema, Settings()).operation(FULL_INTROSPECTION, None)
    small = build_schema("type Query { a: Int }")
    assert Estimate(small, operation.node, operation.document.fragments).of({}) == requested
    page = (Path(__file__).parents[3] / "docs" / "limits.md").read_text()
    (documented,) = re.findall(r"clients send it costs about ([\d,]+)\.", page)
    assert int(documented.replace(",", "")) == round(requested, -3)
    (nested,) = re.findall(r"`ofType` may be nested (\d+) times", page)
    for depth, refused in ((int(nested), False), (int(nested) + 1, True)):
        response = await client.post("/graphql", json={"query": _introspection(depth)})
        assert ("LIMIT_COST" in response.text) is refused, depth


async def test_some_introspections_count_as_one_request_each_and_further_ones_by_their_cost(
    resources: Resources,
) -> None:
    resources.limiter.anonymous.__init__("anonymous", 60, 3600)  # type: ignore[misc]

    async def remaining(client: httpx.AsyncClient, number: int) -> int:
        document = FULL_INTROSPECTION.replace("IntrospectionQuery", f"Introspection{number}")
        response = await client.post("/graphql", json={"query": document})
        assert "errors" not in response.json()
        return int(re.findall(r"r=(\d+);", response.headers["ratelimit"])[0])

    async with client_of(resources, max_introspections=2) as client:
        assert [await remaining(client, number) for number in (1, 2)] == [59, 58]
        assert await remaining(client, 2) == 57  # from the cache
        assert await remaining(client, 3) < 45


async def test_introspection_with_data_counts_by_its_cost_and_aliases_are_limited(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_budget, "SECONDS_PER_UNIT", 1.0)  # CPU time depends on the machine
    resources.limiter.anonymous.__init__("anonymous", 60, 3600)  # type: ignore[misc]
    types = "types { fields { args { name } } }"
    async with client_of(resources) as client:
        mixed = await client.post(
            "/graphql", json={"query": f"{{ __schema {{ {types} }} coverage {{ totalDnos }} }}"}
        )
        assert mixed.headers["ratelimit"].startswith('"anonymous";r=58;')
        aliases = " ".join(f"a{number}: __schema {{ {types} }}" for number in range(100))
        (error,) = (await execute_with_errors(client, f"{{ {aliases} }}"))["errors"]
    assert error["extensions"]["limit"] == "LIMIT_ALIASES"


async def test_without_introspection_neither_the_schema_nor_suggestions_are_returned(
    resources: Resources,
) -> None:
    queries = [
        "{ __schema { types { name } } }",
        '{ __type(name: "Dno") { name } }',
        "{ dnoz { nodes { id } } }",
        '{ dno(slugg: "a") { name } }',
        '{ dno(slug: "a") { naem } }',
        "{ dnos(orderBy: NAMED) { totalCount } }",
        "query ($f: DnoFilterr) { dnos(filter: $f) { totalCount } }",
        '{ dnos(filter: {regio: "a"}) { totalCount } }',
    ]
    async with client_of(resources, introspection=False) as client:
        texts = [(await client.post("/graphql", json={"query": query})).text for query in queries]
        variables = {
            "query": "query ($f: DnoFilter) { dnos(filter: $f) { totalCount } }",
            "variables": {"f": {"regio": 1}},
        }
        texts.append((await client.post("/graphql", json=variables)).text)
    for text in texts:
        assert "errors" in text
        assert "Did you mean" not in text
    assert "Did you mean" in (await _with_introspection(resources, queries[2]))


async def _with_introspection(resources: Resources, query: str) -> str:
    async with client_of(resources) as client:
        return (await client.post("/graphql", json={"query": query})).text


def test_every_limit_of_the_settings_is_tested_here() -> None:
    """A new limit needs a test."""
    marks: Any = test_each_limit_is_a_setting_and_named_in_the_error
    tested = {row[0] for row in marks.pytestmark[0].args[1]} | {"limit_variable_values"}
    tested |= {row[0] for row in tests.integration.graph.test_work_limits.LIMITS}
    tested |= {"limit_export_bytes", "limit_export_cpu_time"}  # in tests/integration/exports
    assert tested == {name for name in Settings.__struct_fields__ if name.startswith("limit_")}
