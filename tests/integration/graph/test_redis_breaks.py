"""Server processes while their connections to Redis break: a committed write is answered as committed."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from app.db import tariffs
from app.db.pool import Pool
from app.domain.account import Role
from app.domain.entry import DnoYear
from tests import factories as make
from tests.integration.graph.running import issue_key
from tests.integration.graph.writing import global_id, mutation
from tests.proxy import Proxies
from tests.refusals import REFUSALS
from tests.server_process import ServerProcess
from tests.servers import PASSWORD, PrivateValkey
from tests.waiting import until_equal

TARIFF = "query ($id: ID!) { node(id: $id) { ... on Tariff { version leistung } } }"


@pytest.fixture
async def proxies() -> AsyncIterator[Proxies]:
    async with Proxies() as running:
        yield running


@pytest.mark.parametrize("fault", ["reset", "cut"])
async def test_a_committed_write_is_answered_as_committed(
    fault: str, instance: Callable[..., ServerProcess], proxies: Proxies, pool: Pool, valkey: PrivateValkey
) -> None:
    """Under uvloop, where a reset connection raises RuntimeError; writes and reads at once, resets without a pause."""
    tariff = await make.tariff(pool, await make.dno(pool))
    _, headers = await issue_key(pool, Role.EDITOR)
    port = await proxies.open("redis", valkey.port)
    server = await asyncio.to_thread(instance, redis_url=f"redis://:{PASSWORD}@127.0.0.1:{port}")
    done = asyncio.Event()

    async def disturb() -> None:
        while not done.is_set():
            await getattr(proxies, fault)("redis")
            await asyncio.sleep(0.01)

    disturbing = asyncio.create_task(disturb())
    answers = []
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
        for number in range(60):
            input = {"id": global_id(tariff), "leistung": f"{60 + number}.00"}
            write = client.post(
                "/graphql", json={"query": mutation("correctTariff"), "variables": {"input": input}}
            )
            read = client.post("/graphql", json={"query": TARIFF, "variables": {"id": global_id(tariff)}})
            answers += await asyncio.gather(write, read)
            after = (
                await client.post("/graphql", json={"query": TARIFF, "variables": {"id": global_id(tariff)}})
            ).json()
            assert after["data"]["node"]["leistung"] == f"{60 + number}.00"
    done.set()
    await disturbing
    for answer in answers:
        assert "errors" not in answer.json(), answer.text
        assert "INTERNAL" not in answer.text
    [entry] = (await tariffs.fetch_by_dno_year(pool, [DnoYear(tariff.dno_id, tariff.year)]))[
        DnoYear(tariff.dno_id, tariff.year)
    ]
    assert entry.version == 61


@pytest.mark.parametrize("kind", ["NOREPLICAS", "READONLY"])
async def test_two_servers_serve_current_values_and_report_that_they_are_degraded(
    kind: str, instance: Callable[..., ServerProcess], pool: Pool, valkey: PrivateValkey
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    _, headers = await issue_key(pool, Role.EDITOR)
    servers = [await asyncio.to_thread(instance, redis_url=valkey.url) for _ in range(2)]
    query = {"query": TARIFF, "variables": {"id": global_id(tariff)}}
    async with httpx.AsyncClient(headers=headers, timeout=30) as client:

        async def price(server: ServerProcess) -> str:
            answer = (await client.post(f"{server.url}/graphql", json=query)).json()
            return str(answer["data"]["node"]["leistung"])

        async def status(server: ServerProcess) -> str:
            return str((await client.get(f"{server.url}/readyz")).json()["status"])

        for server in servers * 3:
            assert await price(server) == "58.21"
        REFUSALS[kind].begin(valkey)
        input = {"id": global_id(tariff), "leistung": "60.00"}
        body = {"query": mutation("correctTariff"), "variables": {"input": input}}
        answer = (await client.post(f"{servers[0].url}/graphql", json=body)).json()
        assert "errors" not in answer
        assert await price(servers[0]) == "60.00"
        await until_equal(lambda: price(servers[1]), "60.00")
        for _ in range(50):
            assert [await price(server) for server in servers] == ["60.00", "60.00"]
        assert [await status(server) for server in servers] == ["degraded", "degraded"]
        REFUSALS[kind].end(valkey)
        for server in servers:
            await until_equal(lambda: status(server), "up")  # noqa: B023 - awaited at once
        assert [await price(server) for server in servers] == ["60.00", "60.00"]
