"""Many subscribers of one process: their memory, what they cost at rest, and how soon each change arrives at the last one.

    python -m benchmarks.subscriptions [--sockets 500,5000] [--kind websocket,sse] [--seconds 10] [--changes 10]

Each change is one UPDATE of another tariff, committed by another process than the server; times begin before the UPDATE. Subscribers are in a process of
their own (benchmarks/subscribers.py), on the core of the databases; each must receive each change, in order. Meanwhile a point query is sent again and again.
At rest there are only pings, comments and jobs. DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import asyncpg

from benchmarks import queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.load import length_of
from benchmarks.subscribers import KINDS
from benchmarks.tables import print_columns

QUERY = (
    "subscription { dataChanged { kind year changedAt dno { slug name }"
    " entry { ... on Tariff { id voltageLevel leistung arbeit } } } }"
)
MARKER = '"leistung":"'
PAUSE = 0.02  # seconds between two point queries
LATEST = 60  # seconds after the last change
LIMITS = {
    "max_streams_per_address": 10_000,
    "max_connections_per_address": 12_000,
    "max_subscription_bytes": 2**30,
}


class Subscribed(Protocol):
    """The server whose subscribers are measured."""

    @property
    def port(self) -> int: ...
    @property
    def memory(self) -> int: ...
    @property
    def cpu_seconds(self) -> float: ...


class Load(NamedTuple):
    """What is measured at a server. `change` makes the change of a number, with which its text behind MARKER begins."""

    query: str
    change: Callable[[int], Awaitable[object]]
    point: bytes
    seconds: float
    rate: float


class Delivery(NamedTuple):
    """Times in seconds, medians over all changes but for `slowest`. `lost`: changes that did not arrive at a socket, or not in order."""

    changes: int
    first: float
    median: float
    last: float
    slowest: float
    lost: int
    bytes_per_change: float  # to one socket
    client_cpu: float  # share of a core


class Outcome(NamedTuple):
    bytes_per_socket: float
    idle_cpu: float  # share of a core
    cpu_per_change: float
    delivery: Delivery
    point_p50: float
    point_p99: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sockets", default="500,5000")
    parser.add_argument("--kind", default=",".join(KINDS))
    parser.add_argument("--seconds", type=float, default=10, help="of changes, and of the rest before")
    parser.add_argument("--changes", type=float, default=10, help="in a second")
    arguments = parser.parse_args()
    run_in_environment(lambda environment: _run(environment, arguments))


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    outcomes: dict[tuple[str, int], Outcome] = {}
    connection = await asyncpg.connect(environment.settings.database_url, timeout=10)
    try:
        tariffs = [
            row["id"] for row in await connection.fetch("SELECT id FROM netzentgelte_data ORDER BY id")
        ]

        async def change(number: int) -> None:
            # Another entry each time, as a result has its entry as it is when it is executed.
            await connection.execute(
                "UPDATE netzentgelte_data SET leistung = $2 WHERE id = $1",
                tariffs[number],
                Decimal(f"{number}.5"),
            )

        load = Load(QUERY, change, queries.point(), arguments.seconds, arguments.changes)
        for kind in arguments.kind.split(","):
            for sockets in map(int, arguments.sockets.split(",")):
                with environment.server(**LIMITS) as server:
                    await server.until_ready()
                    outcomes[kind, sockets] = await measure(server, kind, sockets, load)
                print_outcomes(outcomes, "")
                del tariffs[: 1 + round(load.seconds * load.rate)]
    finally:
        await connection.close()
    print_outcomes(outcomes, await environment.about())


async def measure(server: Subscribed, kind: str, sockets: int, load: Load) -> Outcome:
    async with _subscribers(server.port, kind, 20, load.query):
        await asyncio.sleep(1)
    empty = server.memory  # once it has served subscribers of this kind
    async with _subscribers(server.port, kind, sockets, load.query) as client:
        await asyncio.sleep(1)  # until the last subscription is open
        per_socket = (server.memory - empty) / sockets
        spent = server.cpu_seconds
        await asyncio.sleep(load.seconds)
        idle = (server.cpu_seconds - spent) / load.seconds
        durations: list[float] = []
        points = asyncio.create_task(_points(server.port, load.point, durations))
        try:
            spent = server.cpu_seconds
            delivery = await _deliver(client, load, sockets)
            spent = server.cpu_seconds - spent
        finally:
            points.cancel()
            with suppress(asyncio.CancelledError):
                await points
    durations.sort()
    middle, slow = (durations[len(durations) * percent // 100] for percent in (50, 99))
    return Outcome(per_socket, idle, spent / delivery.changes, delivery, middle, slow)


async def _deliver(client: Process, load: Load, sockets: int) -> Delivery:
    before, began = await _state(client), time.monotonic()
    sent: dict[str, float] = {}
    for number in range(1, round(load.seconds * load.rate) + 1):
        await asyncio.sleep(max(0, began + (number - 1) / load.rate - time.monotonic()))
        sent[str(number)] = time.monotonic()
        await load.change(number)
    client_cpu, until = 0.0, time.monotonic() + LATEST
    while True:
        state = await _state(client)
        client_cpu += state["cpu_seconds"]
        arrived = sum(each[0] for each in state["changes"].values())
        if arrived >= sockets * len(sent) or time.monotonic() > until or state["closed"]:
            break
        await asyncio.sleep(0.5)
    took = time.monotonic() - began
    delays = [[at - sent[number] for at in times] for number, (_, *times) in state["changes"].items()]
    first, median, last = (statistics.median(each) for each in zip(*delays, strict=True))
    return Delivery(
        len(sent),
        first,
        median,
        last,
        max(each[-1] for each in delays),
        state["lost"] + sockets * len(sent) - arrived,
        (state["bytes"] - before["bytes"]) / max(arrived, 1),
        client_cpu / took,
    )


async def _points(port: int, request: bytes, durations: list[float]) -> None:
    """Until it is cancelled."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            began = time.monotonic()
            writer.write(request)
            async with asyncio.timeout(LATEST):
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(length_of(head) - len(head))
            durations.append(time.monotonic() - began)
            await asyncio.sleep(PAUSE)
    finally:
        writer.close()


