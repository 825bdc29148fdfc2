"""Settings that an administrator of PostgreSQL has made for the role or the database."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import asyncpg
import pytest
from asyncpg.types import ServerVersion
from asyncpg_trek import plan

from app.cli.migrate import bring_up_to_date
from app.db import migrate as migrations
from app.db import staging
from app.db.export import Filter, Rows, Table, stream
from app.db.migrate import left_rows, migrate
from app.db.pool import Connection, Pool, open_pool
from app.importers import load
from app.settings import Settings
from tests.servers import cloned, fetchval
from tests.waiting import until

LEVY = (
    "INSERT INTO levies (kind, valid_from, year, value, unit)"
    " VALUES ('KWKG', make_date(2025, $1, 1), 2025, 0.275, 'ct/kWh')"
)
WAITING = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
# Longer than the time-out of the role.
WAITING_FOR_LONG = (
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND clock_timestamp() - query_start > '1 s'"
)
OPEN_FOR_LONG = (
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND clock_timestamp() - xact_start > '1 s'"
)
UNVALIDATED = (
    "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND NOT convalidated"
    " AND connamespace = 'elsewhere'::regnamespace"
)
LONG_CITY = "INSERT INTO dnos (slug, name, city) VALUES ('netze-a', 'Netze A', repeat('x', 10001))"

DatabaseWith: TypeAlias = Callable[[str], AbstractAsyncContextManager[str]]


@pytest.fixture
def database_with(_postgres_url: str, worker_id: str) -> DatabaseWith:
    """A database of its own with a setting."""

    @asynccontextmanager
    async def opened(setting: str) -> AsyncIterator[str]:
        name = f"set_{worker_id}"
        async with cloned(_postgres_url, name) as url:
            await fetchval(url, f'ALTER DATABASE "{name}" SET {setting}')
            yield url

    return opened


@pytest.fixture
def admin_of(_postgres_url: str) -> Callable[[str], str]:
    """The superuser's address of the same database."""
    return lambda url: urlsplit(_postgres_url)._replace(path=urlsplit(url).path).geturl()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
async def test_of_two_levies_for_the_same_days_one_is_refused_whatever_isolation_is_set(
    isolation: str, database_with: DatabaseWith
) -> None:
    setting = f"default_transaction_isolation = '{isolation}'"
    async with (
        database_with(setting) as url,
        open_pool(Settings(database_url=url)) as pool,
    ):
        async with pool.connection() as connection, connection.transaction():
            await connection.execute(LEVY, 1)
            second = asyncio.create_task(add_levy(pool, 2))
            await until(lambda: fetchval(url, WAITING))
        with pytest.raises(asyncpg.CheckViolationError, match="holds on some of these days"):
            await second


async def add_levy(pool: Pool, month: int) -> None:
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(LEVY, month)


async def test_an_import_sees_what_was_committed_while_it_waited_whatever_isolation_is_set(
    database_with: DatabaseWith,
) -> None:
    setting = "default_transaction_isolation = 'repeatable read'"
    async with database_with(setting) as url:
        async with load.connect(url, deadline=60) as first, first.transaction():
            await staging.one_import_at_a_time(first)
            await first.execute(LEVY, 1)
            second = asyncio.create_task(levies_that_an_import_sees(url))
            await until(lambda: fetchval(url, WAITING))
        assert await second == 1


async def levies_that_an_import_sees(url: str) -> int:
    async with load.connect(url, deadline=60) as connection, connection.transaction():
        await staging.one_import_at_a_time(connection)
        count: int = await connection.fetchval("SELECT count(*) FROM levies")
        return count


@pytest.mark.parametrize("timeout", ["statement_timeout", "lock_timeout", "transaction_timeout"])
async def test_imports_and_migrations_may_take_longer_than_the_timeouts_of_the_role(
    timeout: str, database_with: DatabaseWith
) -> None:
    async with database_with(f"{timeout} = '500 ms'") as url:
        for work, lock in ((levies_that_an_import_sees, staging._LOCK), (migrate, migrations._LOCK)):
            async with holding(url, lock):
                waiting = asyncio.create_task(work(url))
                await until(lambda: fetchval(url, WAITING_FOR_LONG))
            assert not await waiting


