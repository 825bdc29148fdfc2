"""While an entry is being written, requests of the fast path begin in turns, and are answered as they are otherwise."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.tariff import Tariff
from app.limits.write_priority import WITH_WRITES
from app.middleware import metrics
from app.server.connection_timer import State
from app.server.http_protocol import HttpProtocol
from schema.types.node import Kind, write_id
from tests.integration.graph.running import Headers, Running, has_cached_head, has_cached_response
from tests.integration.graph.wire import Wire, post, wire
from tests.integration.graph.writing import CORRECT_TARIFF
from tests.waiting import until

PRICES = '{ dno(slug: "netze-a") { tariffs(year: 2025) { leistung } } }'
OTHER = post('{ dno(slug: "netze-a") { slug } }')
CLIENTS = 10 * WITH_WRITES
REQUEST = post(PRICES)


@asynccontextmanager
async def connected(server: Running, number: int) -> AsyncIterator[list[Wire]]:
    """Connections whose next REQUEST has a cached response."""
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(wire(server.url)) for _ in range(number)]

        async def cached() -> bool:
            await connections[0].exchange(REQUEST)
            return has_cached_response(server, REQUEST)

        await until(cached)
        yield connections


@asynccontextmanager
async def write_in_progress(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> AsyncIterator[None]:
    """A correction waits for the lock of its entry within the block, and is answered after it."""
    changed = {"id": write_id(Kind.TARIFF, tariff.id), "leistung": "60.50"}
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM netzentgelte_data WHERE id = $1 FOR UPDATE", tariff.id)
        answer = asyncio.create_task(server.execute(CORRECT_TARIFF, editor_headers, input=changed))
        await until(lambda: server.resources.write_priority.writes)
        yield
    assert await answer == {"correctTariff": {"errors": []}}


async def send_until_some_wait(server: Running, connections: list[Wire]) -> None:
    for each in connections:
        each.writer.write(REQUEST)
    await until(lambda: len(server.resources.write_priority), pause=0)


async def test_requests_of_many_clients_are_all_answered_while_a_write_waits_for_a_lock(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    priority = server.resources.write_priority
    async with connected(server, CLIENTS) as connections:
        async with write_in_progress(server, pool, tariff, editor_headers):
            for _ in range(3):
                await send_until_some_wait(server, connections)
                responses = [await each.read_response() for each in connections]
                assert {response.status for response in responses} == {200}
                assert all(b"58.21" in response.body for response in responses)
            assert len(priority) == 0
        assert b"60.5" in (await connections[0].exchange(REQUEST)).body
    assert priority.writes == 0


async def test_a_connection_whose_request_waits_is_one_that_is_being_answered(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    async with (
        connected(server, CLIENTS) as connections,
        write_in_progress(server, pool, tariff, editor_headers),
    ):
        await send_until_some_wait(server, connections)
        waiting = [
            protocol
            for members in server.resources.connections._members.values()
            for protocol in members
            if isinstance(protocol, HttpProtocol) and callable(protocol._answering)
        ]
        assert len(waiting) == len(server.resources.write_priority)
        assert {protocol.timer.state for protocol in waiting} == {State.ANSWERING}
        assert {(await each.read_response()).status for each in connections} == {200}


async def test_requests_behind_one_that_waits_keep_their_order(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    async with (
        connected(server, CLIENTS) as connections,
        write_in_progress(server, pool, tariff, editor_headers),
    ):
        await send_until_some_wait(server, connections)
        for each in connections:
            each.writer.write(OTHER + REQUEST)
        for each in connections:
            bodies = [(await each.read_response()).body for _ in range(3)]
            assert [b"58.21" in body for body in bodies] == [True, False, True]
            assert b"netze-a" in bodies[1]


async def test_a_request_whose_head_is_evicted_while_it_waits_passes_the_middleware(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[HttpProtocol] = []
    start = HttpProtocol._start

    def counted(self: HttpProtocol, *given: Any) -> None:
        started.append(self)
        start(self, *given)

    monkeypatch.setattr(HttpProtocol, "_start", counted)
    async with (
        connected(server, CLIENTS) as connections,
        write_in_progress(server, pool, tariff, editor_headers),
    ):
        await send_until_some_wait(server, connections)
        waiting = len(server.resources.write_priority)
        started.clear()
        server.resources.memory.clear()
        responses = [await each.read_response() for each in connections]
        assert len(started) == waiting
    assert {response.status for response in responses} == {200}


async def test_a_request_whose_budget_is_used_up_while_it_waits_is_left_to_the_normal_path(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        connected(server, CLIENTS) as connections,
        write_in_progress(server, pool, tariff, editor_headers),
    ):
        await send_until_some_wait(server, connections)
        monkeypatch.setattr(server.resources.limiter, "try_take", lambda *_: None)
        assert {(await each.read_response()).status for each in connections} == {200}


async def test_requests_that_are_executed_after_their_wait_keep_their_order(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers
) -> None:
    def never_asked(number: int) -> bytes:
        return post(f'{{ dno(slug: "netze-a") {{ a{number:02}: tariffs(year: 2025) {{ leistung }} }} }}')

    async with connected(server, CLIENTS) as connections:
        await until(lambda: asked_before(server, connections[0], never_asked(99)))
        async with write_in_progress(server, pool, tariff, editor_headers):
            for number, each in enumerate(connections):
                each.writer.write(never_asked(number))
            await until(lambda: len(server.resources.write_priority), pause=0)
            for each in connections:
                each.writer.write(OTHER + REQUEST)
            for number, each in enumerate(connections):
                bodies = [(await each.read_response()).body for _ in range(3)]
                assert f"a{number:02}".encode() in bodies[0]
                assert [b"58.21" in body for body in bodies] == [True, False, True]


async def asked_before(server: Running, connection: Wire, data: bytes) -> bool:
    """Whether the head is cached now."""
    await connection.exchange(data)
    return has_cached_head(server, data)


async def test_clients_that_are_gone_while_their_request_waits_are_counted_and_all_others_are_answered(
    server: Running, pool: Pool, tariff: Tariff, editor_headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that have ended their side."""
    statuses: list[int] = []
    note = metrics.note

    def noted(method: str, route: str, status: int, seconds: float) -> None:
        statuses.append(status)
        note(method, route, status, seconds)

    monkeypatch.setattr(metrics, "note", noted)
    async with (
        connected(server, CLIENTS) as connections,
        write_in_progress(server, pool, tariff, editor_headers),
    ):
        await send_until_some_wait(server, connections)
        for each in connections[::2]:
            each.reset()
        for each in connections[1::4]:
            each.writer.write_eof()
        responses = [await each.read_response() for each in connections[1::2]]
    assert {response.status for response in responses} == {200}
    assert 499 in statuses
    assert len(server.resources.write_priority) == 0
