"""A release with a migration replaces another one while requests are answered, and can be taken back."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest

from app.db.pool import Pool, open_pool
from app.domain.account import Role
from app.settings import Settings, as_environment
from tests import factories as make
from tests.integration.graph.running import Headers, Running, issue_key, running
from tests.integration.graph.writing import global_id
from tests.integration.scratch_tree import ScratchTree
from tests.integration.test_new_figures import COLUMN, MIGRATION
from tests.server_process import ServerProcess, dno
from tests.servers import cloned
from tests.waiting import COUNTED, until, until_equal

READ = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung version } } }'
NEW = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung grundpreis } } }'
CORRECT = """
mutation ($input: CorrectTariffInput!) { correctTariff(input: $input) { tariff { version } errors { code } } }
"""
WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'netzentgelte_data'::regclass"


@pytest.fixture
async def upgraded(settings: Settings, _postgres_url: str, worker_id: str) -> AsyncIterator[Settings]:
    """A database of its own, which the migration changes."""
    async with cloned(_postgres_url, f"upgrade_{worker_id}") as url:
        changed = {"database_url": url, "starter": False, "rate_limit_anonymous": 0, "rate_limit_api_key": 0}
        yield msgspec.structs.replace(settings, **changed, **COUNTED)


@pytest.fixture
def next_release(tmp_path: Path) -> ScratchTree:
    """With one more column, in its code and as a migration."""
    tree = ScratchTree(tmp_path)
    tree.edit(*COLUMN)
    tree.add({MIGRATION: "ALTER TABLE netzentgelte_data ADD COLUMN grundpreis price;\n"})
    return tree


async def test_an_upgrade_across_a_migration_fails_no_request_and_can_be_taken_back(
    upgraded: Settings, next_release: ScratchTree, folder: Path
) -> None:
    """Also while a download reads the table that the migration changes, for longer than statements may wait."""
    environment = as_environment(upgraded)
    del environment["DNO_PORT"]
    servers = Servers(folder, environment)
    async with servers, open_pool(upgraded) as pool, running(upgraded) as old:
        tariff = await make.tariff(pool, await make.dno(pool))
        _, key = await issue_key(pool, Role.EDITOR)
        load = Load(old, key, global_id(tariff))
        async with asyncio.TaskGroup() as group:
            requests = [group.create_task(each) for each in (load.read(), load.read(), load.correct())]
            async with reading(upgraded.database_url):
                migrating = asyncio.create_task(
                    asyncio.to_thread(dno, "migrate", environment=environment, code=next_release.folder)
                )
                for attempt in (1, 2):
                    await until(lambda: pool_fetchval(pool, WAITING))
                    await until_equal(lambda: pool_fetchval(pool, WAITING), False)
                    await load.goes_on()
                    assert not migrating.done(), attempt
            done = await migrating
            assert done.returncode == 0, done.stderr
            assert "version 9999" in done.stdout
            await load.goes_on()

            new = servers.start(code=next_release.folder)
            await asyncio.to_thread(new.wait_until_ready)
            await load.goes_on()
            async with httpx.AsyncClient(base_url=new.url, timeout=30, headers=key) as client:
                change = {"id": global_id(tariff), "grundpreis": "120.50"}
                written = await client.post(
                    "/graphql", json={"query": CORRECT, "variables": {"input": change}}
                )
                assert written.json()["data"]["correctTariff"]["errors"] == []
                answer = await client.post("/graphql", json={"query": NEW})
                assert answer.json()["data"]["dno"]["tariffs"][0]["grundpreis"] == "120.50"
            assert await asyncio.to_thread(new.stop, signal.SIGINT) == 0
            await load.goes_on()

            # The old release starts on the new schema, as after a crash or when the upgrade is taken back.
            again = servers.start()
            await asyncio.to_thread(again.wait_until_ready)
            load.server_url = f"{again.url}/graphql"
            await load.goes_on()
            load.stop()
            await asyncio.gather(*requests)
    assert set(load.outcomes) == {"answered"}, load.outcomes


async def test_a_migration_that_gets_no_lock_is_given_up_with_the_reason(
    upgraded: Settings, next_release: ScratchTree
) -> None:
    environment = {"DATABASE_URL": upgraded.database_url, "START_TIMEOUT": "3"}
    async with reading(upgraded.database_url):
        done = await asyncio.to_thread(dno, "migrate", environment=environment, code=next_release.folder)
    assert done.returncode == 1
    assert "needs tables that other transactions use" in done.stderr
    assert "raise START_TIMEOUT" in done.stderr


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[None]:
    """A transaction that has read the table, as a long download or a backup has."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK netzentgelte_data IN ACCESS SHARE MODE")
            yield
    finally:
        await connection.close()


class Servers:
    """Whole servers, which are stopped in the end."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._started: list[ServerProcess] = []

    def start(self, code: Path | None = None) -> ServerProcess:
        self._started.append(ServerProcess(self._folder, self._environment, code=code))
        return self._started[-1]

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *raised: object) -> None:
        for server in self._started:
            await asyncio.to_thread(server.stop, signal.SIGINT)


class Load:
    """Requests one after the other; corrections invalidate what is read, so reads reach PostgreSQL as well."""

    def __init__(self, server: Running, key: Headers, tariff_id: str) -> None:
        self.outcomes: Counter[str] = Counter()
        self.server_url = server.url
        self._key = key
        self._tariff_id = tariff_id
        self._stopped = False

    async def read(self) -> None:
        await self._repeat(lambda _: {"query": READ})

    async def correct(self) -> None:
        await self._repeat(
            lambda number: {
                "query": CORRECT,
                "variables": {"input": {"id": self._tariff_id, "leistung": f"{10 + number % 1000}"}},
            }
        )

    async def goes_on(self) -> None:
        """Waits for further answers, none of them an error."""
        answered = self.outcomes["answered"] + 30
        await until(lambda: self.outcomes["answered"] >= answered or len(self.outcomes) > 1)
        assert set(self.outcomes) == {"answered"}, self.outcomes

    def stop(self) -> None:
        self._stopped = True

    async def _repeat(self, body: Callable[[int], Any]) -> None:
        async with httpx.AsyncClient(timeout=30, headers=self._key) as client:
            for number in count():
                if self._stopped:
                    return
                try:
                    answer = (await client.post(self.server_url, json=body(number))).json()
                except httpx.HTTPError as error:
                    self.outcomes[repr(error)] += 1
                else:
                    refused = (answer.get("data") or {}).get("correctTariff", {}).get("errors")
                    failed = refused or answer.get("errors")
                    self.outcomes["answered" if not failed else str(failed)] += 1


async def pool_fetchval(pool: Pool, statement: str) -> bool:
    [row] = await pool.fetch(statement)
    found: bool = row[0]
    return found
