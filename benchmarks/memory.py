"""How much memory a server holds when everything there is has been asked for, in many ways.

    python -m benchmarks.memory [--memory-bytes N]

DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import asyncio
from collections.abc import Sequence
from itertools import cycle, islice

from rich.console import Console
from rich.table import Table

from app.settings import Settings
from benchmarks import questions
from benchmarks.server import Server
from benchmarks.stage import Stage, play

AT_ONCE = 8
NEW_DOCUMENTS = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--memory-bytes", type=int, default=Settings().memory_cache_size, help="the setting MEMORY_CACHE_SIZE"
    )
    arguments = parser.parse_args()
    play(lambda stage: _run(stage, arguments.memory_cache_size))


async def _run(stage: Stage, memory_cache_size: int) -> None:
    table = Table(title="Resident memory of one process", caption=await stage.about())
    table.add_column("after")
    table.add_column("memory, MB", justify="right")
    table.add_column("of it in caches, MB", justify="right")
    with stage.server(memory_cache_size=memory_cache_size) as server:
        await server.until_ready()
        table.add_row("the start", *await _figures(server))
        points = [questions.point(*pair) for pair in questions.all_points()]
        await _ask_all(server, points)
        table.add_row(f"{len(points):,} points", *await _figures(server))
        starts = await server.cursors()
        pages = questions.all_pages(starts)
        await _ask_all(server, [*pages, *pages])  # long lists are kept when they come again
        table.add_row(f"{len(pages)} lists of 50, twice", *await _figures(server))
        many = questions.lists_that_never_repeat(starts).requests[:2000]
        await _ask_all(server, [*many, *points])
        table.add_row(f"{len(many):,} other lists, all points again", *await _figures(server))
        for part in range(2):
            some = islice(cycle(points), NEW_DOCUMENTS)
            await _ask_all(server, list(questions.with_new_documents(some, part * NEW_DOCUMENTS)))
            table.add_row(
                f"{NEW_DOCUMENTS:,} points with documents that never repeat", *await _figures(server)
            )
    print(stage.held)
    Console(width=120).print(table)


async def _ask_all(server: Server, requests: Sequence[bytes]) -> None:
    async def ask(some: Sequence[bytes]) -> None:
        async with server.connection() as connection:
            for request in some:
                await connection.data(request)

    await asyncio.gather(*(ask(requests[number::AT_ONCE]) for number in range(AT_ONCE)))


async def _figures(server: Server) -> list[str]:
    cached = (await server.metrics())["cache_memory_bytes"]
    return [f"{server.memory / 1e6:.0f}", f"{cached / 1e6:.0f}"]


if __name__ == "__main__":
    main()
