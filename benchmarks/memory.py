"""Resident memory of a server after all data has been requested, in several ways.

    python -m benchmarks.memory [--memory-cache-size N]

DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import asyncio
from collections.abc import Sequence
from itertools import cycle, islice

from rich.console import Console
from rich.table import Table

from app.settings import Settings
from benchmarks import queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.server import Server

CONCURRENCY = 8
NEW_DOCUMENTS = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--memory-cache-size",
        type=int,
        default=Settings().memory_cache_size,
        help="the setting MEMORY_CACHE_SIZE",
    )
    arguments = parser.parse_args()
    run_in_environment(lambda environment: _run(environment, arguments.memory_cache_size))


async def _run(environment: Environment, memory_cache_size: int) -> None:
    table = Table(title="Resident memory of one process", caption=await environment.about())
    table.add_column("after")
    table.add_column("memory, MB", justify="right")
    table.add_column("caches, MB", justify="right")
    with environment.server(warm_memory=False, memory_cache_size=memory_cache_size) as server:
        await server.until_ready()
        table.add_row("the start", *await _figures(server))
        points = [queries.point(*pair) for pair in queries.all_points()]
        await _send_all(server, points)
        table.add_row(f"{len(points):,} points", *await _figures(server))
        starts = await server.cursors()
        pages = queries.all_pages(starts)
        await _send_all(server, [*pages, *pages])  # large lists are cached on their second request
        table.add_row(f"{len(pages)} lists of 50, twice", *await _figures(server))
        many = queries.lists_that_never_repeat(starts).requests[:2000]
        await _send_all(server, [*many, *points])
        table.add_row(f"{len(many):,} other lists, all points again", *await _figures(server))
        for part in range(2):
            some = islice(cycle(points), NEW_DOCUMENTS)
            await _send_all(server, list(queries.with_new_documents(some, part * NEW_DOCUMENTS)))
            table.add_row(
                f"{NEW_DOCUMENTS:,} points with documents that never repeat", *await _figures(server)
            )
    print(environment.content)
    Console(width=120).print(table)


async def _send_all(server: Server, requests: Sequence[bytes]) -> None:
    async def ask(some: Sequence[bytes]) -> None:
        async with server.connection() as connection:
            for request in some:
                await connection.data(request)

    await asyncio.gather(*(ask(requests[number::CONCURRENCY]) for number in range(CONCURRENCY)))


async def _figures(server: Server) -> list[str]:
    cached = (await server.metrics())["dno_cache_memory_bytes"]
    return [f"{server.memory / 1e6:.0f}", f"{cached / 1e6:.0f}"]


if __name__ == "__main__":
    main()
