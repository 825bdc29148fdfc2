"""The benchmarks ask what the graph understands, and count what is answered."""

import shutil

import graphql
import pytest

from benchmarks import load, questions
from benchmarks.questions import Asked
from benchmarks.server import Server
from tests import factories as make
from tests.house.repository import ROOT

SCHEMA = graphql.build_schema((ROOT / "schema.graphql").read_text())
DOCUMENTS = ["POINT", "LIST", "CORRECT", "CURSORS", "TARIFF_IDS"]
MISSING = b"GET /nowhere HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_is_of_the_graph(name):
    assert graphql.validate(SCHEMA, graphql.parse(getattr(questions, name))) == []


def test_what_is_drawn_is_drawn_again():
    first, again = (questions.lists_that_never_repeat([f"{n}" for n in range(80)]) for _ in range(2))
    assert first == again
    assert len(set(first.requests)) == len(first.requests)
    assert questions.zipf(100, count=50) == questions.zipf(100, count=50)


@pytest.mark.parametrize("client", [load.with_python, load.with_wrk])
async def test_a_client_counts_what_is_answered_and_what_is_not(client, instance, pool):
    if client is load.with_wrk and not shutil.which("wrk"):
        pytest.skip("wrk is not installed")
    await make.dno(pool, questions.HOT["slug"])
    port = instance().port
    well = await client(port, Asked([questions.point()]), 1, 0, 2)
    assert well.requests > 0
    assert well.failed == 0
    assert 0 < well.p50 <= well.p99
    half = await client(port, Asked([questions.point(), MISSING], [0, 1]), 1, 0, 1)
    assert abs(half.failed - half.requests / 2) <= 2


async def test_the_server_under_load_is_read_in_between(instance, pool):
    await make.dno(pool, "netze-a")
    await make.dno(pool, "netze-b")
    server = Server(instance())
    await server.until_ready()
    assert len(await server.cursors()) == 2
    assert (await server.metrics())["cache_memory_bytes"] > 0
    assert server.memory > 10**7
