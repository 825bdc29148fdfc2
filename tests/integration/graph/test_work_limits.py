"""The work of an operation is counted during its execution, which ends when a limit is exceeded."""

import tracemalloc
from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.work_budget import WorkBudget
from app.resources import Resources
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.graphql_client import client_of, execute, execute_with_errors
from tests.integration.graph.running import issue_key, running, stream, websocket_client
from tests.integration.graph.writing import Caller, global_id, mutation
from tests.waiting import until

# One operator with all windows of four years: 112 entries, each with a reference to it.
WINDOWS = """
INSERT INTO hlzf_data (dno_id, year, voltage_level, season, windows)
SELECT $1, year, level::voltage_level, season, '[{"start": "07:30", "end": "13:00"}, {"start": "16:00", "end": "19:00"}]'
FROM generate_series(2022, 2025) AS year,
    unnest(ARRAY['HOES', 'HOES_HS', 'HS', 'HS_MS', 'MS', 'MS_NS', 'NS']) AS level,
    unnest(ARRAY['WINTER', 'SPRING', 'SUMMER', 'AUTUMN']) AS season
"""
BANDS = """
INSERT INTO time_of_use_data (dno_id, year, price_ht, price_st, price_nt, windows)
SELECT id, 2025, 9.8, 6.7, 1.3, (SELECT windows FROM time_of_use_data LIMIT 1)
FROM dnos WHERE id NOT IN (SELECT dno_id FROM time_of_use_data)
"""
OPERATORS = (
    "INSERT INTO dnos (slug, name) SELECT 'netze-' || n, 'Netze ' || n FROM generate_series(1, 120) AS n"
)

ONE_LEVEL = '{ dno(slug: "netze-a") { hlzf { id windows { start end } } tariffs { id } } }'
THREE_LEVELS = '{ dno(slug: "netze-a") { hlzf { dno { hlzf { dno { name } } } } } }'
# 146 bytes whose response took half a gigabyte.
NESTED = '{dno(slug:"netze-a"){hlzf{dno{hlzf{dno{hlzf{dno{hlzf{id year season version updatedAt windows{start end}}}}}}}}}}'
BY_EXECUTOR = '{ __schema { queryType { name } } dno(slug: "netze-a") { hlzf { id windows { start end } } } }'

# A setting, a value that the operation exceeds, and the operation.
LIMITS: list[tuple[str, float, str]] = [
    ("limit_objects", 100, ONE_LEVEL),
    ("limit_objects", 300, THREE_LEVELS),
    ("limit_objects", 100, BY_EXECUTOR),
    ("limit_answer_bytes", 2000, ONE_LEVEL),
    ("limit_answer_bytes", 2000, THREE_LEVELS),
    ("limit_answer_bytes", 2000, BY_EXECUTOR),
    ("limit_answer_bytes", 30, "{ coverage { totalDnos totalEntries verifiedEntries } }"),
    ("limit_cpu_time", 0.0001, THREE_LEVELS),
    ("limit_cpu_time", 0.0001, BY_EXECUTOR.replace("windows", "a: windows { end } b: windows { end } c: windows")),
    ("limit_statements", 1, ONE_LEVEL),
    ("limit_statements", 1, BY_EXECUTOR),
]  # fmt: skip


@pytest.fixture
async def netze_a(pool: Pool) -> Dno:
    dno = await make.dno(pool, "netze-a")
    async with pool.connection() as connection:
        await connection.execute(WINDOWS, dno.id)
    await make.tariff(pool, dno, 2025, VoltageLevel.MS)
    return dno


@pytest.fixture
async def all_operators(pool: Pool, netze_a: Dno) -> None:
    async with pool.connection() as connection:
        await connection.execute(OPERATORS)
        await make.time_of_use(pool, netze_a, 2025)
        await connection.execute(BANDS)
        for (dno_id,) in await connection.fetch("SELECT id FROM dnos WHERE slug <> 'netze-a'"):
            await connection.execute(WINDOWS.replace("2022, 2025", "2025, 2025"), dno_id)


@pytest.mark.parametrize(("setting", "maximum", "document"), LIMITS)
@pytest.mark.usefixtures("netze_a")
async def test_each_limit_ends_the_operation_with_its_name(
    resources: Resources, setting: str, maximum: float, document: str
) -> None:
    async with client_of(resources, **{setting: maximum}) as client:
        response = await execute_with_errors(client, document)
    assert "data" not in response, response
    (error,) = response["errors"]
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": setting.upper(), "maximum": maximum}
    async with client_of(resources) as client:
        await execute(client, document)


@pytest.mark.usefixtures("netze_a")
async def test_an_exceeded_limit_has_status_400(resources: Resources) -> None:
    headers = {"accept": "application/graphql-response+json"}
    async with client_of(resources, limit_objects=10) as client:
        response = await client.post("/graphql", json={"query": ONE_LEVEL}, headers=headers)
    assert response.status_code == 400


