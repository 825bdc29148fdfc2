"""Statements while PostgreSQL is slow, unavailable, or available again."""

import asyncio
from threading import Thread

import asyncpg
import msgspec
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.db import missing_objects
from app.db.pool import ConnectionLost, Incomplete, open_pool
from app.errors import BadInput, CannotStart, DeadlineExceeded, Unavailable
from app.settings import Settings
from tests.waiting import LIMIT, until_equal


def counted(name: str) -> float:
    return REGISTRY.get_sample_value("dno_database_statements_total", {"region": name}) or 0


async def own_pid(pool) -> int:
    return (await pool.fetch("SELECT pg_backend_pid()"))[0][0]


async def terminate(database_url: str, condition: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE application_name = 'dno-api' AND datname = current_database() AND {condition}"
    )
    await connection.close()


async def execute(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(statement)
    await connection.close()


async def wait_until_active(database_url: str, query: str, *, runs: bool = True) -> None:
    connection = await asyncpg.connect(database_url)
    statement = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query = $1)"
    await until_equal(lambda: connection.fetchval(statement, query), runs)
    await connection.close()


async def test_a_statement_is_counted_under_its_name(pool):
    before = counted("by_name")
    await pool.fetch("SELECT 1", name="by_name")
    assert counted("by_name") - before == 1
    assert pool.statements == 1


async def test_fewer_connections_than_the_default_minimum_may_be_allowed(settings):
    one = Settings(database_url=settings.database_url, max_database_connections=1)
    async with open_pool(one) as pool:
        assert (await pool.fetch("SELECT 1"))[0][0] == 1


async def test_a_statement_that_takes_too_long_is_cancelled(settings):
    async with open_pool(
        Settings(database_url=settings.database_url, database_statement_timeout=0.05)
    ) as pool:
        with pytest.raises(DeadlineExceeded):
            await pool.fetch("SELECT pg_sleep(5)")
        assert await pool.fetch("SELECT 1")


async def test_a_pool_without_a_free_connection_is_unavailable(settings):
    few = Settings(
        database_url=settings.database_url,
        min_database_connections=1,
        max_database_connections=1,
        database_acquire_timeout=0.05,
    )
    async with open_pool(few) as pool:
        async with pool.connection():
            with pytest.raises(Unavailable):
                await pool.fetch("SELECT 1")
        assert await pool.fetch("SELECT 1")


async def test_closed_idle_connections_are_replaced_without_an_error(settings):
    async with open_pool(settings) as pool:
        pid = await own_pid(pool)
        await terminate(settings.database_url, "pid <> pg_backend_pid()")
        assert await own_pid(pool) != pid


async def test_a_read_whose_connection_breaks_is_sent_again(settings):
    async with open_pool(settings) as pool:
        slow = "SELECT pg_backend_pid() FROM pg_sleep(0.3)"
        read = asyncio.create_task(pool.fetch(slow))
        await wait_until_active(settings.database_url, slow)
        await terminate(settings.database_url, "state = 'active' AND pid <> pg_backend_pid()")
        assert await read


async def test_reads_by_several_statements_begin_on_another_connection_where_theirs_is_broken(settings):
    few = msgspec.structs.replace(settings, min_database_connections=1, max_database_connections=1)
    async with open_pool(few) as pool:
        pid = await own_pid(pool)
        ending = f"SELECT pg_terminate_backend({pid}, 10_000)"
        # While this thread waits, the pool cannot notice that its connection is closed.
        thread = Thread(target=asyncio.run, args=(execute(settings.database_url, ending),))
        thread.start()
        thread.join()
        async with pool.reading() as connection:
            assert await connection.fetchval("SELECT pg_backend_pid()") != pid


async def test_a_transaction_whose_connection_breaks_is_not_retried(settings):
    async with open_pool(settings) as pool:
        with pytest.raises(ConnectionLost):
            async with pool.connection() as connection, connection.transaction():
                await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert await pool.fetch("SELECT 1")


async def test_a_faulty_statement_is_not_reported_as_an_outage(pool):
    with pytest.raises(asyncpg.InterfaceError):
        await pool.fetch("SELECT $1::int")
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await pool.fetch("SELEKT")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM no_such_table",
        "SELECT no_such_column FROM dnos",
        "SELECT no_such_function()",
        "SELECT NULL::no_such_type",
        "SELECT FROM no_such_schema.dnos",
    ],
)
async def test_what_is_missing_is_counted_and_logged_with_its_statement_once_in_a_while(
    pool, monkeypatch, statement
):
    monkeypatch.setattr(missing_objects, "_reported", {})
    before = REGISTRY.get_sample_value("dno_database_incomplete_total")
    with capture_logs() as logged:
        for _ in range(3):
            with pytest.raises(Incomplete) as refused:
                await pool.fetch(statement)
    assert REGISTRY.get_sample_value("dno_database_incomplete_total") == before + 3
    [line] = [line for line in logged if line["log_level"] == "error"]
    assert line["statement"] == statement
    assert isinstance(line["exc_info"], asyncpg.PostgresError)
    assert pool.lacked_something()
    assert refused.value.__cause__ is not None


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("SELECT CASE WHEN true THEN 1 ELSE '{}'::jsonb END", asyncpg.DatatypeMismatchError),
        ("SELECT count(*) FILTER (WHERE true) FROM dnos ORDER BY 2", asyncpg.InvalidColumnReferenceError),
        ("SELECT now() FILTER (WHERE true)", asyncpg.WrongObjectTypeError),
    ],
)
async def test_errors_that_only_a_wrong_statement_has_are_no_outage(pool, statement, error):
    with pytest.raises(error):
        await pool.fetch(statement)


