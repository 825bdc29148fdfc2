"""Servers that follow a crawler's database with 900 operators: edits, deletions and garbage there, and processes that are killed."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import httpx
import pytest

from app.db.pool import Pool
from app.settings import Settings, as_environment
from tests.crawler_database import CrawlerDatabase
from tests.server_process import ServerProcess, dno
from tests.waiting import PATIENT, until, until_equal

OPERATORS = 900
Start = Callable[..., ServerProcess]


@pytest.fixture
def start(instance: Start, crawler: CrawlerDatabase, pool: Pool) -> Callable[[], ServerProcess]:
    def start() -> ServerProcess:
        return instance(follow_database_url=crawler.url, follow_interval=0.2, log_level="warning", **PATIENT)

    return start


@pytest.fixture
async def filled(crawler: CrawlerDatabase) -> CrawlerDatabase:
    """Prices of five years and windows of one for each operator, and garbage among them."""
    await crawler.execute(
        f"""
        INSERT INTO dnos (slug, name, mastr_nr) SELECT 'netze-' || n || '-gmbh', 'Netze ' || n || ' GmbH',
            'SNB9' || lpad(n::text, 11, '0') FROM generate_series(1, {OPERATORS}) n;
        INSERT INTO netzentgelte (dno_id, year, voltage_level, leistung, arbeit)
        SELECT id, year, 'MS', 50 + id % 50, 1.26 FROM dnos, generate_series(2022, 2026) year;
        INSERT INTO hlzf (dno_id, year, voltage_level, winter)
        SELECT id, 2026, 'MS', '[{{"start": "07:45:00", "end": "12:00:00"}}]' FROM dnos;
        UPDATE netzentgelte SET voltage_level = 'Sonstiges' WHERE id = 7;
        UPDATE netzentgelte SET leistung = 'NaN' WHERE id = 8;
        UPDATE hlzf SET winter = 'nonsense' WHERE id = 9;
        """
    )
    return crawler


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


async def figure(http: httpx.AsyncClient, server: ServerProcess, number: int = 1) -> str | None:
    """Leistungspreis of an operator in 2026, as a reader gets it."""
    query = f'{{ dno(slug: "netze-{number}") {{ tariffs(year: 2026) {{ leistung }} }} }}'
    found = (await http.post(f"{server.url}/graphql", json={"query": query})).json()
    tariffs = (found["data"]["dno"] or {"tariffs": []})["tariffs"]
    return tariffs[0]["leistung"] if tariffs else None


async def count(pool: Pool, table: str) -> int:
    [row] = await pool.fetch(f"SELECT count(*) FROM {table} WHERE deleted_at IS NULL")
    found: int = row["count"]
    return found


async def kill(server: ServerProcess) -> None:
    await asyncio.to_thread(server.stop, signal.SIGKILL)


async def test_readers_of_all_servers_see_what_changes_there_through_kills(
    filled: CrawlerDatabase, start: Callable[[], ServerProcess], pool: Pool, http: httpx.AsyncClient
) -> None:
    one = await asyncio.to_thread(start)
    await until(lambda: count(pool, "netzentgelte_data"))
    await kill(one)  # in the midst of the first pass
    servers = [await asyncio.to_thread(start) for _ in range(2)]
    await until_equal(lambda: count(pool, "hlzf_data"), OPERATORS - 1)
    assert await count(pool, "netzentgelte_data") == 5 * OPERATORS - 2
    assert await count(pool, "dnos") == OPERATORS  # and no starter data
    for server in servers:
        await until_equal(lambda server=server: figure(http, server), "51")

    await filled.execute(
        "UPDATE netzentgelte SET leistung = 99, updated_at = clock_timestamp() WHERE dno_id = 1"
    )
    for server in servers:
        await until_equal(lambda server=server: figure(http, server), "99")
    await kill(servers[0])
    await filled.execute(
        "UPDATE netzentgelte SET leistung = 98, updated_at = clock_timestamp() WHERE dno_id = 1"
    )
    await until_equal(lambda: figure(http, servers[1]), "98")
    await kill(servers[1])

    await filled.execute("DELETE FROM dnos WHERE id = 2")
    await filled.execute("DELETE FROM netzentgelte WHERE dno_id = 3 AND year = 2026")
    last = await asyncio.to_thread(start)
    await until_equal(lambda: figure(http, last, 3), None)
    await until_equal(lambda: count(pool, "dnos"), OPERATORS - 1)
    await until_equal(lambda: count(pool, "netzentgelte_data"), 5 * OPERATORS - 2 - 5 - 1)
    revisions = await pool.fetch(
        "SELECT entry_id, version, count(*) FROM revisions GROUP BY 1, 2 HAVING count(*) > 1"
    )
    assert revisions == []
    [row] = await pool.fetch("SELECT count(*) FROM revisions WHERE kind <> 'DELETED' AND version > 1")
    assert row["count"] == 2 * 5  # only the two edits: kills have repeated nothing

    ready = (await http.get(f"{last.url}/readyz")).json()["resources"]["followed"]
    assert ready == {"status": "up", "detail": "3 rows set aside"}

    async def metrics_are_set() -> bool:
        metrics = (await http.get(f"{last.url}/metrics")).text
        return (
            "dno_follow_set_aside_rows 3.0" in metrics and 'dno_follow_passes_total{kind="full"}' in metrics
        )

    await until(metrics_are_set)


async def test_a_followed_database_that_is_away_is_noted_and_read_again(
    crawler: CrawlerDatabase, start: Callable[[], ServerProcess], pool: Pool, http: httpx.AsyncClient
) -> None:
    row = await crawler.tariff(await crawler.dno("Netze 1 GmbH"))
    server = await asyncio.to_thread(start)
    await until_equal(lambda: figure(http, server), "58.2")

    async def followed() -> dict[str, str]:
        found: dict[str, str] = (await http.get(f"{server.url}/readyz")).json()["resources"]["followed"]
        return found

    await crawler.execute("ALTER TABLE hlzf RENAME TO elsewhere")
    try:
        await until(lambda: _has(followed, "degraded", "no table hlzf"))
        assert await figure(http, server) == "58.2"
    finally:
        await crawler.execute("ALTER TABLE elsewhere RENAME TO hlzf")
    await crawler.change("netzentgelte", row, leistung=61)
    await until_equal(lambda: figure(http, server), "61")
    await until(lambda: _has(followed, "up", ""))


async def _has(read: Callable[[], Awaitable[dict[str, str]]], status: str, detail: str) -> bool:
    found = await read()
    return found["status"] == status and detail in (found.get("detail") or "")


async def test_the_command_follows_once_and_lists_what_it_set_aside(
    crawler: CrawlerDatabase, settings: Settings, pool: Pool
) -> None:
    environment = as_environment(settings)
    first = await crawler.dno()
    await crawler.tariff(first)
    await crawler.tariff(first, voltage_level="Sonstiges")
    once = partial(dno, "follow", "--database", crawler.url, "--once", environment=environment)
    found = await asyncio.to_thread(once)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(
        "Full comparison of 1 operators: 1 added, 0 changed, 0 deleted,"
        " 1 rows set aside (dno follow --set-aside); "
    )
    listed = await asyncio.to_thread(partial(dno, "follow", "--set-aside", environment=environment))
    assert listed.stdout.startswith("netzentgelte\t2\tvoltage_level must be one of HOES")
    assert "voltage_level=Sonstiges" in listed.stdout
