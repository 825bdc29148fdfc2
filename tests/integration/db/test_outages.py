"""PostgreSQL that answers but cannot execute statements: outages and retries, never internal errors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import msgspec
import pytest

from app.db.dedicated_connection import dedicated_connection
from app.db.pool import ConnectionLost, Pool, RolledBack, open_pool
from app.db.unit_of_work import OutcomeUnknown, UnitOfWork, unit_of_work, write
from app.domain.account import ANONYMOUS
from app.errors import CannotStart, Unavailable
from app.jobs.notifications import Notifications
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests.servers import PostgresPair, PrivatePostgres
from tests.waiting import until

ADD = "INSERT INTO dnos (slug, name) VALUES ('netze-a', 'Netze A')"
LISTENERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dno-api notifications' AND state = 'idle'"
PORT = "SELECT current_setting('port')::integer"


async def add(work: UnitOfWork) -> str:
    return await work.connection.execute(ADD)


@asynccontextmanager
async def superuser(server: PrivatePostgres) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(server.admin_url)
    try:
        yield connection
    finally:
        await connection.close()


async def pid_of(pool: Pool) -> int:
    found: int = (await pool.fetch("SELECT pg_backend_pid()"))[0][0]
    return found


# 25006 and the other codes of a server that cannot execute statements: the statement is not at fault.
@pytest.mark.parametrize(
    "code",
    [
        *("08000", "08003", "08006", "25006", "25P03", "25P04", "28000", "3D000", "40003", "53000", "53100", "53200"),
        *("53300", "55006", "57000", "57P01", "57P02", "57P03", "57P04", "57P05", "58000", "58030", "58P01"),
        *("F0000", "XX001", "XX002"),
    ],
)  # fmt: skip
async def test_error_codes_of_a_server_that_cannot_execute_statements_are_an_outage(
    settings: Settings, code: str
) -> None:
    """The connection is discarded."""
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$"
    async with open_pool(settings) as pool:
        before = await pid_of(pool)
        with pytest.raises(ConnectionLost):
            async with pool.connection() as connection:
                await connection.execute(raising)
        with pytest.raises(Unavailable):
            await write(pool, ANONYMOUS, lambda work: work.connection.execute(raising))
        with pytest.raises(Unavailable):
            await pool.fetch(raising)
        assert await pid_of(pool) != before


@pytest.mark.parametrize("code", ["40001", "40P01", "55P03", "26000", "42P05", "25001", "72000", "XX000"])
@pytest.mark.parametrize("fails", [1, 2])
async def test_a_transaction_that_was_rolled_back_is_retried_once(
    pool: Pool, admin_url: str, code: str, fails: int
) -> None:
    """A sequence counts the runs: it is not rolled back."""
    admin = await asyncpg.connect(admin_url)
    await admin.execute("CREATE SEQUENCE IF NOT EXISTS runs OWNED BY NONE; SELECT setval('runs', 1, false)")
    await admin.execute("GRANT ALL ON SEQUENCE runs TO dno")
    failing = (
        f"DO $$ BEGIN IF nextval('runs') <= {fails} THEN"
        f" RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END IF; END $$"
    )
    seen = []

    async def change(work: UnitOfWork) -> str:
        seen.append(work)
        await add(work)
        await work.connection.execute(failing)
        return "done"

    try:
        if fails == 1:
            result, work = await write(pool, ANONYMOUS, change)
            assert (result, work) == ("done", seen[1])
            assert len(work.events) == 1
        else:
            with pytest.raises(RolledBack):
                await write(pool, ANONYMOUS, change)
        assert len(seen) == 2
        assert (await pool.fetch("SELECT count(*) FROM dnos"))[0][0] == (fails == 1)
        await admin.execute("SELECT setval('runs', 1, false)")
        if fails == 1:
            await pool.fetch(failing)
        else:
            with pytest.raises(Unavailable):
                await pool.fetch(failing)
    finally:
        await admin.execute("DROP SEQUENCE runs")
        await admin.close()


async def test_a_statement_prepared_before_a_migration_is_prepared_again(pool: Pool, admin_url: str) -> None:
    admin = await asyncpg.connect(admin_url)
    await admin.execute("CREATE TABLE moved (price numeric)")
    await admin.execute("GRANT ALL ON moved TO dno; INSERT INTO moved VALUES (1)")
    runs = []

    async def change(work: UnitOfWork) -> str:
        runs.append(work)
        return str(await work.connection.fetchval("SELECT price FROM moved"))

    try:
        for _ in range(3):
            assert (await write(pool, ANONYMOUS, change))[0] == "1"
            assert [str(row["price"]) for row in await pool.fetch("SELECT price FROM moved")] == ["1"]
            await admin.execute("ALTER TABLE moved ALTER price TYPE bigint USING price::bigint")
            await admin.execute("ALTER TABLE moved ALTER price TYPE text")
        assert len(runs) > 3
    finally:
        await admin.execute("DROP TABLE moved")
        await admin.close()


async def test_statements_that_the_session_has_deallocated_are_sent_again(settings: Settings) -> None:
    """Like after DISCARD ALL by a pooler."""
    single = Settings(
        database_url=settings.database_url, min_database_connections=1, max_database_connections=1
    )
    async with open_pool(single) as pool:
        await pool.fetch("SELECT 1")
        async with pool.connection() as connection:
            await connection.execute("DEALLOCATE ALL")
        assert await pool.fetch("SELECT 1")
        async with pool.connection() as connection:
            await connection.execute("DEALLOCATE ALL")
        assert (await write(pool, ANONYMOUS, lambda work: work.connection.fetchval("SELECT 1")))[0] == 1


async def test_a_write_whose_connection_breaks_before_the_commit_is_retried(
    settings: Settings, pool: Pool
) -> None:
    runs = []

    async def change(work: UnitOfWork) -> None:
        runs.append(work)
        await add(work)
        if len(runs) == 1:
            await work.connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    _, work = await write(pool, ANONYMOUS, change)
    assert len(runs) == 2
    assert len(work.events) == 1
    assert (await pool.fetch("SELECT count(*) FROM dnos"))[0][0] == 1


async def test_the_outcome_of_a_commit_without_an_answer_is_looked_up(
    private_postgres: PrivatePostgres,
) -> None:
    """The server has committed and waits for a standby when its session is ended."""
    async with (
        superuser(private_postgres) as admin,
        open_pool(Settings(database_url=private_postgres.url)) as pool,
    ):
        await private_postgres.hold_commits()

        async def change(work: UnitOfWork) -> None:
            await work.connection.execute("SET LOCAL synchronous_commit = on")
            await add(work)

        writing = asyncio.create_task(write(pool, ANONYMOUS, change))
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        pid = await until(lambda: admin.fetchval(waiting))
        await admin.execute("SELECT pg_terminate_backend($1)", pid)
        _, work = await writing
        assert [event.topic for event in work.events] == ["operator"]
        assert (await pool.fetch("SELECT count(*) FROM dnos"))[0][0] == 1


async def test_a_commit_without_an_answer_that_did_not_happen_is_retried(
    settings: Settings, pool: Pool
) -> None:
    """A deferred trigger ends the session within COMMIT."""
    runs = []

    async def change(work: UnitOfWork) -> None:
        runs.append(work)
        await add(work)
        if len(runs) == 1:
            await work.connection.execute(
                "CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
                "CREATE CONSTRAINT TRIGGER ends AFTER INSERT ON dno_aliases DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION ends()"
            )
            await work.connection.execute(
                "INSERT INTO dno_aliases (dno_id, alias, source) SELECT id, 'A', 'test' FROM dnos"
            )

    await write(pool, ANONYMOUS, change)
    assert len(runs) == 2
    assert (await pool.fetch("SELECT count(*) FROM dnos"))[0][0] == 1


async def test_a_commit_whose_outcome_cannot_be_looked_up_is_reported_as_unknown(
    private_postgres: PrivatePostgres,
) -> None:
    settings = Settings(database_url=private_postgres.url, database_statement_timeout=0.5)
    async with open_pool(settings) as pool:
        with pytest.raises(OutcomeUnknown):
            await _add_and_freeze(pool, private_postgres)
    private_postgres.resume()


async def _add_and_freeze(pool: Pool, server: PrivatePostgres) -> None:
    async with unit_of_work(pool, ANONYMOUS) as work:
        await add(work)
        await work.read_back()
        work.wrote_nothing = True  # nothing more is to be read back
        server.pause()


async def test_a_server_set_read_only_refuses_writes_and_still_answers_reads(
    private_postgres: PrivatePostgres,
) -> None:
    async with open_pool(Settings(database_url=private_postgres.url)) as pool:
        await asyncio.gather(*(pool.fetch("SELECT pg_sleep(0.01)") for _ in range(5)))
        assert (await pool.probe()).takes_writes
        await private_postgres.refuse_writes()
        with pytest.raises(Unavailable, match="takes no writes"):
            await write(pool, ANONYMOUS, add)
        assert not (await pool.probe()).takes_writes
        for _ in range(3):
            assert await asyncio.gather(*(pool.fetch("SELECT 1") for _ in range(5)))
        await private_postgres.accept_writes()
        await write(pool, ANONYMOUS, add)
        assert (await pool.probe()).takes_writes


@pytest.mark.parametrize("old_stays", [True, False])
async def test_a_failover_to_another_host_is_followed(postgres_pair: PostgresPair, old_stays: bool) -> None:
    """With the next statement, a write or a read: rows of the old primary may be stale. The connection that listens follows, too."""
    for first in (write_one, read_one):
        settings = Settings(database_url=postgres_pair.url_of_both)
        listener = Notifications("dno_outbox", settings)
        async with open_pool(settings) as pool, Supervisor([listener], stop_timeout=5):
            await asyncio.gather(*(pool.fetch("SELECT pg_sleep(0.01)") for _ in range(5)))
            assert (await pool.fetch(PORT))[0][0] == postgres_pair.primary.port
            await postgres_pair.fail_over(old_stays=old_stays)
            await first(pool, postgres_pair.primary.port)
            ports = await asyncio.gather(*(pool.fetch(PORT) for _ in range(5)))
            assert {rows[0][0] for rows in ports} == {postgres_pair.primary.port}
            async with superuser(postgres_pair.primary) as admin:
                await until(lambda: admin.fetchval(LISTENERS))
                listener.news.clear()
                await admin.execute("NOTIFY dno_outbox")
                await asyncio.wait_for(listener.news.wait(), 30)
        await postgres_pair.renew_standby()


async def write_one(pool: Pool, port: int) -> None:
    slug = f"netze-{port}"
    await write(
        pool,
        ANONYMOUS,
        lambda work: work.connection.execute("INSERT INTO dnos (slug, name) VALUES ($1, $1)", slug),
    )


async def read_one(pool: Pool, port: int) -> None:
    assert (await pool.fetch(PORT))[0][0] == port


async def test_a_standby_alone_is_rejected_with_the_reason(postgres_pair: PostgresPair) -> None:
    with pytest.raises(CannotStart, match="takes no writes"):
        async with open_pool(Settings(database_url=postgres_pair.standby.url)):
            pass


async def test_a_host_that_is_frozen_does_not_hide_the_next(
    private_postgres: PrivatePostgres, settings: Settings
) -> None:
    running = urlsplit(settings.database_url)
    both = f"127.0.0.1:{private_postgres.port},{running.netloc.rpartition('@')[2]}"
    url = running._replace(netloc=f"{running.netloc.rpartition('@')[0]}@{both}").geturl()
    private_postgres.pause()
    try:
        async with open_pool(Settings(database_url=url)) as pool:
            assert (await pool.fetch(PORT))[0][0] == running.port
    finally:
        private_postgres.resume()


async def test_a_listener_fails_when_its_server_becomes_read_only(
    private_postgres: PrivatePostgres,
) -> None:
    settings = Settings(database_url=private_postgres.url)
    listening = asyncio.create_task(Notifications("dno_outbox", settings).run())
    async with superuser(private_postgres) as admin, asyncio.timeout(30):
        await until(lambda: admin.fetchval(LISTENERS))
        await private_postgres.refuse_writes()
        with pytest.raises(Unavailable):
            await listening
        with pytest.raises(Unavailable):
            async with dedicated_connection("test", settings):
                pass


async def test_a_full_disk_is_reported_until_a_write_succeeds(pool: Pool) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$"
    with pytest.raises(Unavailable):
        await write(pool, ANONYMOUS, lambda work: work.connection.execute(full))
    assert not (await pool.probe()).takes_writes
    again = "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$"
    await write(pool, ANONYMOUS, add)
    assert (await pool.probe()).takes_writes
    with pytest.raises(Unavailable):
        await write(pool, ANONYMOUS, lambda work: work.connection.execute(again))
    assert (await pool.probe()).takes_writes


async def test_a_statement_that_needs_more_temporary_space_than_is_allowed_is_no_outage(
    settings: Settings, pool: Pool, admin_url: str
) -> None:
    """Refused at once, on a connection that stays; the database takes writes."""
    sorting = (
        "SELECT count(*) FROM (SELECT g FROM generate_series(1, 500000) g ORDER BY g::text OFFSET 0) AS large"
    )
    only_one = msgspec.structs.replace(settings, min_database_connections=1, max_database_connections=1)
    async with open_pool(only_one) as limited:
        before = await pid_of(limited)
        admin = await asyncpg.connect(admin_url)
        try:
            await admin.execute("GRANT SET ON PARAMETER temp_file_limit TO dno")
            async with limited.connection() as connection:
                await connection.execute("SET temp_file_limit = '64kB'; SET work_mem = '64kB'")
            with pytest.raises(Unavailable, match="space"):
                await limited.fetch(sorting)
            with pytest.raises(Unavailable, match="space"):
                await write(limited, ANONYMOUS, lambda work: work.connection.execute(sorting))
            assert (await limited.probe()).takes_writes
            assert await pid_of(limited) == before
        finally:
            await admin.execute("REVOKE SET ON PARAMETER temp_file_limit FROM dno")
            await admin.close()


async def test_a_read_transaction_does_not_begin_on_a_former_primary(
    postgres_pair: PostgresPair,
) -> None:
    async with open_pool(Settings(database_url=postgres_pair.url_of_both)) as pool:
        async with pool.reading() as connection:
            assert await connection.fetchval(PORT) == postgres_pair.primary.port
        await postgres_pair.fail_over(old_stays=True)
        async with pool.reading() as connection:
            assert await connection.fetchval(PORT) == postgres_pair.primary.port