@asynccontextmanager
async def _subscribers(port: int, kind: str, sockets: int, query: str) -> AsyncIterator[Process]:
    """A process that holds them; all of them are open."""
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.subscribers", str(port), kind, str(sockets), query, MARKER),
        stdin=PIPE,
        stdout=PIPE,
        limit=2**26,
    )
    assert client.stdout is not None
    try:
        async with asyncio.timeout(LATEST):
            assert await client.stdout.readline() == b"open\n"
        yield client
    finally:
        client.kill()
        await client.wait()


async def _state(client: Process) -> Any:
    """What has arrived, and what the client has spent since the call before."""
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(b"\n")
    async with asyncio.timeout(LATEST):
        return json.loads(await client.stdout.readline())


def print_outcomes(outcomes: Mapping[tuple[str, int], Outcome], about: str) -> None:
    columns = {f"{sockets:,} {kind}": each for (kind, sockets), each in outcomes.items()}
    rows: dict[str, Callable[[Outcome], str]] = {
        "memory per socket, kB": lambda each: f"{each.bytes_per_socket / 1000:.1f}",
        "at rest: CPU, % of a core": lambda each: f"{100 * each.idle_cpu:.1f}",
        "changes": lambda each: str(each.delivery.changes),
        "lost": lambda each: str(each.delivery.lost),
        "at the first, ms": lambda each: f"{1000 * each.delivery.first:.1f}",
        "at the median socket, ms": lambda each: f"{1000 * each.delivery.median:.1f}",
        "at the last, ms": lambda each: f"{1000 * each.delivery.last:.1f}",
        "at the last, of the slowest change, ms": lambda each: f"{1000 * each.delivery.slowest:.1f}",
        "server's CPU per change, ms": lambda each: f"{1000 * each.cpu_per_change:.1f}",
        "bytes per change and socket": lambda each: f"{each.delivery.bytes_per_change:.0f}",
        "point query meanwhile, median, ms": lambda each: f"{1000 * each.point_p50:.1f}",
        "point query meanwhile, p99, ms": lambda each: f"{1000 * each.point_p99:.1f}",
        "client's CPU, % of a core": lambda each: f"{100 * each.delivery.client_cpu:.0f}",
    }
    print_columns("Subscribers of one process", columns, rows, caption=about)


if __name__ == "__main__":
    main()
