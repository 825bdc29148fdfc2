"""How many requests a second one server answers on one core, for seven kinds of load.

    python -m benchmarks.workloads [--workloads W1,W4] [--rounds 3] [--seconds 8]

Everything is on that production has on: rate limits (far away), limits of operations, metrics, request ids.
DATABASE_URL names a PostgreSQL server in which a database may be made (and is dropped again); without it one
is started in a folder that is removed afterwards. REDIS_URL does not count: a Valkey is started in any case.
"""

import argparse
import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from app.auth.api_keys import PREFIX, digest
from benchmarks import databases, load, machine, questions
from benchmarks.freshness import LEVEL, Judge, tariff_ids
from benchmarks.load import Measured
from benchmarks.questions import Asked
from benchmarks.registry import LEVELS
from benchmarks.server import Server
from benchmarks.stage import Stage, play

CORRECTIONS = 400
KEY = PREFIX + secrets.token_urlsafe(32)


class Workload(NamedTuple):
    name: str
    prepare: Callable[[Server], Awaitable[Asked]]
    changed: Mapping[str, object] = MappingProxyType({})
    judged: bool = False


class Outcome(NamedTuple):
    measured: Measured
    memory: int
    judge: Judge | None


async def hot_point(server: Server) -> Asked:
    return Asked([questions.point()])


async def hot_list(server: Server) -> Asked:
    return Asked([questions.page()])


async def popular_points(server: Server) -> Asked:
    return questions.popular_points()


async def lists_that_never_repeat(server: Server) -> Asked:
    """All their records are warm."""
    starts = await server.cursors()
    async with server.connection() as connection:
        for page in questions.all_pages(starts):
            await connection.data(page)
    return questions.lists_that_never_repeat(starts)


async def points_with_corrections(server: Server) -> Asked:
    corrections, chance = [], random.Random(2)
    pairs = questions.all_points()
    async with server.connection() as connection:
        for index in questions.zipf(len(pairs), CORRECTIONS):
            ids = await tariff_ids(connection, *pairs[index])
            tariff = ids[chance.choice([level for level in LEVELS if level != LEVEL])]
            corrections.append(questions.correction(KEY, tariff, f"{chance.randrange(10**6) / 10**4:.4f}"))
    return questions.popular_points_with_corrections(corrections)


async def persisted_point(server: Server) -> Asked:
    await server.data(questions.registering(questions.POINT))
    return Asked([questions.persisted(questions.POINT, **questions.HOT)])


WORKLOADS = {
    "W1": Workload("one point again and again", hot_point),
    "W2": Workload("points, the popular more often", popular_points),
    "W3": Workload("one list of 50 again and again", hot_list),
    "W4": Workload("lists that never repeat, records warm", lists_that_never_repeat),
    "W5": Workload(
        "W2 with every cache off", popular_points, {"entity_cache": False, "response_cache": False}
    ),
    "W6": Workload("W2 with 2 % corrections", points_with_corrections, judged=True),
    "W7": Workload("W1 as a persisted GET", persisted_point),
}


def main() -> None:
    arguments = _arguments()
    play(lambda stage: _run(stage, arguments))


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


async def _run(stage: Stage, arguments: argparse.Namespace) -> None:
    await databases.add_key(stage.settings.database_url, digest(KEY))
    print(f"{stage.held}; asked by {machine.load_program()}")
    outcomes = {}
    for name in arguments.workloads:
        workload = WORKLOADS[name]
        with stage.server(**workload.changed) as server:
            outcomes[name] = await _measure(server, workload, arguments)
        print(f"{name} {outcomes[name].measured.rate:,.0f} requests/s", flush=True)
    where = (
        "one core for the server, the rest for load and databases" if stage.cores else "no core of its own"
    )
    _print(outcomes, arguments, where, await stage.about())


async def _measure(server: Server, workload: Workload, arguments: argparse.Namespace) -> Outcome:
    await server.until_ready()
    asked = await workload.prepare(server)
    sent = (await load.ask(server.port, asked, seconds=arguments.warmup)).requests
    judge = Judge(server, KEY) if workload.judged else None
    judging = asyncio.create_task(judge.judge()) if judge else None
    rounds = []
    for _ in range(arguments.rounds):
        rounds.append(await load.ask(server.port, asked, seconds=arguments.seconds, start=sent))
        sent += rounds[-1].requests
    if judging:
        assert not judging.done(), judging.exception()
        judging.cancel()
        with suppress(asyncio.CancelledError):
            await judging
    await _check(server, asked)
    return Outcome(load.median(rounds), server.memory, judge)


async def _check(server: Server, asked: Asked) -> None:
    """The quick answers are the right ones: none of a sample holds an error."""
    async with server.connection() as connection:
        for request in random.Random(3).sample(asked.requests, min(50, len(asked.requests))):
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
    for judge in (outcome.judge for outcome in outcomes.values() if outcome.judge):
        print(
            f"Beside the load {judge.corrections} corrections were each followed by reads of the same bytes:"
            f" {judge.stale} of {judge.read} answers were stale."
        )


if __name__ == "__main__":
    main()
