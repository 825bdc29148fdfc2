"""Documents that never repeat: arguments are written into the text, as people and scripts do.

    python -m benchmarks.documents [--rounds 3] [--seconds 5]

Points of operators in one document, 1 or 20 of them, by three kinds of texts: the same each time ("repeated"), other literals
in each document, and other aliases in each, for which there is no shape. Responses are not cached. A failed request is one
without status 200. DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import random
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks import load, machine, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.queries import SEED, RequestSequence
from benchmarks.registry import SLUGS, YEARS

DOCUMENTS = 12_000
POINT = '{alias}: dno(slug: "{slug}") {{ name tariffs(year: {year}) {{ voltageLevel leistung arbeit }} }}'


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of one round")
    arguments = parser.parse_args()
    run_in_environment(lambda environment: _run(environment, arguments))


def documents(points: int, alias: Callable[[int, int], str], *, varied: bool = True) -> RequestSequence:
    """`alias`: by the numbers of the document and of the point."""
    chance = random.Random(SEED)
    texts = []
    for number in range(DOCUMENTS if varied else 1):
        fields = [
            POINT.format(alias=alias(number, point), slug=chance.choice(SLUGS), year=chance.choice(YEARS))
            for point in range(points)
        ]
        texts.append(queries.post(f"{{ {' '.join(fields)} }}"))
    return RequestSequence(texts)


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    how = f"{arguments.rounds} rounds of {arguments.seconds:g} s, {load.CONNECTIONS} connections, {machine.load_program()}"
    table = Table(title=f"Documents, medians of {how}", caption=await environment.about())
    for column in ("points", "documents", "requests/s", "p50, ms", "p99, ms", "failed", "memory, MB"):
        table.add_column(column, justify="right")
    kinds: dict[str, Callable[[int], RequestSequence]] = {
        "repeated": lambda points: documents(points, lambda _, point: f"p{point}", varied=False),
        "other literals": lambda points: documents(points, lambda _, point: f"p{point}"),
        "other aliases": lambda points: documents(points, lambda number, point: f"p{number}_{point}"),
    }
    for points in (1, 20):
        for kind, sequence_of in kinds.items():
            sequence = sequence_of(points)
            with environment.server(response_cache=False) as server:
                await server.until_ready()
                rounds = [
                    await load.send(server.port, sequence, seconds=arguments.seconds, start=turn * 4000)
                    for turn in range(arguments.rounds)
                ]
                measured, memory = load.median(rounds), server.memory / 1e6
            times = [f"{1000 * value:.1f}" for value in (measured.p50, measured.p99)]
            table.add_row(
                str(points), kind, f"{measured.rate:,.0f}", *times, f"{measured.failed:,}", f"{memory:.0f}"
            )
            print(f"{points} points, {kind}: {measured.rate:,.0f}/s", flush=True)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
