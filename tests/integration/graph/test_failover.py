"""A server whose PostgreSQL fails over, is read-only, or is behind PgBouncer: no internal error is returned, and no restart is needed."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

from app.db.pool import Pool
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import Running, issue_key, running, stream
from tests.pgbouncer import PROGRAM, PgBouncer
from tests.servers import PostgresPair, PrivatePostgres, private_folder
from tests.waiting import until, until_equal

CORRECT = (
    "mutation ($id: ID!, $leistung: Decimal!) { correctTariff(input: {id: $id, leistung: $leistung})"
    " { tariff { leistung } errors { code } } }"
)
LISTEN = "subscription { dataChanged { entry { ... on Tariff { leistung } } } }"
READ = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung } } }'


class Writer:
    def __init__(self, server: Running, client: httpx.AsyncClient, headers: dict[str, str], id: str) -> None:
        self.server = server
        self._client = client
        self._headers = headers
        self._id = id

    async def correct(self, leistung: str) -> str:
        """The new price, or the code of the refusal."""
        body = {"query": CORRECT, "variables": {"id": self._id, "leistung": leistung}}
        response = (await self._client.post(self.server.url, json=body, headers=self._headers)).json()
        assert "errors" not in response, response
        payload = response["data"]["correctTariff"]
        return str(payload["errors"][0]["code"] if payload["errors"] else payload["tariff"]["leistung"])

    async def send(self, leistung: str) -> Any:
        body = {"query": CORRECT, "variables": {"id": self._id, "leistung": leistung}}
        return (await self._client.post(self.server.url, json=body, headers=self._headers)).json()

    async def import_price(self, leistung: str) -> httpx.Response:
        """Of the same entry."""
        return await self._client.post(
            self.server.url.replace("/graphql", "/api/v1/import/tariffs"),
            params={"overwrite": "true"},
            content=f"dno_slug,year,voltage_level,leistung,arbeit\nnetze-a,2025,MS,{leistung},1.26\n",
            headers=self._headers | {"content-type": "text/csv"},
        )

    async def read(self) -> str:
        response = (
            await self._client.post(self.server.url, json={"query": READ}, headers=self._headers)
        ).json()
        return str(response["errors"][0]["extensions"]["code"] if "errors" in response else _price(response))

    async def health(self) -> tuple[int, str]:
        ready = await self._client.get(self.server.url.replace("/graphql", "/readyz"))
        return ready.status_code, ready.json()["resources"]["postgres"]["status"]


def _price(response: Any) -> str:
    return str(response["data"]["dno"]["tariffs"][0]["leistung"])


async def open_writer(server: Running, client: httpx.AsyncClient) -> Writer:
    pool = server.resources.pool
    tariff = await make.tariff(pool, await make.dno(pool, "netze-a"), 2025, leistung="1")
    _, headers = await issue_key(pool)
    assert tariff

    async def id_of_tariff() -> str | None:
        """Not read in time on a busy machine, where operations have little."""
        found = await client.post(server.url, json={"query": READ.replace("leistung", "id")}, headers=headers)
        return None if "errors" in found.json() else str(found.json()["data"]["dno"]["tariffs"][0]["id"])

    return Writer(server, client, headers, await until(id_of_tariff))


async def test_while_the_database_is_read_only_reads_are_answered_and_writes_are_unavailable(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    settings = msgspec.structs.replace(settings, database_url=private_postgres.url)
    async with running(settings) as server, httpx.AsyncClient(timeout=30) as client:
        writer = await open_writer(server, client)
        assert await writer.correct("2") == "2"
        assert await writer.health() == (200, "up")
        await private_postgres.refuse_writes()
        for _ in range(3):
            assert await writer.correct("3") == "UNAVAILABLE"
            assert await writer.read() == "2"
        await until_equal(writer.health, (200, "degraded"))
        await private_postgres.accept_writes()
        assert await writer.correct("4") == "4"
        assert await writer.read() == "4"
        await until_equal(writer.health, (200, "up"))


@pytest.mark.parametrize("old_stays", [True, False])
async def test_after_a_failover_the_new_primary_is_used(
    settings: Settings, postgres_pair: PostgresPair, old_stays: bool
) -> None:
    """The first correction is written to the new primary and read on every instance."""
    settings = msgspec.structs.replace(settings, database_url=postgres_pair.url_of_both)
    async with (
        running(settings) as server,
        running(settings) as other,
        httpx.AsyncClient(timeout=30) as client,
    ):
        writer = await open_writer(server, client)
        assert await writer.correct("2") == "2"
        await postgres_pair.fail_over(old_stays=old_stays)
        assert await writer.correct("3") == "3"
        assert await writer.read() == "3"

        async def price_of_other() -> str:
            return _price((await client.post(other.url, json={"query": READ})).json())

        await until_equal(price_of_other, "3")
        await until_equal(writer.health, (200, "up"))


async def test_subscribers_learn_of_changes_that_a_promoted_standby_lacks_and_receive_all_later_ones(
    settings: Settings, postgres_pair: PostgresPair
) -> None:
    """Entries have gone back to earlier versions, so later changes have numbers that were delivered before."""
    settings = msgspec.structs.replace(settings, database_url=postgres_pair.url_of_both)
    async with running(settings) as server, httpx.AsyncClient(timeout=30) as client:
        writer = await open_writer(server, client)
        async with stream(server, LISTEN) as before:
            await until(lambda: server.subscribers)
            assert await writer.correct("2") == "2"
            assert _changed_price(await before.next_change()) == "2"
            await postgres_pair.until_standby_has_all()
            await postgres_pair.stop_following()
            for lost in ("3", "4"):
                assert await writer.correct(lost) == lost
                assert _changed_price(await before.next_change()) == lost
            await postgres_pair.fail_over_without_the_latest()
            await until_equal(writer.read, "2")
            name, event = await before.event()
            assert name == "next"
            assert event["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        async with stream(server, LISTEN) as after:
            await until(lambda: server.subscribers)
            for new in ("5", "6"):
                assert await writer.correct(new) == new
                assert _changed_price(await after.next_change()) == new


def _changed_price(change: Any) -> str:
    return str(change["entry"]["leistung"])


@pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed (apt-get install pgbouncer)")
async def test_behind_pgbouncer_in_session_mode_all_of_it_works_also_after_its_restart(
    settings: Settings, pool: Pool
) -> None:
    """Corrections, notifications, and changes that another program writes."""
    with private_folder() as folder:
        # As docs/operating.md recommends for one process.
        size = f"default_pool_size = {settings.max_database_connections + 4}"
        bouncer = PgBouncer(folder, settings.database_url, pool_mode="session", more=[size])
        try:
            pooled = msgspec.structs.replace(settings, database_url=bouncer.url)
            async with running(pooled) as server, httpx.AsyncClient(timeout=30) as client:
                writer = await open_writer(server, client)
                assert await writer.correct("2") == "2"
                assert await writer.read() == "2"
                bouncer.stop()
                # Neither the key nor the entry can be read.
                refused = await writer.send("3")
                assert refused["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
                bouncer.start()
                await until(_accepted(writer, "4"))
                assert await writer.read() == "4"
                await pool.fetch("UPDATE netzentgelte_data SET leistung = 5")
                await until_equal(writer.read, "5")
                await until_equal(writer.health, (200, "up"))
        finally:
            bouncer.stop()


def _accepted(writer: Writer, leistung: str) -> Callable[[], Awaitable[bool]]:
    async def accepted() -> bool:
        return "errors" not in await writer.send(leistung)

    return accepted