@pytest.mark.usefixtures("netze_a")
@pytest.mark.parametrize("before", ["", "__schema { queryType { name } } "])
async def test_a_nested_query_is_ended_before_it_takes_memory(client: httpx.AsyncClient, before: str) -> None:
    """Without a limit, 146 bytes took 486 MB: 112 times 112 times 112 entries."""
    await execute(client, ONE_LEVEL)
    tracemalloc.start()
    try:
        response = await execute_with_errors(client, NESTED.replace("{", "{" + before, 1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [error["extensions"]["code"] for error in response["errors"]] == ["LIMIT_EXCEEDED"]
    assert peak < 64 * 2**20


@pytest.mark.usefixtures("all_operators")
async def test_cached_fragments_count_as_often_as_they_occur_in_a_response(
    resources: Resources,
) -> None:
    one = "{ dnos(first: 100) { nodes { hlzf { id } } } }"
    many = "{" + " ".join(f"a{n}: dnos(first: 100) {{ nodes {{ hlzf {{ id }} }} }}" for n in range(8)) + "}"
    async with client_of(resources) as client:
        length = len((await client.post("/graphql", json={"query": one})).content)
    async with client_of(resources, limit_answer_bytes=length + 100) as client:
        await execute(client, one)
        (error,) = (await execute_with_errors(client, many))["errors"]
    assert error["extensions"]["limit"] == "LIMIT_ANSWER_BYTES"


@pytest.mark.usefixtures("all_operators")
@pytest.mark.parametrize(
    "family",
    [
        "tariffs(year: 2025) { voltageLevel leistung arbeit leistungUnter2500h arbeitUnter2500h source { url title } }",
        "hlzf(year: 2025) { voltageLevel season windows { start end } verificationStatus source { url title } }",
        "timeOfUse(year: 2025) { year bands { band price } windows { quarter band start end } }",
        "timeOfUse { year bands { band price } windows { quarter band start end } }",
    ],
)
async def test_all_operators_and_one_family_are_within_all_limits(
    client: httpx.AsyncClient, family: str
) -> None:
    """Ten pages of a hundred operators in one operation."""
    pages = " ".join(f"p{n}: dnos(first: 100) {{ nodes {{ slug name {family} }} }}" for n in range(10))
    found = await execute(client, "{" + pages + "}")
    assert [len(page["nodes"]) for page in found.values()] == [100] * 10


async def test_work_beyond_the_estimated_cost_is_charged_afterwards(
    resources: Resources, all_operators: None
) -> None:
    """100 operators with 28 entries and 56 windows each are 8500 objects, where some 1500 were expected."""
    limiter: RateLimiter = resources.limiter
    limiter.anonymous.__init__("anonymous", 60, 6000)  # type: ignore[misc]
    query = "{ dnos(first: 100) { nodes { hlzf(year: 2025) { id windows { start } } } } }"
    async with client_of(resources) as client:
        response = await client.post("/graphql", json={"query": query})
        remaining = int(response.headers["ratelimit"].partition("r=")[2].partition(";")[0])
        cheap = await client.post("/graphql", json={"query": "{ __typename }"})
    assert remaining <= 60 - 8
    assert cheap.headers["ratelimit"].startswith('"anonymous";r=')
    assert int(cheap.headers["ratelimit"].partition("r=")[2].partition(";")[0]) < remaining


@pytest.mark.usefixtures("all_operators")
async def test_records_that_are_not_in_memory_are_charged(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their decoding is shared by all that wait for them, so it is part of no operation's CPU time."""
    # CPU time is charged as well; on a busy machine it varies by more than these records cost.
    monkeypatch.setattr(WorkBudget, "_clock", staticmethod(lambda: 0.0))
    limiter: RateLimiter = resources.limiter
    limiter.anonymous.__init__("anonymous", 6000, 600_000)  # type: ignore[misc]
    used = []
    async with client_of(resources, response_cache=False, rate_limit_cost=20) as client:
        for number in range(3):
            query = f"{{ rankBills(profile: HOUSEHOLD, year: 2025, first: {number + 1}) {{ ranked withoutData }} }}"
            before = await _remaining(client, "{ __typename }")
            used.append(before - await _remaining(client, query))
    cold, *warm = used
    # 120 operators' prices and sheets: 240 records of 3 units each, 36 requests. The estimated cost paid 26 of them.
    assert cold >= min(warm) + 10, used


async def _remaining(client: httpx.AsyncClient, query: str) -> int:
    response = await client.post("/graphql", json={"query": query})
    assert "errors" not in response.json()
    return int(response.headers["ratelimit"].partition("r=")[2].partition(";")[0])


@pytest.mark.usefixtures("all_operators")
async def test_a_caller_over_its_limit_is_refused_until_the_charge_is_paid_off(resources: Resources) -> None:
    limiter: RateLimiter = resources.limiter
    limiter.anonymous.__init__("anonymous", 5, 60)  # type: ignore[misc]
    query = "{ dnos(first: 100) { nodes { hlzf(year: 2025) { id windows { start } } } } }"
    async with client_of(resources) as client:
        first = await client.post("/graphql", json={"query": query})
        second = await client.post("/graphql", json={"query": "{ __typename }"})
    assert (first.status_code, second.status_code) == (200, 429)

    assert 1 <= int(second.headers["retry-after"]) <= 72


@pytest.mark.usefixtures("netze_a")
async def test_a_batch_is_limited_as_one_operation(resources: Resources) -> None:
    operation = {"query": ONE_LEVEL}
    async with client_of(resources, max_batch_operations=5, limit_objects=500) as client:
        responses = (await client.post("/graphql", json=[operation] * 3)).json()
    assert [next(iter(response)) for response in responses] == ["data", "errors", "errors"]
    assert responses[2]["errors"][0]["extensions"]["limit"] == "LIMIT_OBJECTS"


@pytest.mark.usefixtures("netze_a")
async def test_the_rest_api_has_the_same_limits(resources: Resources) -> None:
    async with client_of(resources, limit_objects=10) as client:
        response = await client.get("/api/v1/dnos/netze-a/2025")
    assert response.status_code == 400
    problem = response.json()
    assert (problem["code"], problem["limit"], problem["maximum"]) == ("LIMIT_EXCEEDED", "LIMIT_OBJECTS", 10)


async def test_a_download_is_charged_by_its_work(resources: Resources, all_operators: None) -> None:
    limiter: RateLimiter = resources.limiter
    limiter.anonymous.__init__("anonymous", 60, 6000)  # type: ignore[misc]
    async with client_of(resources, rate_limit_cost=1) as client:  # 20 µs count as a request
        whole = await client.get("/export/hlzf.csv")
        after = await client.get("/export/hlzf.csv")
    assert whole.content.count(b"\n") > 6000
    assert (whole.status_code, after.status_code) == (200, 429)


async def test_a_mutation_that_exceeds_a_limit_after_its_commit_returns_its_payload(
    resources: Resources, netze_a: Dno, pool: Pool
) -> None:
    tariff = await make.tariff(pool, netze_a, 2024, VoltageLevel.NS)
    _, headers = await issue_key(pool, Role.EDITOR)
    document = mutation("correctTariff").replace("tariff {", "tariff { dno { hlzf { id } } ", 1)
    input = {"id": global_id(tariff), "leistung": "99.90"}
    async with client_of(resources, limit_objects=50) as client:
        response = await Caller(client, headers).execute_with_errors(document, input=input)
    assert {error["extensions"]["code"] for error in response["errors"]} == {"LIMIT_EXCEEDED"}
    assert response["data"]["correctTariff"]["errors"] == []
    async with client_of(resources) as client:
        found = await execute(
            client, "query ($id: ID!) { node(id: $id) { ... on Tariff { leistung } } }", id=global_id(tariff)
        )
    assert found == {"node": {"leistung": "99.90"}}


CHANGES = "subscription { dataChanged { kind dno { hlzf { dno { hlzf { id } } } } } }"


async def test_each_change_of_a_subscription_is_limited(settings: Settings, pool: Pool, netze_a: Dno) -> None:
    tariff = await make.tariff(pool, netze_a, 2024, VoltageLevel.NS)
    _, headers = await issue_key(pool)
    async with running(settings, limit_objects=1000) as server:
        await server.delivered()
        async with websocket_client(server) as client, stream(server, CHANGES) as events:
            await client.initialise()
            await client.subscribe(CHANGES)
            await until(lambda: server.subscribers == 2)
            await server.execute(
                mutation("correctTariff"), headers, input={"id": global_id(tariff), "leistung": "1.20"}
            )
            message = await client.receive()
            _, data = await events.event()
    assert message["type"] == "error"
    for errors in (message["payload"], data["errors"]):
        (error,) = errors
        assert error["extensions"] == {
            "code": "LIMIT_EXCEEDED",
            "limit": "LIMIT_OBJECTS",
            "maximum": 1000,
        }


async def test_the_number_of_request_errors_in_a_response_is_limited(client: httpx.AsyncClient) -> None:
    variables: Any = {"ids": [{"a": n} for n in range(400)], "filter": {f"k{n}": n for n in range(100)}}
    document = "query ($ids: [ID!]!, $filter: DnoFilter) { nodes(ids: $ids) { id } dnos(filter: $filter) { totalCount } }"
    response = await client.post("/graphql", json={"query": document, "variables": variables})
    assert len(response.json()["errors"]) <= 52
    assert len(response.content) < 64 * 1024


@pytest.mark.usefixtures("netze_a")
async def test_the_number_of_execution_errors_in_a_response_is_limited(client: httpx.AsyncClient) -> None:
    price = 'annualCost(consumptionKwh: "-1", peakLoadKw: "1") { total }'
    aliases = " ".join(f"a{n}: {price}" for n in range(28))
    query = f'{{ x: dno(slug: "netze-a") {{ tariffs {{ {aliases} }} }} }}'
    response = await execute_with_errors(client, query)
    assert len(response["errors"]) <= 51
