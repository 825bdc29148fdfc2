"""Every operation has a deadline, and concurrency and queue are limited."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app.db.pool import Pool
from app.observability import counting, metrics
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import running
from tests.waiting import until, until_equal

REQUEST = {"query": '{ dno(slug: "netze-a") { name } }'}


@asynccontextmanager
async def locked(pool: Pool) -> AsyncIterator[Any]:
    """Reads of operators are blocked, as by a long migration."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await connection.execute("LOCK TABLE dnos IN ACCESS EXCLUSIVE MODE")
        yield connection


async def blocked_sessions(connection: Any) -> int:
    found: int = await connection.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return found


async def test_at_the_deadline_the_statement_is_cancelled_too(settings: Settings, pool: Pool) -> None:
    await make.dno(pool, "netze-a")
    async with (
        running(settings, operation_timeout=0.4, database_statement_timeout=600) as server,
        httpx.AsyncClient() as client,
    ):
        async with locked(pool) as connection:
            request = asyncio.create_task(client.post(server.url, json=REQUEST))
            await _until_blocked(connection, 1)
            response = await request
            (error,) = response.json()["errors"]
            assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"
            assert "0.4 seconds" in error["message"]
            await _until_blocked(connection, 0)
        # Later requests are not affected.
        assert (await client.post(server.url, json=REQUEST)).json()["data"] == {"dno": {"name": "Netze A"}}


async def _until_blocked(connection: Any, count: int) -> None:
    await until_equal(lambda: blocked_sessions(connection), count)


async def test_a_request_that_times_out_does_not_cancel_a_statement_shared_with_another(
    settings: Settings, pool: Pool
) -> None:
    """Two requests wait for one statement; the deadline of the first must not apply to the second."""
    await make.dno(pool, "netze-a")
    async with running(settings, operation_timeout=0.6) as server, httpx.AsyncClient() as client:
        async with locked(pool) as connection:
            first = asyncio.create_task(client.post(server.url, json=REQUEST))
            await _until_blocked(connection, 1)
            await asyncio.sleep(0.4)
            second = asyncio.create_task(client.post(server.url, json=REQUEST))
            assert (await first).json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
        assert (await second).json()["data"] == {"dno": {"name": "Netze A"}}


async def test_when_slots_and_queue_are_full_requests_are_refused_with_retry_after(
    settings: Settings, pool: Pool
) -> None:
    await make.dno(pool, "netze-a")
    full = {"max_operations": 2, "max_queued_operations": 1, "max_queue_time": 0.3}
    async with running(settings, **full) as server, httpx.AsyncClient() as client:
        async with locked(pool):
            executing = [asyncio.create_task(client.post(server.url, json=REQUEST)) for _ in range(2)]
            await until(lambda: _gauge("dno_graphql_operations_running") == 2)
            queued = asyncio.create_task(client.post(server.url, json=REQUEST))
            await until(lambda: _gauge("dno_graphql_operations_waiting") == 1)
            for refused in (await client.post(server.url, json=REQUEST), await queued):
                assert refused.status_code == 503
                assert refused.headers["retry-after"] == "1"
                assert refused.json()["errors"][0]["extensions"]["code"] == "OVERLOADED"
        for response in await asyncio.gather(*executing):
            assert response.json()["data"]["dno"]
        assert (await client.post(server.url, json=REQUEST)).status_code == 200


def _gauge(name: str) -> float:
    counting.flush()
    gauge = {
        "dno_graphql_operations_running": metrics.OPERATIONS_RUNNING,
        "dno_graphql_operations_waiting": metrics.OPERATIONS_WAITING,
    }
    found: float = gauge[name]._value.get()
    return found
