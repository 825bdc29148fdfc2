"""What a read costs, and where its time goes: from PostgreSQL, from Redis, from memory.

    python -m benchmarks.reads [--rounds 3] [--seconds 5]

The caches are switched off one after the other, so that every request of a row takes the same way:

    PostgreSQL    no caches: every record is read anew (what is asked in the same moment shares a statement)
    Redis         records in Redis (L2), nothing in this process
    memory        records in this process (L1)
    whole answer  everything on

Between the last two there are fragments; the benchmark for them is W4 of benchmarks/workloads.py.

Rates and times are those of many connections; the shares are those of one, where nothing waits for others.
DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
from collections.abc import Mapping
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from app.cache.region import Region
from benchmarks import load, machine, questions
from benchmarks.load import Measured
from benchmarks.questions import Asked
from benchmarks.server import Server
from benchmarks.stage import Stage, play
from loaders import regions

WAYS: dict[str, dict[str, object]] = {
    "PostgreSQL": {"entity_cache": False, "response_cache": False},
    "Redis": {"memory_cache": False, "response_cache": False},
    "memory": {"response_cache": False},
    "whole answer": {},
}
# What readers wait for: not what jobs do meanwhile, nor fills.
REGIONS = [region.name for region in vars(regions).values() if isinstance(region, Region)]
TIMES = {
    "SQL": [f'database_statement_duration_seconds_sum{{region="{region}"}}' for region in REGIONS],
    "Redis": [
        f'cache_operation_duration_seconds_sum{{layer="l2",operation="{operation}"}}'
        for operation in ("get", "lease")
    ],
    "all": ['graphql_operation_duration_seconds_sum{type="query"}'],
}


class AcceptShares(NamedTuple):
    """Of the time in which operations are executed; statements side by side count each."""

    sql: float
    redis: float
    execution: float


class Outcome(NamedTuple):
    measured: Measured
    shares: AcceptShares | None  # None where nothing was executed


def main() -> None:
    arguments = _arguments()
    play(lambda stage: _run(stage, arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of one round")
    return parser.parse_args()


async def _run(stage: Stage, arguments: argparse.Namespace) -> None:
    print(f"{stage.held}; asked by {machine.load_program()}")
    outcomes: dict[tuple[str, str], Outcome] = {}
    for way, changed in WAYS.items():
        with stage.server(**changed) as server:
            await server.until_ready()
            for name, asked in (await _asked(server)).items():
                outcomes[name, way] = await _measure(server, asked, arguments)
                print(f"{name} from {way}: {outcomes[name, way].measured.rate:,.0f}/s", flush=True)
    _print(outcomes, arguments, await stage.about())


async def _asked(server: Server) -> dict[str, Asked]:
    """Different ones in turn, so that no answer stands for all."""
    points = questions.all_points()[:500]
    return {
        "one operator's tariffs": Asked([questions.point(*pair) for pair in points]),
        "50 operators": Asked(questions.full_pages(await server.cursors())),
    }


async def _measure(server: Server, asked: Asked, arguments: argparse.Namespace) -> Outcome:
    async with server.connection() as connection:
        for request in [*asked.requests, *asked.requests]:  # twice: long lists are kept when they come again
            await connection.data(request)
    rounds = [await load.ask(server.port, asked, seconds=arguments.seconds) for _ in range(arguments.rounds)]
    return Outcome(load.median(rounds), await _shares(server, asked))


async def _shares(server: Server, asked: Asked) -> AcceptShares | None:
    before = _spent(await server.metrics())
    async with server.connection() as connection:
        for request in asked.requests:
            await connection.data(request)
    after = _spent(await server.metrics())
    spent = {name: after[name] - before[name] for name in TIMES}
    if not spent["all"]:
        return None
    sql, redis = (spent[name] / spent["all"] for name in ("SQL", "Redis"))
    return AcceptShares(sql, redis, max(0.0, 1 - sql - redis))


def _spent(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: sum(metrics.get(one, 0) for one in summed) for name, summed in TIMES.items()}


def _print(outcomes: dict[tuple[str, str], Outcome], arguments: argparse.Namespace, about: str) -> None:
    how = f"{arguments.rounds} rounds of {arguments.seconds:g} s, {load.CONNECTIONS} connections"
    table = Table(
        title=f"Medians of {how}; shares on one connection",
        caption=about,
    )
    for column in ("asked for", "from"):
        table.add_column(column)
    for column in ("requests/s", "p50, ms", "p99, ms", "SQL", "Redis", "execution"):
        table.add_column(column, justify="right")
    for (name, way), (measured, shares) in outcomes.items():
        times = [f"{1000 * value:.2f}" for value in (measured.p50, measured.p99)]
        parts = [f"{share:.0%}" for share in shares] if shares else ["–"] * len(AcceptShares._fields)
        table.add_row(name, way, f"{measured.rate:,.0f}", *times, *parts)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
