"""What many subscribers of one process cost: executions, tasks and timers, counted in a running server."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from app.db.pool import Pool
from app.settings import Settings
from schema.execution.subscription import Answers, Subscriptions
from schema.http.periodic_checks import PeriodicChecks
from tests import factories as make
from tests.integration.graph.running import issue_key, running, stream, websocket_client
from tests.waiting import until

CHANGES = "subscription { dataChanged { kind entry { ... on Tariff { leistung } } } }"
EACH = 20


def tasks() -> Counter[str]:
    """Of open connections; clients of this process have others."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return Counter(name for name in names if name in SERVED)


SERVED = frozenset(
    (
        *("ResponseCycle.run_asgi", "disconnected", "ResultStream._check_rights"),
        *("WebSocketsSansIOProtocol.run_asgi", "WebSocketConnection._run_operation"),
        *("WebSocketConnection._check_caller", "SubscriberGroup._write_changes"),
    )
)


async def test_each_change_is_executed_once_and_written_without_waking_a_task_of_a_socket(
    settings: Settings, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: Counter[str] = Counter()

    def count(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            counts[name] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, counted)

    tariff = await make.tariff(pool, await make.dno(pool))
    _, headers = await issue_key(pool)
    async with running(settings) as server, AsyncExitStack() as open_connections:
        idle = tasks()
        clients: list[Any] = []
        for number in range(3 * EACH):
            if number < EACH:
                client = await open_connections.enter_async_context(websocket_client(server))
                await client.initialise()
                await client.subscribe(CHANGES, str(number))
                clients.append(partial(client.next_change, str(number)))
            else:
                by = headers if number >= 2 * EACH else None
                client = await open_connections.enter_async_context(stream(server, CHANGES, headers=by))
                clients.append(client.next_change)
        await until(lambda: all(each.listener is not None for each in subscribers(server)))
        assert len(subscribers(server)) == len(clients)
        assert tasks() - idle == {
            "WebSocketsSansIOProtocol.run_asgi": EACH,
            "WebSocketConnection._run_operation": EACH,
            "ResponseCycle.run_asgi": 2 * EACH,
            "disconnected": 2 * EACH,
        }
        count(Subscriptions, "_execute")
        count(Answers, "write_next")
        count(Answers, "__anext__")
        for price in ("71", "72", "73"):
            await pool.fetch(
                "UPDATE netzentgelte_data SET leistung = $2::text::numeric WHERE id = $1", tariff.id, price
            )
            changes = await asyncio.gather(*(client() for client in clients))
            assert {(change["kind"], change["entry"]["leistung"]) for change in changes} == {
                ("CORRECTED", price)
            }
        # One group of anonymous callers, over WebSockets and event streams, and one of the key.
        assert counts == {"_execute": 2 * 3, "write_next": 3 * len(clients)}


async def test_signs_of_life_of_all_streams_have_one_timer_and_no_task(
    settings: Settings, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: list[int] = []
    checks: list[str] = []
    tick = PeriodicChecks._tick
    monkeypatch.setattr(PeriodicChecks, "_tick", lambda self: (ticks.append(self._count), tick(self)))
    monkeypatch.setattr("schema.http.result_stream.ResultStream._check_rights", checks.append)
    async with running(settings, socket_check_interval=0.3) as server, AsyncExitStack() as connections:
        streams = [await connections.enter_async_context(stream(server, CHANGES)) for _ in range(EACH)]
        lines = [client.response.aiter_lines() for client in streams]
        comments = 0
        async with asyncio.timeout(30):
            for line in lines:
                found = [await anext(line) for _ in range(6)]  # the first comment, and two signs of life
                comments += found.count(":")
        assert comments == 3 * EACH
        assert max(ticks) == EACH
        assert checks == []


def subscribers(server: Any) -> set[Any]:
    groups = server.resources.broadcast._subscribers.values()
    return {subscriber for group in groups for subscriber in group}
