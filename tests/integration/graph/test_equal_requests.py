"""Equal requests that arrive while the response to the first is being made wait for it, instead of being executed as well."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from app.cache.responses import MAX_WAIT
from app.db.pool import Pool
from app.domain import tags
from app.domain.tariff import Tariff
from app.limits.concurrency_limiter import _running
from app.middleware import metrics
from app.settings import Settings
from schema.types.node import Kind, write_id
from tests.integration.graph.running import Headers, Running, has_cached_response, running
from tests.integration.graph.wire import Response, Wire, get, post, wire
from tests.integration.graph.writing import CORRECT_TARIFF
from tests.waiting import until, until_equal

PRICES = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung } } }'
REST = b"GET /api/v1/dnos/netze-a/2025 HTTP/1.1\r\nHost: dno.test\r\n\r\n"
CLIENTS = 20


@pytest.fixture(params=[post(PRICES), get(PRICES), REST], ids=["POST", "GET", "REST"])
def request_of_all(request: pytest.FixtureRequest) -> bytes:
    data: bytes = request.param
    return data


@asynccontextmanager
async def locked(pool: Pool) -> AsyncIterator[None]:
    """No prices can be read within the block."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE netzentgelte_data IN ACCESS EXCLUSIVE MODE")
        yield


async def correct(server: Running, tariff: Tariff, leistung: str, editor_headers: Headers) -> None:
    changed = {"id": write_id(Kind.TARIFF, tariff.id), "leistung": leistung}
    data = await server.execute(CORRECT_TARIFF, editor_headers, input=changed)
    assert data == {"correctTariff": {"errors": []}}


async def responses_of(connections: list[Wire]) -> list[Response]:
    return list(await asyncio.gather(*(connection.read_response() for connection in connections)))


def waiting(server: Running) -> int:
    return sum(len(flight.waiting) for flight in server.resources.responses._in_flight.values())


async def send_after_the_first(server: Running, connections: list[Wire], data: bytes) -> None:
    """Returns when the request on the first connection is executed, and those on the others wait for it."""
    connections[0].writer.write(data)
    await until(lambda: server.resources.responses._in_flight)
    for connection in connections[1:]:
        connection.writer.write(data)
    await until_equal(lambda: waiting(server), len(connections) - 1)


async def send_together(server: Running, connections: list[Wire], data: bytes) -> None:
    """Returns when one of the requests is executed, and the others wait for it."""
    for connection in connections:
        connection.writer.write(data)
    await until_equal(lambda: waiting(server), len(connections) - 1)


async def evicted_by_a_correction(
    server: Running, stack: AsyncExitStack, tariff: Tariff, editor_headers: Headers, data: bytes
) -> list[Wire]:
    """Connections whose next request has a head that is cached; the response to `data` was cached before the correction."""
    connections = [await stack.enter_async_context(wire(server.url)) for _ in range(CLIENTS)]

    async def cached() -> bool:
        await connections[0].exchange(data)
        return has_cached_response(server, data) if data is not REST else len(server.resources.memory) > 0

    await until(cached)
    for connection in connections:
        await connection.exchange(data)
    await correct(server, tariff, "60.50", editor_headers)
    await server.delivered()
    return connections


async def test_after_a_correction_equal_requests_are_executed_once_and_all_get_the_new_value(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers, request_of_all: bytes
) -> None:
    async with AsyncExitStack() as stack:
        connections = await evicted_by_a_correction(server, stack, tariff, editor_headers, request_of_all)
        async with locked(pool):
            await send_together(server, connections, request_of_all)
            assert _running.value == 1
        responses = await responses_of(connections)
    assert {response.status for response in responses} == {200}
    assert all(b"60.5" in response.body for response in responses)
    assert len({response.body for response in responses}) == 1


