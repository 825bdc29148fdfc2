"""Corrections of prices: one after the other, over many connections, and beside reads (workload W6).

    python -m benchmarks.corrections [--rounds 3] [--seconds 5]

Times are those of a client; under W6 those of one client that corrects and pauses for 20 ms, beside 32 connections of which
every fiftieth request is a correction as well. CPU is that of the server's process. Statements and round trips are counted by
proxies, per correction: its own (tests count them: two statements, one round trip to Redis) and those that follow from it, above
all of the relay. Only what the server sends at rest is subtracted. DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import asyncio
import json
import random
import statistics
from collections.abc import Iterator, Sequence
from contextlib import suppress
from time import perf_counter
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from app.auth.api_keys import digest
from benchmarks import databases, load, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.freshness import tariff_ids
from benchmarks.registry import LEVELS
from benchmarks.round_trips import Counts, counting
from benchmarks.server import Server
from benchmarks.workloads import KEY, points_with_corrections

TARIFFS = 200
COUNTED = 300
PAUSE = 0.02
IDLE = 3.0


class Times(NamedTuple):
    """In seconds, of each correction; `cpu`: of the server, in all of them together."""

    each: Sequence[float]
    took: float
    cpu: float | None

    @property
    def p50(self) -> float:
        return statistics.median(self.each)

    @property
    def p99(self) -> float:
        return sorted(self.each)[len(self.each) * 99 // 100]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of one round")
    arguments = parser.parse_args()
    run_in_environment(lambda environment: _run(environment, arguments))


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    await databases.add_key(environment.settings.database_url, digest(KEY))
    seconds, rounds = arguments.seconds, range(arguments.rounds)
    with environment.server() as server:
        await server.until_ready()
        requests = await _corrections(server)
        await _correct(server, requests, 1, 1)
        await _correct(server, requests, load.CONNECTIONS, 1)
        measured = {
            "one after the other": [await _correct(server, requests, 1, seconds) for _ in rounds],
            f"{load.CONNECTIONS} connections": [
                await _correct(server, requests, load.CONNECTIONS, seconds) for _ in rounds
            ],
            "under W6": [await _beside_reads(server, requests, seconds, turn) for turn in rounds],
        }
    table = Table(title=f"Corrections, medians of {arguments.rounds} rounds of {seconds:g} s")
    for column in ("", "corrections/s", "p50, ms", "p99, ms", "CPU, ms"):
        table.add_column(column, justify="right")
    for name, times in measured.items():
        table.add_row(name, *_figures(times))
    Console(width=120).print(table)
    print(await _counted(environment))
    print(await environment.about())


def _figures(rounds: Sequence[Times]) -> Iterator[str]:
    median = statistics.median
    cpu = [times.cpu / len(times.each) for times in rounds if times.cpu is not None]
    yield f"{median(len(times.each) / times.took for times in rounds):,.0f}"
    yield f"{1000 * median(times.p50 for times in rounds):.2f}"
    yield f"{1000 * median(times.p99 for times in rounds):.2f}"
    yield f"{1000 * median(cpu):.2f}" if cpu else ""


async def _corrections(server: Server) -> list[bytes]:
    """Each of another price of another entry."""
    chance, requests = random.Random(4), []
    async with server.connection() as connection:
        for pair in chance.sample(queries.all_points(), TARIFFS):
            tariff = (await tariff_ids(connection, *pair))[chance.choice(LEVELS)]
            requests += [
                queries.correction(KEY, tariff, f"{chance.randrange(10**6) / 10**4:.4f}") for _ in range(20)
            ]
    chance.shuffle(requests)
    return requests


async def _correct(
    server: Server, requests: Sequence[bytes], connections: int, seconds: float, pause: float = 0
) -> Times:
    """None fails; one that changes nothing is possible, and rare."""
    each: list[float] = []
    began, cpu = perf_counter(), server.cpu_seconds
    following = iter(random.Random().sample(requests, len(requests)) * 100)

    async def client() -> None:
        async with server.connection() as connection:
            while perf_counter() - began < seconds:
                request, sent = next(following), perf_counter()
                answer = await connection.request(request)
                each.append(perf_counter() - sent)
                assert json.loads(answer)["data"]["correctTariff"]["errors"] == [], answer
                await asyncio.sleep(pause)

    await asyncio.gather(*(client() for _ in range(connections)))
    return Times(each, perf_counter() - began, server.cpu_seconds - cpu)


async def _beside_reads(server: Server, requests: Sequence[bytes], seconds: float, turn: int) -> Times:
    sequence = await points_with_corrections(server)
    reading = asyncio.create_task(load.send(server.port, sequence, seconds=seconds + 1, start=turn * 20_000))
    try:
        times = await _correct(server, requests, 1, seconds, PAUSE)
    finally:
        with suppress(asyncio.CancelledError):
            await reading
    return times._replace(cpu=None)


async def _counted(environment: Environment) -> str:
    counts, settings = Counts(), environment.settings
    async with (
        counting(settings.database_url, counts.read_postgres) as database,
        counting(settings.redis_url, counts.read_redis) as redis,
    ):
        # Started in a thread: the proxies run in this process's event loop.
        running = environment.server(database_url=database, redis_url=redis, session_redis_url=redis)
        server = await asyncio.to_thread(running.__enter__)
        try:
            await server.until_ready()
            requests = await _corrections(server)
            async with server.connection() as connection:
                for request in requests[:COUNTED]:
                    await connection.data(request)
            await asyncio.sleep(IDLE)
            counts.clear()
            await asyncio.sleep(IDLE)
            idle = {name: number / IDLE for name, number in counts.items()}
            async with server.connection() as connection:
                counts.clear()
                began = perf_counter()
                for request in requests[COUNTED : 2 * COUNTED]:
                    await connection.data(request)
                took = perf_counter() - began
                sent = dict(counts)
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)
    each = {name: (number - idle.get(name, 0) * took) / COUNTED for name, number in sent.items()}
    return "Per correction, with the relay: " + ", ".join(
        f"{number:.2f} {name}" for name, number in sorted(each.items())
    )


if __name__ == "__main__":
    main()
