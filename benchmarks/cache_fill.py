"""Misses while caches fill: the first seconds after a start and after FLUSHALL.

    python -m benchmarks.cache_fill [--workloads W2,W4] [--seconds 6]

Printed are, for each quarter of a second, the rate, p99 and the CPU time of the server per response, and the time from which
on the rate stays at 90 % of the steady one: the median of the last second. "start": as soon as a server has started whose
Redis is empty. "flush": after FLUSHALL at the same server, with other requests. W2: points, popular ones more often; W4: lists that never repeat. DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import asyncio
import statistics
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import NamedTuple

from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from benchmarks import load, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.queries import RequestSequence
from benchmarks.server import Server

SLICE = 0.25
STEADY_SHARE = 0.9


class Slice(NamedTuple):
    """Responses per second; p99 and the server's CPU time per response in seconds."""

    rate: float
    p99: float
    cpu: float


async def _points(server: Server) -> RequestSequence:
    return queries.popular_points()


async def _lists(server: Server) -> RequestSequence:
    return queries.lists_that_never_repeat(await server.cursors())


WORKLOADS: dict[str, Callable[[Server], Awaitable[RequestSequence]]] = {"W2": _points, "W4": _lists}


def main() -> None:
    arguments = _arguments()
    run_in_environment(lambda environment: _run(environment, arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="which of them (default: all)")
    parser.add_argument("--seconds", type=float, default=6, help="after each event")
    return parser.parse_args()


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    events: dict[str, list[Slice]] = {}
    with environment.server() as server:  # delivers the events of the import
        await server.until_ready()
        sequences = {name: await WORKLOADS[name](server) for name in arguments.workloads.split(",")}
    for name, sequence in sequences.items():
        await _flush(environment)
        with environment.server() as server:
            events[f"{name}, start"] = await _slices(server, sequence, 0, arguments.seconds)
            await _flush(environment)
            half = len(sequence.in_order()) // 2
            events[f"{name}, flush"] = await _slices(server, sequence, half, arguments.seconds)
    _print(events, arguments, await environment.about())


async def _flush(environment: Environment) -> None:
    async with asyncio.timeout(10), Redis.from_url(environment.settings.redis_url) as redis:
        await redis.flushall()


async def _slices(server: Server, sequence: RequestSequence, start: int, seconds: float) -> list[Slice]:
    found = []
    async with load.sending(server.port, sequence, start) as seen:
        for _ in range(round(seconds / SLICE)):
            before, began, cpu = len(seen.times), perf_counter(), server.cpu_seconds
            await asyncio.sleep(SLICE)
            times = sorted(seen.times[before:])
            took, spent = perf_counter() - began, server.cpu_seconds - cpu
            p99 = times[len(times) * 99 // 100] if times else took
            found.append(Slice(len(times) / took, p99, spent / max(1, len(times))))
    assert not seen.failed
    return found


def _filled_after(slices: Sequence[Slice]) -> float:
    """Seconds until the rate reaches its share of the steady one and does not fall below it again but for a slice."""
    steady = statistics.median(each.rate for each in slices[-round(1 / SLICE) :])
    slow = [each.rate < STEADY_SHARE * steady for each in slices]
    pairs = [number for number in range(1, len(slow)) if slow[number] and slow[number - 1]]
    first = pairs[-1] + 1 if pairs else next(number for number, each in enumerate(slow) if not each)
    return first * SLICE


def _print(events: dict[str, list[Slice]], arguments: argparse.Namespace, about: str) -> None:
    table = Table(
        title=f"While caches fill: slices of {SLICE:g} s, {load.CONNECTIONS} connections of a client in Python",
        caption=about,
    )
    table.add_column("from")
    for name in events:
        table.add_column(f"{name}: 1/s, p99 ms, CPU µs", justify="right")
    for number in range(round(arguments.seconds / SLICE)):
        cells = [
            f"{each.rate:,.0f}  {1e3 * each.p99:.1f}  {1e6 * each.cpu:,.0f}"
            for each in (slices[number] for slices in events.values())
        ]
        table.add_row(f"{number * SLICE:.2f} s", *cells)
    table.add_section()
    table.add_row("90 % after", *(f"{_filled_after(slices):.2f} s" for slices in events.values()))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
