"""Cost of requests of other shapes than points and lists.

    python -m benchmarks.shapes [--shapes deep,bills] [--seconds 1.5]

Each shape in three ways: "no cache" with all caches off; "new", requests that do not repeat with all caches on and records in
memory; "repeated", one request with all caches on. Introspection and pages have fewer different requests than are sent. CPU
time is that of the server's process. Statements are those of readers, and concurrent requests share them. The limits of root fields
and aliases are raised to 30. DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import secrets
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from app.auth.api_keys import PREFIX, digest
from benchmarks import databases, load, machine, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.queries import RequestSequence
from benchmarks.reads import REGIONS
from benchmarks.server import Server
from benchmarks.shape_requests import ALIASES, EQUIPPED, SHAPES, requests_of

# Fewer than for other benchmarks: the dearest requests take a tenth of a second of CPU each.
CONNECTIONS = 8
KEY = PREFIX + secrets.token_urlsafe(32)
REQUESTS = 6000
WAYS: dict[str, dict[str, object]] = {
    "no cache": {"entity_cache": False, "response_cache": False},
    "new": {},
    "repeated": {},
}
STATEMENTS = [f'dno_database_statement_duration_seconds_count{{region="{region}"}}' for region in REGIONS]


class Outcome(NamedTuple):
    """CPU time in seconds per request, statements per request."""

    rate: float
    cpu: float
    statements: float
    failed: int
    bytes: int


def main() -> None:
    arguments = _arguments()
    run_in_environment(lambda environment: _run(environment, arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shapes", default="", help="those whose names contain one of these (default: all)")
    parser.add_argument("--seconds", type=float, default=1.5, help="of each measurement")
    arguments = parser.parse_args()
    wanted = arguments.shapes.split(",")
    arguments.shapes = [name for name in SHAPES if any(part in name for part in wanted)]
    return arguments


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    await databases.add_key(environment.settings.database_url, digest(KEY))
    print(f"{environment.content}; load from {machine.load_program()}")
    outcomes = {}
    for way, changed in WAYS.items():
        with environment.server(
            warm_memory=False, limit_root_fields=ALIASES, limit_aliases=ALIASES, **changed
        ) as server:
            await server.until_ready()
            if way == "no cache":
                await _add_figures(server)
            cursors = await server.cursors()
            for name in arguments.shapes:
                sequence = RequestSequence(requests_of(name, cursors, 1 if way == "repeated" else REQUESTS))
                outcome = outcomes[name, way] = await _measure(server, sequence, arguments.seconds)
                print(f"{way}: {name}: {outcome.rate:,.0f}/s", flush=True)
    _print(outcomes, arguments, await environment.about())


async def _add_figures(server: Server) -> None:
    async with server.connection() as connection:
        for request in queries.figures_of_bill(KEY, EQUIPPED):
            await connection.data(request)
        for slug in EQUIPPED:
            await connection.data(queries.time_of_use(KEY, slug))


async def _measure(server: Server, sequence: RequestSequence, seconds: float) -> Outcome:
    async with server.connection() as connection:
        # Twice: large responses are cached on their second request.
        for request in [*sequence.requests[:10]] * 2:
            body = await connection.request(request)
            assert b'"errors":' not in body, body[:300]
    sent = (await load.send(server.port, sequence, seconds=1, connections=CONNECTIONS)).requests + CONNECTIONS
    cpu, statements = server.cpu_seconds, await _statements(server)
    measured = await load.send(server.port, sequence, seconds=seconds, start=sent, connections=CONNECTIONS)
    number = max(1, measured.requests)
    return Outcome(
        measured.rate,
        (server.cpu_seconds - cpu) / number,
        (await _statements(server) - statements) / number,
        measured.failed,
        len(body),
    )


async def _statements(server: Server) -> float:
    metrics = await server.metrics()
    return sum(metrics.get(name, 0) for name in STATEMENTS)


def _print(outcomes: dict[tuple[str, str], Outcome], arguments: argparse.Namespace, about: str) -> None:
    how = f"{arguments.seconds:g} s each, {CONNECTIONS} connections, {machine.load_program()}"
    table = Table(title=f"Other shapes, {how}", caption=about)
    for column in ("", "caches"):
        table.add_column(column)
    for column in ("requests/s", "CPU, µs", "statements", "failed", "bytes"):
        table.add_column(column, justify="right")
    for name in arguments.shapes:
        for way in WAYS:
            rate, cpu, statements, failed, size = outcomes[name, way]
            figures = (f"{rate:,.0f}", f"{1e6 * cpu:,.0f}", f"{statements:.2f}", str(failed), f"{size:,}")
            table.add_row(name, way, *figures)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
