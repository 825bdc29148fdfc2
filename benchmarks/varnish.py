"""Varnish beside the server: CPU per request of each, and the hit rate while figures are corrected.

    python -m benchmarks.varnish [--rounds 3] [--seconds 4] [--corrections 2,10]

Varnish runs with the files of deploy/varnish, which need varnish and varnish-modules of Debian. W7 is one persisted GET, repeated; `points` are
persisted GETs for all operators and years, popular ones more often, as in W2. DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import asyncio
import statistics
from contextlib import suppress
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from app.auth.api_keys import digest
from app.dev.postgres import free_port
from benchmarks import databases, load, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.freshness import LEVEL, tariff_ids
from benchmarks.queries import RequestSequence
from benchmarks.server import Connection, Server, running
from benchmarks.workloads import KEY
from tests.reverse_proxies import Address
from tests.varnish import MISSING, Varnish

POPULAR = 200  # operators and years that are corrected


class Outcome(NamedTuple):
    """CPU in seconds per request: of Varnish, and of the server (for those of its own, or for what Varnish fetches)."""

    rate: float
    varnish: float
    server: float
    hit_rate: float
    failed: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--corrections", default="2,10", help="per second, beside `points`")
    arguments = parser.parse_args()
    if MISSING:
        parser.error(MISSING)
    run_in_environment(lambda environment: _run(environment, arguments))


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    await databases.add_key(environment.settings.database_url, digest(KEY))
    with databases.folder() as folder:
        # The server purges at the address that Varnish gets once the address of the server is known.
        varnish_at = Address("127.0.0.1", free_port())
        changed = {
            "edge_headers": ("xkey",),
            "edge_varnish": (f"http://{varnish_at}",),
            "trusted_proxies": ("127.0.0.1",),
            "operations_networks": ("127.0.0.1",),
            "keep_alive_timeout": 75.0,
        }
        with running(environment.settings, folder, environment.cores, **changed) as server:
            await server.until_ready()
            await server.data(queries.registration(queries.POINT))
            varnish = Varnish(folder, [Address("127.0.0.1", server.port)], at=varnish_at)
            try:
                await _measure_all(server, varnish, arguments, await environment.about())
            finally:
                varnish.stop()


async def _measure_all(server: Server, varnish: Varnish, arguments: argparse.Namespace, about: str) -> None:
    pairs = queries.all_points()
    points = RequestSequence(
        [queries.persisted(queries.POINT, slug=slug, year=year) for slug, year in pairs],
        queries.zipf(len(pairs)),
    )
    repeated = RequestSequence([queries.persisted(queries.POINT, **queries.HOT)])
    for port in (server.port, varnish.at.port):
        await _send_each(port, points)
    table = Table(title=f"Medians of {arguments.rounds} rounds of {arguments.seconds:g} s", caption=about)
    for title in ("", "requests/s", "CPU of Varnish, µs", "CPU of the server, µs", "hit rate", "failed"):
        table.add_column(title, justify="right" if title else "left")
    cases: list[tuple[str, RequestSequence, int, float]] = []
    for name, sequence in (("W7", repeated), ("points", points)):
        cases.append((f"{name}, server alone", sequence, server.port, 0))
        cases.append((f"{name}, through Varnish", sequence, varnish.at.port, 0))
    cases += [
        (f"points, {rate:g} corrections/s, through Varnish", points, varnish.at.port, rate)
        for rate in map(float, arguments.corrections.split(","))
    ]
    for name, sequence, port, corrections in cases:
        found = await _measure(server, varnish, port, sequence, corrections, arguments)
        micro = [f"{1e6 * each:.1f}" for each in (found.varnish, found.server)]
        table.add_row(name, f"{found.rate:,.0f}", *micro, f"{found.hit_rate:.2%}", str(found.failed))
    Console(width=120).print(table)


async def _send_each(port: int, sequence: RequestSequence) -> None:
    """Once, so that what is measured is no first request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = Connection(reader, writer)
    for request in sequence.requests:
        await connection.data(request)
    writer.close()


async def _measure(
    server: Server,
    varnish: Varnish,
    port: int,
    sequence: RequestSequence,
    corrections: float,
    arguments: argparse.Namespace,
) -> Outcome:
    start = (await load.send(port, sequence, seconds=arguments.seconds)).requests
    writing = asyncio.create_task(_correct(server, corrections))
    outcomes = []
    for _ in range(arguments.rounds):
        before = varnish.cpu_seconds, server.cpu_seconds, await _requests(server)
        found = await load.send(port, sequence, seconds=arguments.seconds, start=start)
        start += found.requests
        at_server = await _requests(server) - before[2]
        outcomes.append(
            Outcome(
                found.rate,
                (varnish.cpu_seconds - before[0]) / found.requests,
                (server.cpu_seconds - before[1]) / found.requests,
                max(0.0, 1 - at_server / found.requests),
                found.failed,
            )
        )
    assert not writing.done() or not writing.exception(), writing.exception()
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    return Outcome(*map(statistics.median, zip(*outcomes, strict=True)))


async def _requests(server: Server) -> float:
    """GETs of /graphql that have reached it; the names of its metrics may have a prefix."""
    metrics = await server.metrics()
    names = [
        name for name in metrics if name.startswith("dno_http_requests_total{") and 'method="GET"' in name
    ]
    chosen = [name for name in names if name.startswith("dno_")] or names
    return sum(metrics[name] for name in chosen if 'route="/graphql"' in name)


async def _correct(server: Server, rate: float) -> None:
    """Until it is cancelled."""
    if not rate:
        return
    async with server.connection() as connection:
        number = 0
        while True:
            for pair in queries.all_points()[:POPULAR]:
                number += 1
                ids = await tariff_ids(connection, *pair)
                changed = queries.correction(KEY, ids[LEVEL], f"{number % 900 + 1}.{number % 100:02}")
                payload = (await connection.data(changed))["correctTariff"]
                assert payload["errors"] == [], payload
                await asyncio.sleep(1 / rate)


if __name__ == "__main__":
    main()
