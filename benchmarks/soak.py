"""A mixed load for minutes, with latency, failures and memory of each part.

    python -m benchmarks.soak [--minutes 5] [--same-documents]

Points (popular ones more often), lists that never repeat, every fiftieth request a correction, and every tenth a point
with a document that never repeats (unless `--same-documents` is given); the server has a core of its own. Each line is
one part of the time.
"""

import argparse
from itertools import chain, cycle, islice

from rich.console import Console
from rich.table import Table

from app.auth.api_keys import digest
from benchmarks import databases, load, machine, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.queries import RequestSequence
from benchmarks.server import Server
from benchmarks.workloads import KEY, lists_that_never_repeat, points_with_corrections

PARTS = 10
WARMUP = 5  # seconds
GAUGES = {"L1, MB": "dno_cache_memory_bytes", "backlog": "dno_outbox_backlog"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--same-documents", action="store_true", help="no documents that never repeat")
    arguments = parser.parse_args()
    run_in_environment(
        lambda environment: soak(environment, arguments.minutes, same_documents=arguments.same_documents)
    )


async def soak(environment: Environment, minutes: float, *, same_documents: bool) -> None:
    await databases.add_key(environment.settings.database_url, digest(KEY))
    print(f"{environment.content}; load from {machine.load_program()}", flush=True)
    table = Table(
        title=f"{minutes:g} minutes, {load.CONNECTIONS} connections", caption=await environment.about()
    )
    for column in ("minute", "requests/s", "p50, ms", "p99, ms", "failed", "memory, MB", *GAUGES):
        table.add_column(column, justify="right")
    with environment.server() as server:
        await server.until_ready()
        sequence = await mixed(server)
        measured = await load.send(server.port, sequence, seconds=WARMUP)
        sent, seconds = measured.requests, minutes * 60 / PARTS
        for part in range(PARTS):
            expected = round(1.5 * measured.rate * seconds)
            now = sequence if same_documents else with_new_documents(sequence, part, expected, sent)
            measured = await load.send(server.port, now, seconds=seconds, start=sent if same_documents else 0)
            sent += measured.requests
            row = await _row(server, measured)
            table.add_row(f"{(part + 1) * minutes / PARTS:.1f}", *row)
            print(*row, flush=True)
    Console(width=120).print(table)


async def mixed(server: Server) -> RequestSequence:
    """Two thirds points and corrections, one third lists."""
    points, lists = await points_with_corrections(server), await lists_that_never_repeat(server)
    behind = len(points.requests)
    listed = [behind + number for number in lists.order or range(len(lists.requests))]
    order = []
    for number, index in enumerate(points.order or range(behind)):
        order.append(index)
        if number % 2:
            order.append(listed[number // 2 % len(listed)])
    return RequestSequence([*points.requests, *lists.requests], order)


def with_new_documents(sequence: RequestSequence, part: int, count: int, start: int) -> RequestSequence:
    """`count` requests from `start` on, every tenth of them a point with a new document."""
    points = cycle(queries.point(*pair) for pair in queries.all_points())
    new = list(islice(queries.with_new_documents(points, part * 10**8), count // 10 + 1))
    known = islice(
        cycle(sequence.order or range(len(sequence.requests))),
        start % (len(sequence.order or sequence.requests)),
        None,
    )
    behind = iter(range(len(sequence.requests), len(sequence.requests) + len(new)))
    order = chain.from_iterable((*islice(known, 9), next(behind)) for _ in new)
    return RequestSequence([*sequence.requests, *new], list(order))


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