async def test_the_timeout_of_a_statement_that_was_not_executed_does_not_cancel_the_next(settings):
    few = Settings(
        database_url=settings.database_url,
        min_database_connections=1,
        max_database_connections=1,
        database_statement_timeout=0.2,
    )
    async with open_pool(few) as pool:
        with pytest.raises(asyncpg.InterfaceError):
            await pool.fetch("SELECT $1::int")
        await asyncio.sleep(0.3)  # PostgreSQL's clock runs by itself
        assert await pool.fetch("SELECT 1")


async def test_text_that_cannot_be_stored_is_bad_input(pool):
    with pytest.raises(BadInput):
        await pool.fetch("SELECT $1::text", "\0")


async def test_cancelling_a_read_cancels_its_statement(settings):
    async with open_pool(settings) as pool:
        slow = "SELECT pg_sleep(4.321)"
        read = asyncio.create_task(pool.fetch(slow))
        await wait_until_active(settings.database_url, slow)
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        await wait_until_active(settings.database_url, slow, runs=False)
        assert await pool.fetch("SELECT 1")


async def test_a_server_that_is_available_again_is_used_again(private_postgres):
    settings = Settings(database_url=private_postgres.url, min_database_connections=3)
    async with open_pool(settings) as pool:
        await asyncio.gather(*(pool.fetch("SELECT pg_sleep(0.01)") for _ in range(3)))
        await asyncio.to_thread(private_postgres.stop)
        with pytest.raises(Unavailable):
            await pool.fetch("SELECT 1")
        await asyncio.to_thread(private_postgres.start)
        await asyncio.gather(*(pool.fetch("SELECT 1") for _ in range(10)))


async def test_statements_on_a_frozen_server_time_out(private_postgres):
    """Once it is resumed, it is used again."""
    settings = Settings(
        database_url=private_postgres.url,
        max_database_connections=2,
        database_statement_timeout=0.1,
        database_connect_timeout=0.2,
        database_acquire_timeout=0.2,
    )
    async with open_pool(settings) as pool:
        private_postgres.pause()
        async with asyncio.timeout(LIMIT):
            refused = await asyncio.gather(
                *(pool.fetch("SELECT 1") for _ in range(4)), return_exceptions=True
            )
        assert {type(refusal) for refusal in refused} <= {Unavailable, ConnectionLost}
        private_postgres.resume()
        async with asyncio.timeout(LIMIT):
            assert await pool.fetch("SELECT 1")


async def test_no_error_contains_the_password(private_postgres):
    url = private_postgres.url
    wrong = [
        url.replace("for-tests-only", "s3cret-and-wrong"),
        "postgresql://postgres:s3cret/with#signs@127.0.0.1:1/dno",
        "postgresql://postgres:s3cret@127.0.0.1:1/dno",
    ]
    for address in wrong:
        with pytest.raises(CannotStart) as refused:
            async with open_pool(Settings(database_url=address)):
                pass
        error: BaseException | None = refused.value
        while error is not None:
            assert "s3cret" not in f"{error} {error!r}"
            error = error.__cause__


# Connections are kept for a moment for the next statement


async def test_statements_one_after_the_other_take_a_connection_of_the_driver_s_pool_once(settings):
    async with open_pool(settings) as pool:
        taken = []  # the driver wraps a connection again each time that it is taken
        for _ in range(20):
            async with pool.connection() as connection:
                taken.append(connection)
                await connection.execute("SELECT 1")
        # A busy machine may stand still for longer than a connection is kept.
        assert len({id(each) for each in taken}) < 10


async def test_connections_that_nothing_uses_are_given_back(settings):
    async with open_pool(settings) as pool:
        await asyncio.gather(*(pool.fetch("SELECT pg_sleep(0.05)") for _ in range(2)))
        assert pool.idle == pool.size
        await until_equal(pool._pool.get_idle_size, pool.size)
        assert not pool._kept
        assert pool._give_back_timer is None


async def test_kept_connections_expire_with_the_others(settings):
    async with open_pool(settings) as pool:
        pid = await own_pid(pool)
        await pool.expire()
        assert await own_pid(pool) != pid


async def test_a_connection_in_use_while_all_expire_is_not_kept(settings):
    async with open_pool(settings) as pool:
        async with pool.connection() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            await pool.expire()
        assert await own_pid(pool) != pid


async def test_a_kept_connection_that_breaks_is_replaced_without_an_error(settings):
    async with open_pool(settings) as pool:
        pid = await own_pid(pool)
        await terminate(settings.database_url, "pid <> pg_backend_pid()")
        assert await own_pid(pool) != pid
        async with pool.connection() as connection:
            connection.terminate()
        assert await own_pid(pool) != pid


async def test_a_connection_that_is_left_in_a_transaction_is_not_kept(settings):
    async with open_pool(settings) as pool:
        async with pool.connection() as connection:
            await connection.execute("BEGIN; SET LOCAL statement_timeout = '17s'")
        assert not pool._kept
        assert (await pool.fetch("SHOW statement_timeout"))[0][0] != "17s"


async def test_a_statement_that_waits_for_a_connection_gets_the_next_one(settings):
    few = Settings(database_url=settings.database_url, min_database_connections=1, max_database_connections=1)
    async with open_pool(few) as pool:
        for _ in range(3):
            rows = await asyncio.gather(*(pool.fetch("SELECT pg_backend_pid()") for _ in range(20)))
            assert len({found[0][0] for found in rows}) == 1
