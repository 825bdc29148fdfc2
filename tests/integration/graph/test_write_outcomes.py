"""However a write ends, no cached value from before its commit is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
from msgspec.structs import replace

from app.db import outbox
from app.settings import Settings
from tests.integration.graph.running import running
from tests.integration.graph.test_failover import Writer, open_writer
from tests.proxy import Proxies
from tests.servers import PrivatePostgres, PrivateValkey, fetchval
from tests.waiting import until, until_equal

WAITS_FOR_STANDBY = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%write_entry%'"
)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def make_synchronous(server: PrivatePostgres) -> None:
    """For sessions that begin later."""
    await fetchval(server.admin_url, "ALTER ROLE dno SET synchronous_commit = on")


@asynccontextmanager
async def no_relay(url: str) -> AsyncIterator[None]:
    """Nothing is delivered: only the invalidation by the writer itself has an effect."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await until(lambda: outbox.may_relay(connection))
            yield
    finally:
        await connection.close()


@asynccontextmanager
async def warm_writer(settings: Settings, *, operation_timeout: float) -> AsyncIterator[Writer]:
    """A writer of a server whose caches all hold the price 1."""
    async with (
        running(settings, operation_timeout=operation_timeout) as server,
        httpx.AsyncClient(timeout=30) as client,
    ):
        writer = await open_writer(server, client)
        await server.delivered()
        for _ in range(4):
            await until_equal(writer.read, "1")
        await until(lambda: server.resources.memory.enabled and server.resources.shared.trusted)
        assert await writer.read() == "1"
        yield writer


async def test_after_a_deadline_during_the_commit_the_committed_value_is_served(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    settings = replace(settings, database_url=private_postgres.url)
    await make_synchronous(private_postgres)
    async with (
        warm_writer(settings, operation_timeout=1) as writer,
        no_relay(private_postgres.url),
    ):
        await private_postgres.hold_commits()
        assert "look before you try again" in deadline_message(await writer.send("2"))
        assert await price_in_database(private_postgres) == "2"
        assert await writer.read() == "2"


async def test_after_a_deadline_during_the_invalidation_the_committed_value_is_served(
    settings: Settings, private_postgres: PrivatePostgres, valkey: PrivateValkey
) -> None:
    async with Proxies() as proxies:
        port = await proxies.open("redis", valkey.port)
        settings = replace(
            settings,
            database_url=private_postgres.url,
            redis_url=valkey.url.replace(f":{valkey.port}", f":{port}"),
            redis_timeout=0.6,
            relay_timeout=2,
        )
        async with (
            warm_writer(settings, operation_timeout=0.4) as writer,
            no_relay(private_postgres.url),
        ):
            await proxies.lag("redis", up=60)
            assert deadline_message(await writer.send("2"))
            await proxies.lag("redis")
            assert await price_in_database(private_postgres) == "2"
            assert await writer.read() == "2"


async def test_after_an_unknown_outcome_the_old_value_is_not_served(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    async with Proxies() as proxies:
        port = await proxies.open("postgres", private_postgres.port)
        settings = replace(
            settings,
            database_url=private_postgres.url.replace(f":{private_postgres.port}", f":{port}"),
            database_statement_timeout=1.0,
            database_connect_timeout=0.5,
        )
        await make_synchronous(private_postgres)
        async with (
            warm_writer(settings, operation_timeout=8) as writer,
            no_relay(private_postgres.url),
        ):
            await private_postgres.hold_commits()
            writing = asyncio.create_task(writer.send("2"))
            await until(lambda: fetchval(private_postgres.admin_url, WAITS_FOR_STANDBY))
            await proxies.hold("postgres")
            await proxies.reset("postgres")
            [error] = (await writing)["data"]["correctTariff"]["errors"]
            assert error["code"] == "UNAVAILABLE"
            await proxies.release("postgres")
            await private_postgres.release_commits()
            await until_equal(lambda: price_in_database(private_postgres), "2")
            for _ in range(10):
                assert await writer.read() != "1"


# Deferred, so that it waits within the COMMIT of an import.
COMMITS_WAIT = """
CREATE FUNCTION wait_in_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF current_setting('application_name') = 'dno-import' THEN PERFORM pg_advisory_xact_lock(7); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER wait_in_commit AFTER UPDATE ON netzentgelte_data DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wait_in_commit()
"""
WAITS_IN_COMMIT = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event = 'advisory' AND query LIKE 'COMMIT%'"
)


async def test_an_import_that_is_committed_after_its_outcome_was_unknown_evicts_what_was_read_meanwhile(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    async with Proxies() as proxies, connected(private_postgres.admin_url) as holder:
        port = await proxies.open("postgres", private_postgres.port)
        settings = replace(
            settings, database_url=private_postgres.url.replace(f":{private_postgres.port}", f":{port}")
        )
        async with warm_writer(settings, operation_timeout=8) as writer:
            caches = writer.server.resources
            await holder.execute(COMMITS_WAIT)
            await holder.execute("SELECT pg_advisory_lock(7)")
            importing = asyncio.create_task(writer.import_price("2"))
            await until(lambda: holder.fetchval(WAITS_IN_COMMIT))
            await proxies.reset("postgres")
            response = await importing
            assert (response.status_code, response.json()["code"]) == (503, "UNAVAILABLE")
            assert "is not known" in response.json()["detail"]
            await until(lambda: caches.memory.enabled and caches.shared.trusted)
            for _ in range(4):
                await until_equal(writer.read, "1")
            assert await holder.fetchval(WAITS_IN_COMMIT)
            await holder.execute("SELECT pg_advisory_unlock(7)")
            await until_equal(lambda: price_in_database(private_postgres), "2")
            await writer.server.delivered()
            assert await writer.read() == "2"


async def price_in_database(server: PrivatePostgres) -> str:
    async with connected(server.url) as connection:
        return str(await connection.fetchval("SELECT leistung FROM netzentgelte_data"))


def deadline_message(response: Any) -> str:
    [error] = response["errors"]
    assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"
    return str(error["message"])
