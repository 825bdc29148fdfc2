"""A server whose PostgreSQL fails over, or takes no writes for a while: no fault of ours is told, and no restart needed."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import Running, issue_key, running
from tests.servers import PostgresPair, PrivatePostgres

CORRECT = (
    "mutation ($id: ID!, $leistung: Decimal!) { correctTariff(input: {id: $id, leistung: $leistung})"
    " { tariff { leistung } errors { code } } }"
)
READ = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung } } }'


class Editor:
    def __init__(self, server: Running, client: httpx.AsyncClient, headers: dict[str, str], id: str) -> None:
        self._server = server
        self._client = client
        self._headers = headers
        self._id = id

    async def correct(self, leistung: str) -> str:
        """The new price, or the code of the refusal."""
        asked = {"query": CORRECT, "variables": {"id": self._id, "leistung": leistung}}
        told = (await self._client.post(self._server.url, json=asked, headers=self._headers)).json()
        assert "errors" not in told, told
        payload = told["data"]["correctTariff"]
        return str(payload["errors"][0]["code"] if payload["errors"] else payload["tariff"]["leistung"])

    async def send(self, leistung: str) -> Any:
        asked = {"query": CORRECT, "variables": {"id": self._id, "leistung": leistung}}
        return (await self._client.post(self._server.url, json=asked, headers=self._headers)).json()

    async def read(self) -> str:
        told = (await self._client.post(self._server.url, json={"query": READ}, headers=self._headers)).json()
        return str(told["errors"][0]["extensions"]["code"] if "errors" in told else _price(told))

    async def health(self) -> tuple[int, str]:
        ready = await self._client.get(self._server.url.replace("/graphql", "/readyz"))
        return ready.status_code, ready.json()["resources"]["postgres"]["status"]


def _price(told: Any) -> str:
    return str(told["data"]["dno"]["tariffs"][0]["leistung"])


async def editor(server: Running, client: httpx.AsyncClient) -> Editor:
    pool = server.resources.pool
    tariff = await make.tariff(pool, await make.dno(pool, "netze-a"), 2025, leistung="1")
    _, headers = await issue_key(pool)
    found = await client.post(server.url, json={"query": READ.replace("leistung", "id")}, headers=headers)
    assert tariff
    return Editor(server, client, headers, found.json()["data"]["dno"]["tariffs"][0]["id"])


async def test_while_the_database_is_read_only(settings: Settings, private_postgres: PrivatePostgres) -> None:
    settings = msgspec.structs.replace(settings, database_url=private_postgres.url)
    async with running(settings) as server, httpx.AsyncClient(timeout=30) as client:
        erika = await editor(server, client)
        assert await erika.correct("2") == "2"
        assert await erika.health() == (200, "up")
        await private_postgres.refuse_writes()
        for _ in range(3):
            assert await erika.correct("3") == "UNAVAILABLE"
            assert await erika.read() == "2"
        async with asyncio.timeout(10):
            while await erika.health() != (200, "degraded"):
                await asyncio.sleep(0.05)
        await private_postgres.accept_writes()
        assert await erika.correct("4") == "4"
        assert await erika.read() == "4"
        async with asyncio.timeout(10):
            while await erika.health() != (200, "up"):
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("old_stays", [True, False])
async def test_after_a_failover_to_another_host(
    settings: Settings, postgres_pair: PostgresPair, old_stays: bool
) -> None:
    """The first correction is written by the new primary, and read everywhere."""
    settings = msgspec.structs.replace(settings, database_url=postgres_pair.url_of_both)
    async with (
        running(settings) as server,
        running(settings) as other,
        httpx.AsyncClient(timeout=30) as client,
    ):
        erika = await editor(server, client)
        assert await erika.correct("2") == "2"
        await postgres_pair.fail_over(old_stays=old_stays)
        assert await erika.correct("3") == "3"
        assert await erika.read() == "3"
        async with asyncio.timeout(10):
            while _price((await client.post(other.url, json={"query": READ})).json()) != "3":
                await asyncio.sleep(0.01)
            while await erika.health() != (200, "up"):
                await asyncio.sleep(0.05)
