"""Every query field on real data: results, refusals, and the number of statements and round trips."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from app.db.pool import Pool
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.observability.metrics import STATEMENTS
from app.resources import Resources, open_resources
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.graphql_client import client_of, error_codes, execute, execute_with_errors
from tests.waiting import CACHING, until, until_delivered

MS, NS = VoltageLevel.MS, VoltageLevel.NS


@pytest.fixture
async def netze_a(pool: Pool) -> Dno:
    dno = await make.dno(
        pool,
        "netze-a",
        name="Netze A",
        official_name="Netze A GmbH",
        city="Ulm",
        postal_code="89073",
        website="https://example.org",
        mastr_nr="SNB900000000001",
        bdew_code="9900000000001",
        connection_points_ns=12,
        connection_points_ms=3,
        capacity_mw_total=10,
    )
    await make.tariff(pool, dno, 2025, MS, source_url="https://example.org/sheet.pdf", source_title="Sheet")
    await make.tariff(pool, dno, 2025, NS, leistung=None)
    await make.tariff(pool, dno, 2024, MS, verification_status="verified")
    await make.hlzf(pool, dno, 2025, MS, Season.WINTER, windows="07:30-13:00, 22:00-24:00")
    await make.hlzf(pool, dno, 2025, MS, Season.SUMMER, windows="")
    await make.time_of_use(pool, dno, 2026)
    return dno


# One operator


async def test_an_operator_with_all_its_fields(client: httpx.AsyncClient, netze_a: Dno) -> None:
    data = await execute(
        client,
        """{ dno(slug: "netze-a") {
            __typename slug name officialName region city postalCode website mastrNr bdewCode acerCode
            transmission closedNetwork years
            statistics { connectionPoints connectionPointsByLevel { voltageLevel count } capacityMw solarMw }
        } }""",
    )
    assert data["dno"] == {
        "__typename": "Dno",
        "slug": "netze-a",
        "name": "Netze A",
        "officialName": "Netze A GmbH",
        "region": "Bayern",
        "city": "Ulm",
        "postalCode": "89073",
        "website": "https://example.org",
        "mastrNr": "SNB900000000001",
        "bdewCode": "9900000000001",
        "acerCode": None,
        "transmission": False,
        "closedNetwork": False,
        "years": [2026, 2025, 2024],
        "statistics": {
            "connectionPoints": 15,
            "connectionPointsByLevel": [
                {"voltageLevel": "MS", "count": 3},
                {"voltageLevel": "NS", "count": 12},
            ],
            "capacityMw": data["dno"]["statistics"]["capacityMw"],
            "solarMw": None,
        },
    }
    assert float(data["dno"]["statistics"]["capacityMw"]) == 10


async def test_the_entries_of_an_operator_by_year_level_and_season(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    data = await execute(
        client,
        """{ dno(slug: "netze-a") {
            all: tariffs { year voltageLevel }
            one: tariffs(year: 2025, voltageLevel: NS) { leistung arbeit }
            tariff(year: 2025, voltageLevel: MS) { leistung source { url title } verificationStatus version }
            none: tariff(year: 2025, voltageLevel: HS) { year }
            hlzf(year: 2025) { season windows { start end } }
            winter: hlzf(season: WINTER) { year }
            timeOfUse { year bands { band price } windows { quarter band start end } }
            never: tariffs(year: -1) { year }
        } }""",
    )
    assert data["dno"]["all"] == [
        {"year": 2025, "voltageLevel": "MS"},
        {"year": 2025, "voltageLevel": "NS"},
        {"year": 2024, "voltageLevel": "MS"},
    ]
    assert data["dno"]["one"] == [{"leistung": None, "arbeit": "1.26"}]
    assert data["dno"]["tariff"] == {
        "leistung": "58.21",
        "source": {"url": "https://example.org/sheet.pdf", "title": "Sheet"},
        "verificationStatus": "UNVERIFIED",
        "version": 1,
    }
    assert data["dno"]["none"] is None
    assert data["dno"]["hlzf"] == [
        {
            "season": "WINTER",
            "windows": [{"start": "07:30", "end": "13:00"}, {"start": "22:00", "end": "24:00"}],
        },
        {"season": "SUMMER", "windows": []},
    ]
    assert data["dno"]["winter"] == [{"year": 2025}]
    [sheet] = data["dno"]["timeOfUse"]
    assert sheet["bands"] == [
        {"band": "HT", "price": "9.80"},
        {"band": "ST", "price": "6.70"},
        {"band": "NT", "price": "1.34"},
    ]
    assert sheet["windows"][-1] == {"quarter": 1, "band": "ST", "start": "20:00", "end": "24:00"}
    assert data["dno"]["never"] == []


@pytest.mark.parametrize("slug", ["unknown", "", "NETZE-A", "netze-a ", "x" * 200, "a\0b", "🔌"])
async def test_an_unknown_operator_is_null(client: httpx.AsyncClient, netze_a: Dno, slug: str) -> None:
    assert await execute(client, "query ($slug: String!) { dno(slug: $slug) { name } }", slug=slug) == {
        "dno": None
    }


async def test_the_viewer_of_an_anonymous_request_is_null(client: httpx.AsyncClient, pool: Pool) -> None:
    assert await execute(client, "{ viewer { email } }") == {"viewer": None}


async def test_a_new_entry_has_a_history_of_one(client: httpx.AsyncClient, netze_a: Dno) -> None:
    data = await execute(
        client,
        '{ dno(slug: "netze-a") { tariff(year: 2024, voltageLevel: MS) { history { kind version changes { field after } } } } }',
    )
    [revision] = data["dno"]["tariff"]["history"]
    assert (revision["kind"], revision["version"]) == ("CREATED", 1)
    assert {"field": "leistung", "after": "58.21"} in revision["changes"]


# Global ids


async def test_every_type_is_found_by_its_global_id(client: httpx.AsyncClient, netze_a: Dno) -> None:
    found = await execute(
        client,
        """{ dno(slug: "netze-a") {
            __typename id
            tariffs(year: 2025) { __typename id history { __typename id } }
            hlzf(year: 2025) { __typename id }
            timeOfUse { __typename id }
        } }""",
    )
    nodes = list(_nodes(found["dno"]))
    assert {node["__typename"] for node in nodes} == {
        "Dno",
        "Tariff",
        "Hlzf",
        "TimeOfUseTariff",
        "Revision",
    }
    ids = [node["id"] for node in nodes]
    again = await execute(client, "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids)
    assert again["nodes"] == nodes
    for node in nodes:
        one = await execute(client, "query ($id: ID!) { node(id: $id) { __typename id } }", id=node["id"])
        assert one["node"] == node


async def test_nodes_are_returned_in_the_order_of_the_ids_with_nulls_and_repetitions(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    data = await execute(client, '{ dno(slug: "netze-a") { id tariffs { id } } }')
    dno, tariff, unknown = data["dno"]["id"], data["dno"]["tariffs"][0]["id"], f"dno_{'0' * 32}"
    ids = [tariff, unknown, dno, tariff, f"user_{'0' * 32}", f"key_{'0' * 32}"]
    again = await execute(client, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
    assert [node and node["id"] for node in again["nodes"]] == [tariff, None, dno, tariff, None, None]


async def test_an_id_of_an_entry_of_another_kind_finds_nothing(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    data = await execute(client, '{ dno(slug: "netze-a") { tariffs { id } } }')
    other = data["dno"]["tariffs"][0]["id"].replace("tariff_", "hlzf_")
    assert await execute(client, "query ($id: ID!) { node(id: $id) { id } }", id=other) == {"node": None}


@pytest.mark.parametrize(
    "id", ["", "x", "dno_", "dno_xyz", "cat_" + "0" * 32, "dno_" + "0" * 31, "dno_" + "Ä" * 32]
)
async def test_invalid_ids_are_refused(client: httpx.AsyncClient, pool: Pool, id: str) -> None:
    for argument, query in (
        ("id", "query ($id: ID!) { node(id: $id) { id } }"),
        ("ids", "query ($id: ID!) { nodes(ids: [$id]) { id } }"),
    ):
        response = await client.post("/graphql", json={"query": query, "variables": {"id": id}})
        (error,) = response.json()["errors"]
        assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": argument}


async def test_a_fragment_on_another_type_selects_nothing(client: httpx.AsyncClient, netze_a: Dno) -> None:
    found = await execute(client, '{ dno(slug: "netze-a") { id } }')
    data = await execute(
        client, "query ($id: ID!) { node(id: $id) { ... on Tariff { year } } }", id=found["dno"]["id"]
    )
    assert data == {"node": {}}


async def test_the_number_of_nodes_is_limited(client: httpx.AsyncClient, pool: Pool) -> None:
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    assert await error_codes(client, document, ids=[f"dno_{'0' * 32}"] * 101) == ["BAD_USER_INPUT"]
    assert await execute(client, document, ids=[]) == {"nodes": []}


# Invalid documents and variables


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ dno { name } }", "GRAPHQL_VALIDATION_FAILED"),
        ('{ dno(slug: "a") }', "GRAPHQL_VALIDATION_FAILED"),
        ("{ dnos(orderBy: SIZE) { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { dnos { totalCount } } query B { dnos { totalCount } }", "OPERATION_RESOLUTION_FAILURE"),
    ],
)
async def test_an_invalid_document_is_refused_with_a_code(
    client: httpx.AsyncClient, pool: Pool, document: str, code: str
) -> None:
    assert set(await error_codes(client, document)) == {code}


@pytest.mark.parametrize("slug", [None, 5, ["a"], {"slug": "a"}])
async def test_variables_of_other_types_are_refused(
    client: httpx.AsyncClient, pool: Pool, slug: object
) -> None:
    assert await error_codes(client, "query ($slug: String!) { dno(slug: $slug) { name } }", slug=slug) == [
        "BAD_USER_INPUT"
    ]


async def test_a_missing_variable_is_refused(client: httpx.AsyncClient, pool: Pool) -> None:
    assert await error_codes(client, "query ($slug: String!) { dno(slug: $slug) { name } }") == [
        "BAD_USER_INPUT"
    ]


async def test_a_field_error_does_not_affect_sibling_fields(client: httpx.AsyncClient, netze_a: Dno) -> None:
    response = await execute_with_errors(
        client, '{ dno(slug: "netze-a") { name } node(id: "nonsense") { id } }'
    )
    assert response["data"] == {"dno": {"name": "Netze A"}, "node": None}
    [error] = response["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["node"], "BAD_USER_INPUT")


# Statements and round trips

LIST = """{ dnos(first: 50) { totalCount nodes {
  tariffs(year: 2026) { leistung } hlzf(year: 2026) { windows { start } } timeOfUse(year: 2026) { bands { price } }
  timeOfUseTariff(year: 2026) { prices(from: "2026-02-01T00:00:00Z", to: "2026-02-02T00:00:00Z") { price } }
  timeOfUsePrice(at: "2026-02-01T12:00:00Z") { price }
} } }"""


@asynccontextmanager
async def _without_background_jobs(settings: Settings, **changed: Any) -> AsyncIterator[Resources]:
    """Only the query itself uses PostgreSQL and Redis, apart from polling the outbox."""
    usual = {
        "rate_limit_anonymous": 0,
        "relay_interval": 3600,
        "heartbeat_interval": 0.25,
        "warm_interval": 0,
        **CACHING,
    }
    async with open_resources(msgspec.structs.replace(settings, **{**usual, **changed})) as opened:
        await until(lambda: opened.memory.enabled and opened.shared.trusted)
        await until(lambda: not opened.read_through._tasks)
        yield opened


@pytest.fixture
async def fifty(pool: Pool) -> None:
    for number in range(50):
        dno = await make.dno(pool, f"netz-{number:02}")
        await make.tariff(pool, dno, 2026)
        if number % 2:
            await make.hlzf(pool, dno, 2026)
            await make.time_of_use(pool, dno, 2026)


async def test_a_cold_list_costs_one_statement_per_region(
    settings: Settings, pool: Pool, fifty: None
) -> None:
    async with _without_background_jobs(settings) as resources, client_of(resources) as client:
        await until_delivered(pool)
        before = _statements()
        data = await execute(client, LIST)
        assert len(data["dnos"]["nodes"]) == 50
        spent = _statements(before)
        operators = spent.pop("dno_by_slug", 0) + spent.pop("dno_by_id", 0)
        # Page and total are read from the directory.
        assert (operators, spent) == (1, {"directory": 1, "tariffs": 1, "hlzf": 1, "time_of_use": 1})


async def test_a_warm_list_costs_no_statement_and_one_round_trip_per_level_without_l1(
    settings: Settings, pool: Pool, fifty: None
) -> None:
    off = {"memory_cache": False, "response_cache": False}
    async with _without_background_jobs(settings, **off) as resources, client_of(resources) as client:
        await until_delivered(pool)
        cold = await execute(client, LIST)
        await until(lambda: not resources.read_through._tasks)
        before, trips = _statements(), resources.shared.round_trips
        assert await execute(client, LIST) == cold
        assert _statements(before) == {}
        # The directory, the operators, and their three families in one round trip; heartbeats count, too.
        assert resources.shared.round_trips - trips <= 5


async def test_a_warm_list_with_l1_costs_no_statement(settings: Settings, pool: Pool, fifty: None) -> None:
    async with (
        _without_background_jobs(settings, response_cache=False) as resources,
        client_of(resources) as client,
    ):
        await until_delivered(pool)
        cold = await execute(client, LIST)
        await until(lambda: not resources.read_through._tasks)
        before = _statements()
        assert await execute(client, LIST) == cold
        assert _statements(before) == {}


async def test_nodes_of_all_kinds_cost_one_statement_per_region(
    settings: Settings, pool: Pool, netze_a: Dno
) -> None:
    async with _without_background_jobs(settings) as resources, client_of(resources) as client:
        await until_delivered(pool)
        found = await execute(
            client,
            '{ dno(slug: "netze-a") { id tariffs(year: 2025) { id } hlzf(year: 2025) { id } timeOfUse(year: 2026) { id } } }',
        )
    ids = [node["id"] for node in _nodes(found["dno"])]
    async with (
        _without_background_jobs(settings, entity_cache=False) as resources,
        client_of(resources) as client,
    ):
        before = _statements()
        await execute(client, "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids)
        assert _statements(before) == {
            "dno_by_id": 1,
            "places": _statements(before)["places"],
            "tariffs": 1,
            "hlzf": 1,
            "time_of_use": 1,
        }
        assert _statements(before)["places"] <= 3, "one per kind"


# Statements of background jobs, which metrics count too.
_POLLING = {"outbox", "webhook_work", "edges"}


def _statements(before: dict[str, float] | None = None) -> dict[str, float]:
    """By region, without the polling of background jobs; with `before`, those since then."""
    [family] = STATEMENTS.collect()
    counts = {
        sample.labels["region"]: sample.value
        for sample in family.samples
        if sample.name.endswith("_total") and sample.labels["region"] not in _POLLING
    }
    if before is None:
        return counts
    return {
        region: count - before.get(region, 0)
        for region, count in counts.items()
        if count != before.get(region, 0)
    }


def _nodes(found: Any) -> Any:
    """All objects with an id, with their type and id only."""
    if isinstance(found, list):
        for one in found:
            yield from _nodes(one)
    elif isinstance(found, dict):
        if "id" in found:
            yield {name: found[name] for name in ("__typename", "id") if name in found}
        for value in found.values():
            yield from _nodes(value)
