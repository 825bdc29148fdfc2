"""Cost of reads and distribution of time: from PostgreSQL, from Redis, from memory.

    python -m benchmarks.reads [--rounds 3] [--seconds 5]

The caches are switched off one after the other, so that all requests of a row use the same source:

    PostgreSQL    no caches: every record is read (concurrent requests share statements)
    Redis         records in Redis (L2), nothing in this process
    memory        records in this process (L1)
    whole response  everything on

Between the last two there are fragments; the benchmark for them is W4 of benchmarks/workloads.py.

Rates and times are measured with many connections, the shares with one, so that no request is queued.
DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import secrets
from collections.abc import Mapping
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from app.auth.api_keys import PREFIX, digest
from app.cache.region import Region
from benchmarks import databases, load, machine, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.load import Measured
from benchmarks.queries import RequestSequence
from benchmarks.server import Server
from loaders import regions

SOURCES: dict[str, dict[str, object]] = {
    "PostgreSQL": {"entity_cache": False, "response_cache": False},
    "Redis": {"memory_cache": False, "response_cache": False},
    "memory": {"response_cache": False},
    "whole response": {},
}
KEY = PREFIX + secrets.token_urlsafe(32)
# Statements of readers, without jobs and fills.
REGIONS = [region.name for region in vars(regions).values() if isinstance(region, Region)]
TIMES = {
    "SQL": [f'dno_database_statement_duration_seconds_sum{{region="{region}"}}' for region in REGIONS],
    "Redis": [
        f'dno_cache_operation_duration_seconds_sum{{layer="l2",operation="{operation}"}}'
        for operation in ("get", "lease")
    ],
    "all": ['dno_graphql_operation_duration_seconds_sum{type="query"}'],
}


class CacheShares(NamedTuple):
    """Of the execution time of operations; concurrent statements are added."""

    sql: float
    redis: float
    execution: float


class Outcome(NamedTuple):
    measured: Measured
    shares: CacheShares | None  # None where nothing was executed


def main() -> None:
    arguments = _arguments()
    run_in_environment(lambda environment: _run(environment, arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of one round")
    return parser.parse_args()


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    print(f"{environment.content}; load from {machine.load_program()}")
    await databases.add_key(environment.settings.database_url, digest(KEY))
    await databases.add_places(environment.settings.database_url, queries.POSTAL_CODES)
    outcomes: dict[tuple[str, str], Outcome] = {}
    for source, changed in SOURCES.items():
        with environment.server(warm_memory=False, **changed) as server:
            await server.until_ready()
            for figure in (queries.time_of_use(KEY), *queries.figures_of_bill(KEY)):
                await server.data(figure)  # figures that are there already stay
            for name, sequence in (await _sequences(server)).items():
                outcomes[name, source] = await _measure(server, sequence, arguments)
                print(f"{name} from {source}: {outcomes[name, source].measured.rate:,.0f}/s", flush=True)
    _print(outcomes, arguments, await environment.about())


async def _sequences(server: Server) -> dict[str, RequestSequence]:
    """Different requests in turn."""
    points = queries.all_points()[:500]
    return {
        "one operator's tariffs": RequestSequence([queries.point(*pair) for pair in points]),
        "a day's § 14a prices": RequestSequence(
            [queries.day_of_prices(day) for day in queries.days_of_year()]
        ),
        "an operator's bills": RequestSequence([queries.bill(kwh) for kwh in range(1000, 6000, 10)]),
        "operators at a postal code": RequestSequence(
            [queries.operators_at(code) for code in queries.POSTAL_CODES]
        ),
        "50 operators": RequestSequence(queries.full_pages(await server.cursors())),
    }


async def _measure(server: Server, sequence: RequestSequence, arguments: argparse.Namespace) -> Outcome:
    async with server.connection() as connection:
        for request in [
            *sequence.requests,
            *sequence.requests,
        ]:  # twice: large lists are cached on their second request
            await connection.data(request)
    rounds = [
        await load.send(server.port, sequence, seconds=arguments.seconds) for _ in range(arguments.rounds)
    ]
    return Outcome(load.median(rounds), await _shares(server, sequence))


async def _shares(server: Server, sequence: RequestSequence) -> CacheShares | None:
    before = _spent(await server.metrics())
    async with server.connection() as connection:
        for request in sequence.requests:
            await connection.data(request)
    after = _spent(await server.metrics())
    spent = {name: after[name] - before[name] for name in TIMES}
    if not spent["all"]:
        return None
    sql, redis = (spent[name] / spent["all"] for name in ("SQL", "Redis"))
    return CacheShares(sql, redis, max(0.0, 1 - sql - redis))


def _spent(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: sum(metrics.get(one, 0) for one in summed) for name, summed in TIMES.items()}


def _print(outcomes: dict[tuple[str, str], Outcome], arguments: argparse.Namespace, about: str) -> None:
    how = f"{arguments.rounds} rounds of {arguments.seconds:g} s, {load.CONNECTIONS} connections"
    table = Table(
        title=f"Medians of {how}; shares on one connection",
        caption=about,
    )
    for column in ("requested", "from"):
        table.add_column(column)
    for column in ("requests/s", "p50, ms", "p99, ms", "SQL", "Redis", "execution"):
        table.add_column(column, justify="right")
    for (name, source), (measured, shares) in outcomes.items():
        times = [f"{1000 * value:.2f}" for value in (measured.p50, measured.p99)]
        parts = [f"{share:.0%}" for share in shares] if shares else ["–"] * len(CacheShares._fields)
        table.add_row(name, source, f"{measured.rate:,.0f}", *times, *parts)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
