"""What it costs to be many: 1, 2, 4 and 8 instances behind HAProxy, under W2 and W6 (benchmarks/workloads.py).

    python -m benchmarks.instances [--instances 1,2,4,8] [--rounds 3] [--seconds 5] [--writes 60]

HAProxy (a Debian package) is required. On a machine with few cores the counts are meaningful, and times are those of instances that
share the cores. Counts are differences of the counters of PostgreSQL, Redis and all instances, without those of a time of rest of the same length.
DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import asyncio
import random
import shutil
import signal
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import asyncpg
import redis.asyncio
from rich.console import Console
from rich.table import Table

from app.auth.api_keys import digest
from app.child_process import Child
from app.dev.postgres import free_port
from benchmarks import databases, load, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.freshness import LEVEL, tariff_ids
from benchmarks.server import Connection, Server
from benchmarks.workloads import KEY, WORKLOADS

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
PAUSE = 0.05  # seconds between two writes
_CONFIGURATION = """
global
    maxconn 1000
defaults
    mode http
    timeout connect 5s
    timeout client 70s
    timeout server 70s
frontend load
    bind 127.0.0.1:{port}
    default_backend instances
backend instances
    balance roundrobin
{servers}
"""


class Counts(NamedTuple):
    """`transactions` of PostgreSQL: each statement outside of a transaction is one. `deliveries`: messages on channels of Redis, one
    for each instance that receives them.
    """

    transactions: float
    commands: float
    published: float
    deliveries: float
    cpu_seconds: float

    def minus(self, other: "Counts") -> "Counts":
        return Counts(*(mine - its for mine, its in zip(self, other, strict=True)))


class Outcome(NamedTuple):
    rates: Mapping[str, float]  # of workloads
    failed: Mapping[str, int]  # of workloads: other statuses than 200
    cpu: Mapping[str, float]  # of workloads: seconds per request, of all instances
    per_write: Counts
    per_second: Counts  # at rest
    delays: Sequence[
        float
    ]  # seconds from the response to the writer until the last instance returned the new value
    connections: int  # to PostgreSQL


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--instances", default="1,2,4,8")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of one round, and of the rest")
    parser.add_argument("--writes", type=int, default=60)
    arguments = parser.parse_args()
    if HAPROXY is None:
        parser.error("HAProxy is not installed")
    run_in_environment(lambda environment: _run(environment, arguments))


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    await databases.add_key(environment.settings.database_url, digest(KEY))
    outcomes = {}
    for number in map(int, arguments.instances.split(",")):
        with environment.servers(number) as servers, databases.folder() as folder:
            for server in servers:
                await server.until_ready()
            with _haproxy(servers, folder) as port:
                await _until_open(port)
                outcomes[number] = await _measure(environment, servers, port, arguments)
        _print({number: outcomes[number]}, "", arguments)
    _print(outcomes, await environment.about(), arguments)


@contextmanager
def _haproxy(servers: Sequence[Server], folder: Path) -> Iterator[int]:
    assert HAPROXY
    port = free_port()
    lines = [f"    server instance{at} 127.0.0.1:{server.port}" for at, server in enumerate(servers)]
    file = folder / "haproxy.cfg"
    file.write_text(_CONFIGURATION.format(port=port, servers="\n".join(lines)))
    child = Child([HAPROXY, "-db", "-f", file], stop_signal=signal.SIGTERM, log=folder / "haproxy.log")
    try:
        yield port
    finally:
        child.stop(5)


async def _until_open(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return await writer.wait_closed()


async def _measure(
    environment: Environment, servers: Sequence[Server], port: int, arguments: argparse.Namespace
) -> Outcome:
    rates: dict[str, float] = {}
    cpu: dict[str, float] = {}
    failed: dict[str, int] = {}
    for name in ("W2", "W6"):
        sequence = await WORKLOADS[name].prepare(servers[0])
        start = (await load.send(port, sequence, seconds=arguments.seconds / 2)).requests
        rounds, spent = [], _cpu(servers)
        for _ in range(arguments.rounds):
            rounds.append(await load.send(port, sequence, seconds=arguments.seconds, start=start))
            start += rounds[-1].requests
        failed[name] = sum(each.failed for each in rounds)
        rates[name] = load.median(rounds).rate
        cpu[name] = (_cpu(servers) - spent) / sum(each.requests for each in rounds)
    await asyncio.sleep(1)  # what the load has queued is done
    counted = await _per_write(environment, servers, arguments)
    delays = await _delays(servers, arguments.writes)
    return Outcome(rates, failed, cpu, *counted, delays, await _connections(environment))


async def _per_write(
    environment: Environment, servers: Sequence[Server], arguments: argparse.Namespace
) -> tuple[Counts, Counts]:
    """Of writes without any reads, and what the instances take by themselves in a second."""
    before, began = await read_counts(environment, servers), time.perf_counter()
    await asyncio.sleep(arguments.seconds)
    rest, length = (await read_counts(environment, servers)).minus(before), time.perf_counter() - began
    idle = Counts(*(each / length for each in rest))
    async with servers[0].connection() as connection:
        tariff = (await tariff_ids(connection, *queries.all_points()[0]))[LEVEL]
        before, began = await read_counts(environment, servers), time.perf_counter()
        for number in range(arguments.writes):
            await _correct(connection, tariff, number)
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(1)
        took = time.perf_counter() - began
    spent = (await read_counts(environment, servers)).minus(before)
    per_write = [
        (each - took * at_rest) / arguments.writes for each, at_rest in zip(spent, idle, strict=True)
    ]
    return Counts(*per_write), idle


async def _correct(connection: Connection, tariff: str, number: int) -> str:
    leistung = f"{number + 1}.{random.randrange(100):02}"
    payload = (await connection.data(queries.correction(KEY, tariff, leistung)))["correctTariff"]
    assert payload["errors"] == [], payload
    return leistung


async def _delays(servers: Sequence[Server], writes: int) -> list[float]:
    """Each instance is asked by requests one after another until it returns what was written at the first."""
    slug, year = queries.all_points()[1]
    delays = []
    async with servers[0].connection() as writer:
        tariff = (await tariff_ids(writer, slug, year))[LEVEL]
        for number in range(writes):
            leistung = await _correct(writer, tariff, number)
            began = time.perf_counter()
            ends = await asyncio.gather(
                *(_until(server, queries.point(slug, year), leistung) for server in servers)
            )
            delays.append(max(ends) - began)
    return sorted(delays)


async def _until(server: Server, request: bytes, leistung: str) -> float:
    """When the request was sent whose response has the new value."""
    async with asyncio.timeout(30), server.connection() as connection:
        while True:
            sent = time.perf_counter()
            tariffs = (await connection.data(request))["dno"]["tariffs"]
            (seen,) = (tariff["leistung"] for tariff in tariffs if tariff["voltageLevel"] == LEVEL)
            if float(seen) == float(leistung):
                return sent


def _cpu(servers: Sequence[Server]) -> float:
    return sum(server.cpu_seconds for server in servers)


async def read_counts(environment: Environment, servers: Sequence[Server]) -> Counts:
    connection = await asyncpg.connect(environment.settings.database_url, timeout=10)
    try:
        # Sessions report what they did at most once a second, and at the end of a command.
        transactions = await connection.fetchval(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
    finally:
        await connection.close()
    async with redis.asyncio.from_url(environment.settings.redis_url, socket_timeout=10) as client:
        statistics_of = await client.info("commandstats")
        about = await client.info("stats")
        calls = {name.partition("_")[2]: values["calls"] for name, values in statistics_of.items()}
        channels = dict(await client.pubsub_numsub(*await client.pubsub_channels()))
    published = calls.get("publish", 0) + calls.get("spublish", 0)
    deliveries = published * max(channels.values(), default=0)
    commands = about["total_commands_processed"]
    return Counts(transactions, commands, published, deliveries, _cpu(servers))


async def _connections(environment: Environment) -> int:
    connection = await asyncpg.connect(environment.settings.database_url, timeout=10)
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()"
            )
        )
    finally:
        await connection.close()


def _print(outcomes: Mapping[int, Outcome], about: str, arguments: argparse.Namespace) -> None:
    how = f"{arguments.rounds} rounds of {arguments.seconds:g} s; {arguments.writes} writes"
    table = Table(title=f"Medians of {how}", caption=about)
    table.add_column("")
    for number in outcomes:
        table.add_column(f"{number}", justify="right")
    for name in ("W2", "W6"):
        table.add_row(f"{name}, requests/s", *(f"{each.rates[name]:,.0f}" for each in outcomes.values()))
        table.add_row(f"{name}, failed", *(str(each.failed[name]) for each in outcomes.values()))
        table.add_row(
            f"{name}, CPU per request, µs", *(f"{1e6 * each.cpu[name]:.1f}" for each in outcomes.values())
        )
    for field in Counts._fields:
        unit, factor = (", ms", 1000) if field == "cpu_seconds" else ("", 1)
        table.add_row(
            f"per write: {field}{unit}",
            *(f"{factor * getattr(each.per_write, field):.2f}" for each in outcomes.values()),
        )
        table.add_row(
            f"at rest, per second: {field}{unit}",
            *(f"{factor * getattr(each.per_second, field):.2f}" for each in outcomes.values()),
        )
    table.add_row(
        "last instance, median ms",
        *(f"{1000 * statistics.median(each.delays):.2f}" for each in outcomes.values()),
    )
    table.add_row(
        "last instance, p99 ms",
        *(f"{1000 * each.delays[len(each.delays) * 99 // 100]:.2f}" for each in outcomes.values()),
    )
    table.add_row("connections to PostgreSQL", *(str(each.connections) for each in outcomes.values()))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