async def test_a_response_that_a_change_overtakes_is_not_given_to_those_that_wait(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    data = post(PRICES)
    async with AsyncExitStack() as stack:
        connections = await evicted_by_a_correction(server, stack, tariff, editor_headers, data)
        async with locked(pool):
            await send_after_the_first(server, connections, data)
            # As a correction that another instance has just answered.
            server.resources.memory.invalidate(tags_of(server))
            first = next(iter(server.resources.responses._in_flight.values()))
        responses = await responses_of(connections)
        assert all(b"60.5" in response.body for response in responses)
        assert first.made is not None  # and was of no use to them
        # They have executed it again, one for the others, and this response is cached.
        assert has_cached_response(server, data)


def tags_of(server: Running) -> set[str]:
    tags = {tag for entry in server.resources.memory._entries.values() for tag in entry.tags}
    assert tags
    return tags | set(server.resources.memory._invalidated)


async def test_they_are_answered_when_the_first_client_goes_away(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    data = post(PRICES)
    async with AsyncExitStack() as stack:
        connections = first, *others = await evicted_by_a_correction(
            server, stack, tariff, editor_headers, data
        )
        async with locked(pool):
            await send_after_the_first(server, connections, data)
            first.writer.close()
            await first.writer.wait_closed()
        responses = await responses_of(others)
    assert all(b"60.5" in response.body for response in responses)


async def test_one_that_waits_too_long_is_executed_itself(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    data = post(PRICES)
    async with AsyncExitStack() as stack:
        connections = await evicted_by_a_correction(server, stack, tariff, editor_headers, data)
        async with locked(pool):
            loop = asyncio.get_running_loop()
            began = loop.time()
            await send_after_the_first(server, connections[:2], data)
            await until_equal(lambda: _running.value, 2)
            assert loop.time() - began >= MAX_WAIT
        responses = await responses_of(connections[:2])
    assert all(b"60.5" in response.body for response in responses)


@pytest.mark.parametrize("send", [send_after_the_first, send_together])
async def test_requests_that_wait_for_an_equal_one_need_no_place_among_operations(
    settings: Settings,
    pool: Pool,
    tariff: Tariff,
    editor_headers: Headers,
    send: Callable[[Running, list[Wire], bytes], Awaitable[None]],
) -> None:
    async with (
        running(settings, max_operations=1, max_queued_operations=0) as server,
        AsyncExitStack() as stack,
    ):
        data = post(PRICES)
        connections = await evicted_by_a_correction(server, stack, tariff, editor_headers, data)
        async with locked(pool):
            await send(server, connections, data)
        responses = await responses_of(connections)
    assert {response.status for response in responses} == {200}


async def test_a_client_that_goes_away_while_it_waits_leaves_nothing_behind(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    data = post(PRICES)
    async with AsyncExitStack() as stack:
        connections = await evicted_by_a_correction(server, stack, tariff, editor_headers, data)
        before = metrics.in_flight.value
        async with locked(pool):
            await send_after_the_first(server, connections, data)
            assert metrics.in_flight.value == before + CLIENTS
            for connection in connections[1:]:
                connection.writer.close()
                await connection.writer.wait_closed()
        assert b"60.5" in (await connections[0].read_response()).body
        await until_equal(lambda: metrics.in_flight.value, before)
    assert waiting(server) == 0


async def test_pipelined_requests_behind_one_that_waits_are_answered_in_their_order(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    data, other = post(PRICES), post('{ dno(slug: "netze-a") { name } }')
    async with AsyncExitStack() as stack:
        connections = await evicted_by_a_correction(server, stack, tariff, editor_headers, data)
        async with locked(pool):
            await send_after_the_first(server, connections[:2], data)
            connections[1].writer.write(other + data)
        bodies = [(await connections[1].read_response()).body for _ in range(3)]
    assert [b"60.5" in body for body in bodies] == [True, False, True]


async def test_a_request_behind_one_that_waits_and_is_then_refused_is_answered_in_its_order(
    settings: Settings, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    """It is refused once it has waited for the longest time, while the server is still full."""
    data, cached = post(PRICES), post("{ __typename }")
    async with (
        running(settings, max_operations=1, max_queued_operations=0) as server,
        AsyncExitStack() as stack,
    ):
        connections = await evicted_by_a_correction(server, stack, tariff, editor_headers, data)
        async with locked(pool):
            await send_after_the_first(server, connections[:2], data)
            second = connections[1]
            second.writer.write(cached[:40])
            async with asyncio.timeout(3 * MAX_WAIT):
                assert (await second.read_response()).status == 503
                second.writer.write(cached[40:])
                assert (await second.read_response()).status == 503  # and not 400 for half of a request
        assert (await connections[0].read_response()).status == 200


async def test_equal_mutations_are_all_executed(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    await asyncio.gather(*(correct(server, tariff, "61", editor_headers) for _ in range(3)))
    # Two of them change nothing, which each has seen for itself.
    assert waiting(server) == 0
    rows = await pool.fetch("SELECT version FROM netzentgelte_data", name="versions")
    assert [row["version"] for row in rows] == [2]


async def noted(server: Running, connections: list[Wire], data: bytes) -> None:
    """Each connection's head is cached, and the response is known to be public."""
    for connection in connections:
        for _ in range(2):
            assert (await connection.exchange(data)).status == 200
    responses = server.resources.responses
    assert len(responses._public_once) > 0


@pytest.mark.parametrize("entity_cache", [True, False])
async def test_without_cached_responses_equal_requests_are_executed_once_while_they_run_together(
    settings: Settings,
    pool: Pool,
    tariff: Tariff,
    editor_headers: Headers,
    request_of_all: bytes,
    entity_cache: bool,
) -> None:
    async with (
        running(settings, response_cache=False, entity_cache=entity_cache) as server,
        AsyncExitStack() as stack,
    ):
        connections = [await stack.enter_async_context(wire(server.url)) for _ in range(CLIENTS)]
        await noted(server, connections, request_of_all)
        await correct(server, tariff, "60.50", editor_headers)
        await server.delivered()
        async with locked(pool):
            await send_after_the_first(server, connections, request_of_all)
            assert _running.value == 1
        responses = await responses_of(connections)
        assert {response.status for response in responses} == {200}
        assert all(b"60.5" in response.body for response in responses)
        # None was kept: the next request reads again.
        await pool.fetch("UPDATE netzentgelte_data SET leistung = 77.5", name="change")
        await server.delivered()
        assert b"77.5" in (await connections[0].exchange(request_of_all)).body


async def test_without_cached_responses_one_that_a_change_overtakes_is_not_given_to_those_that_wait(
    settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    data = post(PRICES)
    async with (
        running(settings, response_cache=False, entity_cache=False) as server,
        AsyncExitStack() as stack,
    ):
        connections = [await stack.enter_async_context(wire(server.url)) for _ in range(CLIENTS)]
        await noted(server, connections, data)
        async with locked(pool):
            await send_after_the_first(server, connections, data)
            first = next(iter(server.resources.responses._in_flight.values()))
            # As a change of this operator that another instance has just answered.
            server.resources.memory.invalidate({tags.slug("netze-a")})
            statements = server.resources.pool.statements
        responses = await responses_of(connections)
        assert all(b"58.21" in response.body for response in responses)
        assert first.made is not None  # and was of no use to them
        # One of them has read operator and prices again, for the others.
        assert server.resources.pool.statements == statements + 2
