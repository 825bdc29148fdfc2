"""Tables, columns and rights that are missing for a while: a restore in several transactions, or another release's migration."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import asyncpg
import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from app.db.missing_objects import TABLES
from app.db.pool import Pool, open_pool
from app.domain.account import Role
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.query_generator import drops_coroutines
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.writing import global_id
from tests.servers import cloned
from tests.waiting import until

CORRECT = """
mutation ($id: ID!, $price: Decimal!) {
  correctTariff(input: {id: $id, leistung: $price}) { tariff { leistung } errors { code message } }
}
"""
READ = '{ dno(slug: "netze-a") { name tariffs(year: 2025) { leistung } hlzf(year: 2025) { season } } }'
FILE = b"dno_slug,year,voltage_level,leistung,arbeit\nnetze-a,2026,MS,58.20,1.26\n"
CSV = {"content-type": "text/csv"}
PATHS = (
    *("/export/tariffs.csv", "/export/hlzf.csv", "/dnos/netze-a/hlzf/2025.ics"),
    *("/api/v1/dnos/netze-a/2025", "/en/operators/netze-a/2025"),
)


class Fault(NamedTuple):
    begin: str
    end: str
    state: str  # of PostgreSQL in /readyz


FAULTS = {
    "tables": Fault(
        "ALTER TABLE netzentgelte_data RENAME TO n; ALTER TABLE hlzf_data RENAME TO h",
        "ALTER TABLE n RENAME TO netzentgelte_data; ALTER TABLE h RENAME TO hlzf_data",
        "degraded",
    ),
    "all tables": Fault(
        "ALTER SCHEMA public RENAME TO elsewhere; CREATE SCHEMA public",
        "DROP SCHEMA public; ALTER SCHEMA elsewhere RENAME TO public",
        "down",
    ),
    "rights to tables": Fault(
        "REVOKE ALL ON netzentgelte_data, hlzf_data FROM dno",
        "GRANT ALL ON netzentgelte_data, hlzf_data TO dno",
        "degraded",
    ),
    "the right to the schema": Fault(
        "REVOKE ALL ON SCHEMA public FROM dno, PUBLIC; ALTER SCHEMA public OWNER TO postgres",
        "GRANT ALL ON SCHEMA public TO dno, PUBLIC",
        "down",
    ),
    "columns": Fault(
        "ALTER TABLE netzentgelte_data RENAME source_url TO s; ALTER TABLE hlzf_data RENAME source_url TO s",
        "ALTER TABLE netzentgelte_data RENAME s TO source_url; ALTER TABLE hlzf_data RENAME s TO source_url",
        "degraded",
    ),
}


@pytest.fixture(autouse=True)
def unwritten_logs() -> Iterator[None]:
    """The traceback of an unconfigured log takes the event loop seconds, in which connections are closed as idle."""
    with capture_logs():
        yield


@pytest.fixture
async def own_database(settings: Settings, _postgres_url: str, worker_id: str) -> AsyncIterator[Settings]:
    async with cloned(_postgres_url, f"incomplete_{worker_id}") as url:
        yield msgspec.structs.replace(
            settings,
            database_url=url,
            starter=False,
            entity_cache=False,
            memory_cache=False,
            response_cache=False,
        )


@pytest.fixture
async def admin(
    own_database: Settings, _postgres_url: str
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(_postgres_url, database=own_database.database_url.rpartition("/")[2])
    yield connection
    await connection.close()


@drops_coroutines
@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_what_is_missing_in_the_database_is_an_outage_on_every_path_and_ends_with_it(
    own_database: Settings, admin: Any, fault: str
) -> None:
    async with open_pool(own_database) as pool:
        dno = await make.dno(pool, "netze-a")
        tariff = await make.tariff(pool, dno, 2025, VoltageLevel.MS, leistung="58.20")
        await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.WINTER)
        _, editor = await issue_key(pool, Role.EDITOR, "editor")
    id = global_id(tariff)
    async with running(own_database) as server, httpx.AsyncClient(timeout=60) as client:
        base = server.url.removesuffix("/graphql")
        await until(lambda: is_in_state("up", server, client))
        for path in PATHS:
            assert (await client.get(base + path)).status_code == 200, path
        await server.execute(CORRECT, editor, id=id, price="58.30")
        await admin.execute(FAULTS[fault].begin)
        for path in PATHS:
            refused = await client.get(base + path)
            assert (refused.status_code, refused.json()["code"]) == (503, "UNAVAILABLE"), path
        read = (await client.post(server.url, json={"query": READ})).json()
        assert {error["extensions"]["code"] for error in read["errors"]} == {"UNAVAILABLE"}
        body = {"query": CORRECT, "variables": {"id": id, "price": "12.5"}}
        assert write_errors(await client.post(server.url, json=body, headers=editor)) == ["UNAVAILABLE"]
        uploaded = await client.post(f"{base}/api/v1/import/tariffs", content=FILE, headers=editor | CSV)
        assert (uploaded.status_code, uploaded.json()["code"]) == (503, "UNAVAILABLE")
        await until(lambda: is_in_state(FAULTS[fault].state, server, client))
        await admin.execute(FAULTS[fault].end)
        await until(lambda: is_in_state("up", server, client))
        for path in PATHS:
            assert (await client.get(base + path)).status_code == 200, path
        written = await server.execute(CORRECT, editor, id=id, price="12.5")
        assert written["correctTariff"]["tariff"] == {"leistung": "12.5"}


def write_errors(response: httpx.Response) -> list[str]:
    """Without the tables of caches the key is soon looked up in the database, which refuses the whole request."""
    body = response.json()
    if response.status_code == 503:
        return [error["extensions"]["code"] for error in body["errors"]]
    return [error["code"] for error in body["data"]["correctTariff"]["errors"]]


async def is_in_state(state: str, server: Running, client: httpx.AsyncClient) -> bool:
    report = (await client.get(server.url.replace("/graphql", "/readyz"))).json()
    return bool(report["resources"]["postgres"]["status"] == state)


async def test_the_probe_of_readiness_is_no_statement_of_a_request(pool: Pool) -> None:
    before = pool.statements
    assert await pool.probe() == (True, [])
    assert pool.statements == before


async def test_every_table_of_the_release_is_looked_for(pool: Pool) -> None:
    rows = await pool.fetch("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
    assert sorted(TABLES) == sorted({row[0] for row in rows} - {"migrations"})
