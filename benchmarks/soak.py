"""The same mixed load for minutes: does anything grow, slow down or fail?

    python -m benchmarks.soak [--minutes 5] [--same-documents]

Points, the popular more often, lists that never repeat, every fiftieth request a correction, and every tenth a point
with a document that never repeats (unless `--same-documents` is given); the server has a core of its own. Each line is
one part of the time.
"""

import argparse
from itertools import chain, cycle, islice

from rich.console import Console
from rich.table import Table

from app.auth.api_keys import digest
from benchmarks import databases, load, machine, questions
from benchmarks.questions import Asked
from benchmarks.server import Server
from benchmarks.stage import Stage, play
from benchmarks.workloads import KEY, lists_that_never_repeat, points_with_corrections

PARTS = 10
WARMUP = 5  # seconds
GAUGES = {"L1, MB": "cache_memory_bytes", "backlog": "outbox_backlog"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--same-documents", action="store_true", help="no documents that never repeat")
    arguments = parser.parse_args()
    play(lambda stage: soak(stage, arguments.minutes, same_documents=arguments.same_documents))


async def soak(stage: Stage, minutes: float, *, same_documents: bool) -> None:
    await databases.add_key(stage.settings.database_url, digest(KEY))
    print(f"{stage.held}; asked by {machine.load_program()}", flush=True)
    table = Table(title=f"{minutes:g} minutes, {load.CONNECTIONS} connections", caption=await stage.about())
    for column in ("minute", "requests/s", "p50, ms", "p99, ms", "failed", "memory, MB", *GAUGES):
        table.add_column(column, justify="right")
    with stage.server() as server:
        await server.until_ready()
        asked = await mixed(server)
        measured = await load.ask(server.port, asked, seconds=WARMUP)
        sent, seconds = measured.requests, minutes * 60 / PARTS
        for part in range(PARTS):
            expected = round(1.5 * measured.rate * seconds)
            now = asked if same_documents else with_new_documents(asked, part, expected, sent)
            measured = await load.ask(server.port, now, seconds=seconds, start=sent if same_documents else 0)
            sent += measured.requests
            row = await _row(server, measured)
            table.add_row(f"{(part + 1) * minutes / PARTS:.1f}", *row)
            print(*row, flush=True)
    Console(width=120).print(table)


async def mixed(server: Server) -> Asked:
    """Two thirds points and corrections, one third lists."""
    points, lists = await points_with_corrections(server), await lists_that_never_repeat(server)
    behind = len(points.requests)
    listed = [behind + number for number in lists.order or range(len(lists.requests))]
    order = []
    for number, index in enumerate(points.order or range(behind)):
        order.append(index)
        if number % 2:
            order.append(listed[number // 2 % len(listed)])
    return Asked([*points.requests, *lists.requests], order)


def with_new_documents(asked: Asked, part: int, count: int, start: int) -> Asked:
    """So many requests from `start` on, every tenth of them a point whose document came in no part before."""
    points = cycle(questions.point(*pair) for pair in questions.all_points())
    new = list(islice(questions.with_new_documents(points, part * 10**8), count // 10 + 1))
    known = islice(
        cycle(asked.order or range(len(asked.requests))), start % (len(asked.order or asked.requests)), None
    )
    behind = iter(range(len(asked.requests), len(asked.requests) + len(new)))
    order = chain.from_iterable((*islice(known, 9), next(behind)) for _ in new)
    return Asked([*asked.requests, *new], list(order))


async def _row(server: Server, measured: load.Measured) -> list[str]:
    metrics = await server.metrics()
    return [
        f"{measured.rate:,.0f}",
        f"{1000 * measured.p50:.1f}",
        f"{1000 * measured.p99:.1f}",
        f"{measured.failed}",
        f"{server.memory / 1e6:.0f}",
        f"{metrics[GAUGES['L1, MB']] / 1e6:.1f}",
        f"{metrics[GAUGES['backlog']]:.0f}",
    ]


if __name__ == "__main__":
    main()
