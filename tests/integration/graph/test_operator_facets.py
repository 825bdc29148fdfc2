"""Facets of the list of operators: each count is that of the list with this value, whatever else the filter has."""

from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.price import PriceKind
from tests import factories as make
from tests.integration.graph.graphql_client import execute_with_errors
from tests.integration.graph.running import Running

FACETS = {
    "byRegion": ("region", "region"),
    "byYear": ("year", "hasDataForYear"),
    "byVoltageLevel": ("voltageLevel", "voltageLevel"),
    "byVerificationStatus": ("verificationStatus", "verificationStatus"),
    "byDataType": ("dataType", "dataTypes"),
    "byPriceKind": ("priceKind", "priceKinds"),
}
LISTS = ("dataTypes", "priceKinds")
FIELDS = " ".join(f"{name} {{ {field} dnos }}" for name, (field, _) in FACETS.items())
QUERY = f"query ($filter: DnoFilter) {{ dnos(first: 1, filter: $filter) {{ facets {{ {FIELDS} }} }} }}"
COUNT = "query ($filter: DnoFilter) { dnos(first: 1, filter: $filter) { totalCount } }"
FILTERS: list[dict[str, Any]] = [
    {},
    {"region": "Bayern"},
    {"search": "netze"},
    {"hasDataForYear": 2025},
    {"voltageLevel": "MS"},
    {"verificationStatus": "VERIFIED", "hasDataForYear": 2026},
    {"dataTypes": ["HLZF"], "region": "Hessen"},
    {"dataTypes": ["NETZENTGELTE", "HLZF"], "hasDataForYear": 2025, "voltageLevel": "MS"},
    {"priceKinds": ["SLP_ARBEITSPREIS"], "search": "netze b"},
    {"closedNetwork": False, "transmission": False, "dataTypes": []},
    {"hasDataForYear": 1999},
]


@pytest.fixture
async def figures(pool: Pool) -> None:
    regions = ("Bayern", "BAYERN", "Hessen", None)
    a, b, c, _ = [
        await make.dno(pool, f"netze-{letter}", name=f"Netze {letter}", region=region)
        for letter, region in zip("abcd", regions, strict=True)
    ]
    await make.tariff(pool, a, 2025, VoltageLevel.MS)
    await make.hlzf(pool, a, 2025, VoltageLevel.MS, Season.WINTER)
    await make.tariff(pool, b, 2025, VoltageLevel.NS)
    await make.tariff(pool, b, 2024, VoltageLevel.MS, verification_status="flagged")
    await make.price(pool, b, 2025, PriceKind.SLP_ARBEITSPREIS, voltage_level="NS")
    await make.hlzf(pool, c, 2026, VoltageLevel.HS, Season.WINTER)
    await make.time_of_use(pool, c, 2026, verification_status="verified")


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize("wanted", FILTERS, ids=str)
async def test_each_count_is_the_number_of_operators_with_that_value(
    server: Running, wanted: dict[str, Any]
) -> None:
    await server.delivered()
    found = (await server.execute(QUERY, filter=wanted))["dnos"]["facets"]
    assert [len(found[name]) for name in ("byRegion", "byYear", "byVoltageLevel")] == [2, 3, 7]
    for name, (field, argument) in FACETS.items():
        for row in found[name]:
            value = [*wanted.get(argument, []), row[field]] if argument in LISTS else row[field]
            listed = await server.execute(COUNT, filter={**wanted, argument: value})
            assert listed["dnos"]["totalCount"] == row["dnos"], (name, row)


@pytest.mark.parametrize("kind", ["HOLIDAY_RULE", "LEVY"])
async def test_a_kind_of_which_it_is_not_known_which_operators_have_some_is_refused(
    client: httpx.AsyncClient, pool: Pool, kind: str
) -> None:
    await make.holiday_rule(pool, await make.dno(pool))
    refused = await execute_with_errors(client, COUNT, filter={"dataTypes": ["HLZF", kind]})
    (error,) = refused["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["argument"] == "dataTypes"


@pytest.mark.usefixtures("figures")
async def test_counts_follow_a_new_figure_and_a_new_operator_at_once(server: Running, pool: Pool) -> None:
    await server.delivered()

    async def held(kind: str) -> int:
        found = (await server.execute(QUERY))["dnos"]["facets"]["byDataType"]
        return next(int(row["dnos"]) for row in found if row["dataType"] == kind)

    assert [await held("HLZF") for _ in range(3)] == [2, 2, 2]
    dno = await make.dno(pool, "aaa", name="Aaa")  # the first of the directory
    await make.hlzf(pool, dno, 2025, VoltageLevel.NS, Season.WINTER)
    await server.delivered()
    assert await held("HLZF") == 3
    await pool.fetch("UPDATE dnos SET name = 'Zzz' WHERE id = $1", dno.id)
    await server.delivered()
    assert await held("HLZF") == 3
    assert (await server.execute(COUNT, filter={"search": "zzz", "dataTypes": ["HLZF"]}))["dnos"][
        "totalCount"
    ] == 1


@pytest.mark.usefixtures("figures")
async def test_facets_of_records_in_memory_take_no_statement(server: Running) -> None:
    await server.delivered()
    await server.execute(QUERY)
    before = server.resources.pool.statements
    for wanted in FILTERS[:-1]:
        await server.execute(QUERY, filter={**wanted, "hasDataForYear": 2025})
    assert server.resources.pool.statements == before


async def test_pages_of_a_list_by_number_are_those_by_cursor(server: Running, pool: Pool) -> None:
    for number in range(7):
        await make.dno(pool, f"netze-{number}")
    page = """query ($offset: Int, $after: String) { dnos(first: 3, offset: $offset, after: $after) {
        offset totalCount nodes { slug } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
    after = None
    for offset, more in ((0, True), (3, True), (6, False)):
        by_number = (await server.execute(page, offset=offset))["dnos"]
        assert (by_number["offset"], by_number["totalCount"]) == (offset, 7)
        assert by_number["pageInfo"]["hasNextPage"] is more
        assert by_number["pageInfo"]["hasPreviousPage"] is (offset > 0)
        assert (await server.execute(page, after=after))["dnos"] == by_number
        after = by_number["pageInfo"]["endCursor"]
    beyond = (await server.execute(page, offset=9))["dnos"]
    assert (beyond["nodes"], beyond["offset"]) == ([], 7)
    assert beyond["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": True, "endCursor": None}
    async with httpx.AsyncClient() as client:
        for outside in (-1, 1_000_001):
            body = {"query": page, "variables": {"offset": outside}}
            answer = (await client.post(server.url, json=body)).json()
            assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