@pytest.mark.parametrize("work", ["import", "migration"])
async def test_between_two_statements_may_be_longer_than_the_timeout_of_the_role_for_idle_sessions(
    work: str, database_with: DatabaseWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database_with("idle_session_timeout = '200 ms'") as url:
        if work == "import":
            async with load.connect(url, deadline=60) as connection:
                await asyncio.sleep(0.6)
                assert await connection.fetchval("SELECT 1") == 1
        else:

            async def read_later(*args: Any, **options: Any) -> Any:
                await asyncio.sleep(0.6)
                return await plan(*args, **options)

            monkeypatch.setattr(migrations, "plan", read_later)
            assert await migrate(url) == []


async def test_an_import_waits_for_locks_as_long_as_it_may_take_itself(database_with: DatabaseWith) -> None:
    async with (
        database_with("lock_timeout = '500 ms'") as url,
        load.connect(url, deadline=7) as connection,
    ):
        assert await connection.fetchval("SHOW lock_timeout") == "7s"


async def test_before_version_17_no_transaction_timeout_is_set(
    database_with: DatabaseWith, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There SET of it is an error."""
    old = ServerVersion(16, 4, 0, "final", 0)
    async with (
        database_with("transaction_timeout = '7 s'") as url,
        open_pool(Settings(database_url=url)) as pool,
    ):
        monkeypatch.setattr(asyncpg.Connection, "get_server_version", lambda self: old)
        async with load.connect(url, deadline=60) as connection:
            assert await connection.fetchval("SHOW transaction_timeout") == "7s"
            assert await connection.fetchval("SHOW statement_timeout") == "0"
        async with pool.connection() as connection:
            await connection.execute(LEVY, 2)
            exported = levies(connection)
            await anext(exported)
            assert await connection.fetchval("SHOW transaction_timeout") == "7s"
            assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
            await exported.aclose()


async def test_an_export_may_take_longer_than_the_transaction_timeout_of_the_role(
    database_with: DatabaseWith,
) -> None:
    setting = "transaction_timeout = '500 ms'"
    async with (
        database_with(setting) as url,
        open_pool(Settings(database_url=url)) as pool,
        pool.connection() as connection,
    ):
        await connection.execute(LEVY, 2)
        exported = levies(connection)
        assert len(await anext(exported)) == 1
        await until(lambda: fetchval(url, OPEN_FOR_LONG))
        assert [batch async for batch in exported] == []


def levies(connection: Connection) -> AsyncGenerator[Rows, None]:
    return stream(connection, Table["LEVIES"], Filter(), batch_timeout=60, on_broken=lambda count: None)


@asynccontextmanager
async def holding(url: str, lock: int) -> AsyncIterator[None]:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", lock)
        yield
    finally:
        await connection.close()


async def test_dates_are_written_in_one_form_whatever_form_is_set(database_with: DatabaseWith) -> None:
    """In exports, and where levies are listed for people."""
    decomposed = LEVY.replace("value,", "value, customer_group,").replace(
        "0.275,", "0.275, 'begu\u0308nstigt',"
    )
    async with database_with("datestyle = 'German'") as url, open_pool(Settings(database_url=url)) as pool:
        async with pool.connection() as connection:
            await connection.execute(decomposed, 2)
            rows = [tuple(row) async for batch in levies(connection) for row in batch]
        assert [row[2] for row in rows] == ["2025-02-01"]
        assert "from 2025-02-01" in (await left_rows(url)).decomposed_levies[0]


@asynccontextmanager
async def empty_with_another_schema_first(database_with: DatabaseWith) -> AsyncIterator[str]:
    async with database_with("search_path = elsewhere, public") as url:
        for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "CREATE SCHEMA elsewhere"):
            await fetchval(url, statement)
        yield url


async def test_rules_are_validated_in_whichever_schema_the_search_path_names_first(
    database_with: DatabaseWith,
) -> None:
    """A schema with the name of the role comes first without any setting."""
    async with empty_with_another_schema_first(database_with) as url:
        await migrate(url, target="0003")
        await fetchval(url, LONG_CITY)
        await migrate(url)
        assert await fetchval(url, UNVALIDATED) == 1
        assert (await left_rows(url)).broken_rules == ["dnos.city_is_not_too_long"]
        await fetchval(url, "UPDATE dnos SET city = 'Aachen'")
        assert await migrate(url) == []
        assert await fetchval(url, UNVALIDATED) == 0


async def test_tables_in_another_schema_have_the_same_rules_as_in_public(database_with: DatabaseWith) -> None:
    """Also moments that no client can read are repaired there, and refused from then on."""
    rules = (
        "SELECT string_agg(concat_ws(' ', c.relname, r.conname, r.convalidated, pg_get_constraintdef(r.oid)), chr(10)"
        " ORDER BY c.relname, r.conname) FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid"
        " WHERE pg_table_is_visible(c.oid) AND r.conname NOT LIKE 'pg_%'"
    )
    async with database_with("search_path = public") as url:
        expected = await fetchval(url, rules)
    assert expected.count("readable_moment(") > 20
    async with empty_with_another_schema_first(database_with) as url:
        await migrate(url, target="0022")
        await fetchval(
            url,
            "INSERT INTO dnos (slug, name, created_at, deleted_at) VALUES ('netze-a', 'Netze A', '20000-01-01', 'infinity')",
        )
        assert await migrate(url) == ["0023"]
        assert await fetchval(url, rules) == expected
        recent = "SELECT now() - created_at < '1 minute' AND now() - deleted_at < '1 minute' FROM dnos"
        assert await fetchval(url, recent)
        with pytest.raises(asyncpg.CheckViolationError):
            await fetchval(url, "UPDATE dnos SET deleted_at = 'infinity'")


async def test_rules_with_any_name_are_validated_and_those_on_a_table_of_another_role_are_listed(
    database_with: DatabaseWith, admin_of: Callable[[str], str]
) -> None:
    rule = "ALTER TABLE dnos ADD CONSTRAINT {} CHECK (city <> '') NOT VALID"
    async with database_with("search_path = public") as url:
        await fetchval(url, rule.format('"we""ird"'))
        assert await migrate(url) == []
        assert (await left_rows(url)).broken_rules == []
        await fetchval(url, rule.format("of_another"))
        await fetchval(admin_of(url), "ALTER TABLE dnos OWNER TO CURRENT_USER")
        notes = await bring_up_to_date(Settings(database_url=url))
        assert len(notes) == 1
        assert "belongs to another role: dnos.of_another. " in notes[0]
