"""Requests per second of one server on one core, for eleven workloads.

    python -m benchmarks.workloads [--workloads W1,W4] [--rounds 3] [--seconds 8]

All production features are on: rate limits (very high), limits of operations, metrics, request ids.
DATABASE_URL names a PostgreSQL server in which a database is created and dropped again; without it one
is started in a temporary folder. REDIS_URL is ignored: a Valkey is started in any case.
"""

import argparse
import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from app.auth.api_keys import PREFIX, digest
from benchmarks import databases, load, machine, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.freshness import LEVEL, FreshnessChecker, tariff_ids
from benchmarks.load import Measured
from benchmarks.queries import RequestSequence
from benchmarks.registry import LEVELS
from benchmarks.server import Server

CORRECTIONS = 400
KEY = PREFIX + secrets.token_urlsafe(32)


class Workload(NamedTuple):
    name: str
    prepare: Callable[[Server], Awaitable[RequestSequence]]
    changed: Mapping[str, object] = MappingProxyType({})
    checked: bool = False


class Outcome(NamedTuple):
    measured: Measured
    memory: int
    checker: FreshnessChecker | None


async def hot_point(server: Server) -> RequestSequence:
    return RequestSequence([queries.point()])


async def hot_list(server: Server) -> RequestSequence:
    return RequestSequence([queries.page()])


async def popular_points(server: Server) -> RequestSequence:
    return queries.popular_points()


async def lists_that_never_repeat(server: Server) -> RequestSequence:
    """All records are cached before."""
    starts = await server.cursors()
    async with server.connection() as connection:
        for page in queries.all_pages(starts):
            await connection.data(page)
    return queries.lists_that_never_repeat(starts)


async def points_with_corrections(server: Server) -> RequestSequence:
    corrections, chance = [], random.Random(2)
    pairs = queries.all_points()
    async with server.connection() as connection:
        for index in queries.zipf(len(pairs), CORRECTIONS):
            ids = await tariff_ids(connection, *pairs[index])
            tariff = ids[chance.choice([level for level in LEVELS if level != LEVEL])]
            corrections.append(queries.correction(KEY, tariff, f"{chance.randrange(10**6) / 10**4:.4f}"))
    return queries.popular_points_with_corrections(corrections)


async def persisted_point(server: Server) -> RequestSequence:
    await server.data(queries.registration(queries.POINT))
    return RequestSequence([queries.persisted(queries.POINT, **queries.HOT)])


async def day_of_prices(server: Server) -> RequestSequence:
    await server.data(queries.time_of_use(KEY))
    return RequestSequence([queries.day_of_prices(date(queries.HOT["year"], 6, 1))])


async def day_address(server: Server) -> RequestSequence:
    await server.data(queries.time_of_use(KEY))
    return RequestSequence([queries.day_address(date(queries.HOT["year"], 6, 1))])


async def household_bill(server: Server) -> RequestSequence:
    for request in queries.figures_of_bill(KEY):
        await server.data(request)
    return RequestSequence([queries.bill()])


async def postal_code(server: Server) -> RequestSequence:
    return RequestSequence([queries.operators_at(queries.POSTAL_CODES[0])])


WORKLOADS = {
    "W1": Workload("one point, repeated", hot_point),
    "W2": Workload("points, popular ones more often", popular_points),
    "W3": Workload("one list of 50, repeated", hot_list),
    "W4": Workload("lists that never repeat, records warm", lists_that_never_repeat),
    "W5": Workload(
        "W2 with every cache off", popular_points, {"entity_cache": False, "response_cache": False}
    ),
    "W6": Workload("W2 with 2 % corrections", points_with_corrections, checked=True),
    "W7": Workload("W1 as a persisted GET", persisted_point),
    "W8": Workload("a day's § 14a prices, repeated", day_of_prices),
    "W9": Workload("W8 by its REST address", day_address),
    "W10": Workload("a household's bill, repeated", household_bill),
    "W11": Workload("operators at a postal code, repeated", postal_code),
}


def main() -> None:
    arguments = _arguments()
    run_in_environment(lambda environment: _run(environment, arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="which of them (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of one round")
    parser.add_argument("--warmup", type=float, default=3, help="seconds before the first round")
    arguments = parser.parse_args()
    arguments.workloads = arguments.workloads.split(",")
    if unknown := set(arguments.workloads) - set(WORKLOADS):
        parser.error(f"no such workload: {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    return arguments


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    await databases.add_key(environment.settings.database_url, digest(KEY))
    await databases.add_places(environment.settings.database_url, queries.POSTAL_CODES)
    print(f"{environment.content}; load from {machine.load_program()}")
    outcomes = {}
    for name in arguments.workloads:
        workload = WORKLOADS[name]
        with environment.server(**workload.changed) as server:
            outcomes[name] = await _measure(server, workload, arguments)
        print(f"{name} {outcomes[name].measured.rate:,.0f} requests/s", flush=True)
    where = (
        "one core for the server, the rest for load and databases"
        if environment.cores
        else "no dedicated core"
    )
    _print(outcomes, arguments, where, await environment.about())


async def _measure(server: Server, workload: Workload, arguments: argparse.Namespace) -> Outcome:
    await server.until_ready()
    sequence = await workload.prepare(server)
    sent = (await load.send(server.port, sequence, seconds=arguments.warmup)).requests
    checker = FreshnessChecker(server, KEY) if workload.checked else None
    checking = asyncio.create_task(checker.run()) if checker else None
    rounds = []
    for _ in range(arguments.rounds):
        rounds.append(await load.send(server.port, sequence, seconds=arguments.seconds, start=sent))
        sent += rounds[-1].requests
    if checking:
        assert not checking.done(), checking.exception()
        checking.cancel()
        with suppress(asyncio.CancelledError):
            await checking
    await _check(server, sequence)
    return Outcome(load.median(rounds), server.memory, checker)


async def _check(server: Server, sequence: RequestSequence) -> None:
    """No response of a sample contains an error."""
    async with server.connection() as connection:
        for request in random.Random(3).sample(sequence.requests, min(50, len(sequence.requests))):
            await connection.data(request)


def _print(outcomes: dict[str, Outcome], arguments: argparse.Namespace, where: str, about: str) -> None:
    how = f"{arguments.rounds} rounds of {arguments.seconds:g} s, {load.CONNECTIONS} connections"
    table = Table(title=f"Medians of {how}; {where}", caption=about)
    for column in ("", "load"):
        table.add_column(column)
    for column in ("requests/s", "p50, ms", "p99, ms", "failed", "memory, MB"):
        table.add_column(column, justify="right")
    for name, (measured, memory, _) in outcomes.items():
        times = [f"{1000 * value:.2f}" for value in (measured.p50, measured.p99)]
        figures = (f"{measured.rate:,.0f}", *times, str(measured.failed), f"{memory / 1e6:.0f}")
        table.add_row(name, WORKLOADS[name].name, *figures)
    Console(width=120).print(table)
    for checker in (outcome.checker for outcome in outcomes.values() if outcome.checker):
        print(
            f"During the load {checker.corrections} corrections were each followed by reads of the same bytes:"
            f" {checker.stale} of {checker.read} responses were stale."
        )


if __name__ == "__main__":
    main()
