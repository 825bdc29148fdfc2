"""The benchmarks send valid operations and count responses correctly."""

import json
import shutil

import graphql
import pytest

from benchmarks import growth, growth_data, load, queries, soak
from benchmarks.queries import RequestSequence
from benchmarks.server import Server
from tests import factories as make
from tests.architecture.repository import ROOT

SCHEMA = graphql.build_schema((ROOT / "schema.graphql").read_text())
DOCUMENTS = [
    "POINT",
    "LIST",
    "CORRECT",
    "CURSORS",
    "TARIFF_IDS",
    "PRICES",
    "ADD_TIME_OF_USE",
    "BILL",
    "ADD_PRICE",
    "ADD_LEVY",
]
MISSING = b"GET /nowhere HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_is_valid(name):
    assert graphql.validate(SCHEMA, graphql.parse(getattr(queries, name))) == []


@pytest.mark.parametrize("name", growth.REQUESTS)
def test_every_request_of_a_growing_database_is_valid(name):
    head, _, body = growth.REQUESTS[name](1).partition(b"\r\n\r\n")
    if head.startswith(b"POST"):
        assert graphql.validate(SCHEMA, graphql.parse(json.loads(body)["query"])) == []


def test_operators_of_a_larger_country_differ_and_are_the_same_each_time():
    first, again = (list(growth_data.operators(3)) for _ in range(2))
    assert first == again
    assert len({row[0] for row in first}) == len({row[1] for row in first}) == 3 * 939


def test_random_sequences_are_reproducible():
    first, again = (queries.lists_that_never_repeat([f"{n}" for n in range(80)]) for _ in range(2))
    assert first == again
    assert len(set(first.requests)) == len(first.requests)
    assert queries.zipf(100, count=50) == queries.zipf(100, count=50)


def test_unique_documents_select_the_same_fields():
    requests = [queries.point("netze-a", 2024), queries.page(), queries.correction("key", "id", "1.0")]
    new = list(queries.with_new_documents([*requests, *requests], 7))
    assert len(set(new)) == 6
    for before, after in zip([*requests, *requests], new, strict=True):
        head, _, body = after.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head
        sequence, renamed = json.loads(before.partition(b"\r\n\r\n")[2]), json.loads(body)
        assert sequence["variables"] == renamed["variables"]
        assert graphql.validate(SCHEMA, graphql.parse(renamed["query"])) == []
        assert renamed["query"] != sequence["query"]


def test_every_tenth_document_of_a_soak_is_new():
    sequence = RequestSequence([queries.point("netze-a", year) for year in range(20)], [*range(20)] * 3)
    parts = [soak.with_new_documents(sequence, part, 100, 7) for part in (0, 1)]
    for part in parts:
        assert part.order is not None
        assert sum(index >= 20 for index in part.order) == len(part.order) // 10
        assert part.order[:9] == [7, 8, 9, 10, 11, 12, 13, 14, 15]
    assert not set(parts[0].requests[20:]) & set(parts[1].requests[20:])


@pytest.mark.parametrize("client", [load.with_python, load.with_wrk])
async def test_a_client_counts_successful_and_failed_requests(client, instance, pool):
    if client is load.with_wrk and not shutil.which("wrk"):
        pytest.skip("wrk is not installed")
    await make.dno(pool, queries.HOT["slug"])
    port = instance().port
    well = await client(port, RequestSequence([queries.point()]), 1, 0, 2)
    assert well.requests > 0
    assert well.failed == 0
    assert 0 < well.p50 <= well.p99
    half = await client(port, RequestSequence([queries.point(), MISSING], [0, 1]), 1, 0, 1)
    assert abs(half.failed - half.requests / 2) <= 2


async def test_metrics_of_the_server_under_load_are_read(instance, pool):
    await make.dno(pool, "netze-a")
    await make.dno(pool, "netze-b")
    server = Server(instance())
    await server.until_ready()
    assert len(await server.cursors()) == 2
    assert (await server.metrics())["dno_cache_memory_bytes"] > 0
    assert server.memory > 10**7
