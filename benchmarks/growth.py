"""What requests, start, import, export and migration cost at 1, 10 and 50 times the data of Germany.

    python -m benchmarks.growth [--factor 1,10,50] [--rounds 3] [--only requests]

For each factor a database of its own is filled by SQL (benchmarks/growth_data.py) as of an earlier release and migrated. `dno serve`
then runs on it, and each request is sent alone, each time with other arguments, so that no response is repeated. Printed are
medians: milliseconds of the server's CPU, the same of PostgreSQL (waiting included), statements, and how long a request for
`/healthz` waited at most meanwhile (the longest step of the event loop). `×` is the growth of the CPU and statement time together beside the smallest factor.

DATABASE_URL is used as by benchmarks/workloads.py. With factor 50 about 4 GB of disk are needed.
"""

import argparse
import asyncio
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import asyncpg
import msgspec
from rich.console import Console
from rich.table import Table

from app.auth.api_keys import PREFIX, digest
from app.db.migrate import LATEST, migrate
from app.settings import Settings
from benchmarks import databases, growth_data, growth_files, machine, queries
from benchmarks.server import Connection, Server, running

EARLIER = "0010"  # the release with the tables that are filled
KEY = PREFIX + secrets.token_urlsafe(32)
HEALTH = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
LONG = 60 * 10**3  # seconds, as a limit that does not matter
TOWNS = ("Ahrberg", "Neudorf", "Groß Wald", "Steinheim am Berg", "Bad Lindenau", "Oberkirchhausen")


class Cost(NamedTuple):
    """Of one request: milliseconds of the server's CPU and of statements, statements, and milliseconds that another request waited."""

    cpu: float
    sql: float
    statements: float
    wait: float


def main() -> None:
    arguments = _arguments()
    factors = [int(each) for each in arguments.factor.split(",")]
    found: dict[int, dict[str, Cost | float]] = {}
    with databases.folder() as folder, databases.servers(folder) as settings:
        about = asyncio.run(machine.databases(settings))
        for factor in factors:
            found[factor] = asyncio.run(_run(settings, folder, factor, arguments))
    _print(found, f"{machine.software()}\n{about}\n{machine.hardware()}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--factor", default="1,10,50", help="of 939 operators, separated by commas")
    parser.add_argument("--rounds", type=int, default=3, help="of each request")
    parser.add_argument("--only", choices=("requests", "files"), help="without files, or without requests")
    return parser.parse_args()


async def _run(
    settings: Settings, folder: Path, factor: int, arguments: argparse.Namespace
) -> dict[str, Cost | float]:
    async with databases.new_database(settings.database_url, f"dno_growth_{factor}", EARLIER) as url:
        own = msgspec.structs.replace(settings, database_url=url)
        entries = await growth_data.fill(url, factor)
        print(f"{factor} times: {entries:,} entries", flush=True)
        began = time.perf_counter()
        await _migrate(url)
        found: dict[str, Cost | float] = {
            f"migration from {EARLIER} to {LATEST}, s": time.perf_counter() - began
        }
        await growth_data.analyse(url)
        await databases.add_key(url, digest(KEY))
        if arguments.only != "files":
            found |= await _requests(own, folder, arguments.rounds)
        if arguments.only != "requests":
            found |= await growth_files.measure(own, folder, factor)
        return found


async def _migrate(url: str) -> None:
    """Tried again while PostgreSQL still vacuums what was filled."""
    while True:
        with suppress(asyncpg.LockNotAvailableError):
            await migrate(url, target=LATEST)
            return
        await asyncio.sleep(0.5)


# Requests


async def _requests(settings: Settings, folder: Path, rounds: int) -> dict[str, Cost | float]:
    began = time.perf_counter()
    with running(
        settings,
        folder,
        warm_memory=False,
        limit_cpu_time=LONG,
        database_statement_timeout=LONG,
        operation_timeout=LONG,
    ) as server:
        found: dict[str, Cost | float] = {"start until ready, s": time.perf_counter() - began}
        await server.until_ready()
        found["memory after the start, MB"] = server.memory / 1e6
        async with server.connection() as connection:
            measure = Measurement(server, connection, settings.database_url)
            found["first question after the start"] = await measure.one(_question(999))
            found["memory after the first question, MB"] = server.memory / 1e6
            for name, request in REQUESTS.items():
                costs = [await measure.one(request(number)) for number in range(rounds + 1)]
                found[f"{name}, first"] = costs[0]
                found[name] = median = _median(costs[1:])
                print(f"  {name}: {costs[0].cpu:.1f} ms of CPU at first, then {median.cpu:.1f}", flush=True)
            for name, costs in (await _after_changes(measure, rounds)).items():
                found[name] = _median(costs)
        found["memory at the end, MB"] = server.memory / 1e6
        return found


def _median(costs: list[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


class Measurement:
    def __init__(self, server: Server, connection: Connection, database_url: str) -> None:
        self.server = server
        self.database_url = database_url
        self.connection = connection

    async def one(self, request: bytes) -> Cost:
        before, cpu = await self._statements(), self.server.exact_cpu_seconds
        async with self._longest_wait() as waits:
            body = await self.connection.request(request)
            assert b'"errors":[' not in body.replace(b'"errors":[]', b""), body[:2000]
        cpu = self.server.exact_cpu_seconds - cpu
        after = await self._statements()
        seconds, number = after[0] - before[0], after[1] - before[1]
        return Cost(1000 * cpu, 1000 * seconds, number, 1000 * max(waits))

    async def _statements(self) -> tuple[float, float]:
        """Seconds and number so far, without those of jobs."""
        metrics = await self.server.metrics()
        return tuple(  # type: ignore[return-value]
            sum(value for name, value in metrics.items() if name.startswith(kind) and not _of_job(name))
            for kind in ("dno_database_statement_duration_seconds_sum", "dno_database_statements_total")
        )

    @asynccontextmanager
    async def _longest_wait(self) -> AsyncIterator[list[float]]:
        waits, ended = [0.0], False

        async def ask() -> None:
            async with self.server.connection() as other:
                while not ended:
                    began = time.perf_counter()
                    await other.request(HEALTH)
                    waits.append(time.perf_counter() - began)
                    await asyncio.sleep(0.002)

        task = asyncio.create_task(ask())
        try:
            yield waits
        finally:
            ended = True
            await task


def _of_job(name: str) -> bool:
    return any(f'region="{job}"' in name for job in ("outbox", "readiness", "webhooks", "edges", "query_log"))


def _list(number: int, order: str = "NAME", **filter: object) -> bytes:
    return queries.post(
        "query($offset: Int, $filter: DnoFilter, $order: DnoOrder) { dnos(first: 20, offset: $offset, filter: $filter, orderBy: $order)"
        " { totalCount nodes { slug name city } } }",
        offset=100 + number,
        order=order,
        filter=filter or None,
    )


def _question(number: int) -> bytes:
    town = TOWNS[number % len(TOWNS)]
    text = f"Was kostet die Leistung bei den Stadtwerken {town} in der Mittelspannung {2022 + number % 5}?"
    return queries.post("query($text: String!) { naturalQuery(query: $text) { answer } }", text=text)


def _page(path: str) -> Callable[[int], bytes]:
    def request(number: int) -> bytes:
        return f"GET {path.format(number=number, year=2022 + number % 5)} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/html\r\n\r\n".encode()

    return request


REQUESTS: dict[str, Callable[[int], bytes]] = {
    "an operator's tariffs": lambda number: queries.point(f"netze-{number:05}"),
    "list": _list,
    "list by city": lambda number: _list(number, "CITY"),
    "list with words": lambda number: _list(
        0, search=("stadt", "ahr", "netz", "bad ")[number % 4] + ("berg", "a", "feld", "w")[number % 4]
    ),
    "list with figures of a year": lambda number: _list(
        0, hasDataForYear=2022 + number % 5, dataTypes=["PRICE"]
    ),
    "list with figures of any year": lambda number: _list(number, dataTypes=["PRICE", "HLZF"]),
    "search by name": lambda number: queries.post(
        "query($text: String!) { searchDnos(query: $text) { score dno { name } } }",
        text=f"Stadtwerk {TOWNS[number % len(TOWNS)]} {number}",
    ),
    "question": _question,
    "ranking of tariffs": lambda number: queries.post(
        "query($kwh: Decimal!) { rankTariffs(year: 2025, voltageLevel: MS, consumptionKwh: $kwh, peakLoadKw: 500) { rank } }",
        kwh=str(10**6 + number),
    ),
    "ranking of bills": lambda number: queries.post(
        "query($skip: Int!) { rankBills(profile: HOUSEHOLD, year: 2025, skip: $skip) { ranked bills { rank dno { name } } } }",
        skip=number,
    ),
    "coverage": lambda number: queries.post(
        f"{{ coverage {{ totalEntries byYear {{ year dnos verified }} byRegion {{ region dnosWithData }} }} a{number}: __typename }}"
    ),
    "coverage by region and year": lambda number: queries.post(
        f"{{ coverage {{ byRegionAndYear {{ region year dnos }} }} a{number}: __typename }}"
    ),
    "/operators": _page("/operators?year={year}&search=stadt&offset={number}"),
    "/changes": _page("/changes?year={year}"),
}


async def _after_changes(measure: Measurement, rounds: int) -> dict[str, list[Cost]]:
    """The first request of each kind after a correction, and after a change of an operator."""
    found: dict[str, list[Cost]] = {}
    answer = await measure.connection.data(queries.post(queries.TARIFF_IDS, slug="netze-00007", year=2025))
    tariff = answer["dno"]["tariffs"][0]["id"]
    for number in range(rounds):
        correction = queries.correction(KEY, tariff, f"{100 + number + secrets.randbelow(1000)}.5")
        found.setdefault("correction", []).append(await measure.one(correction))
        for name in ("coverage", "list with figures of any year", "/operators", "/changes"):
            cost = await measure.one(REQUESTS[name](53 + 5 * number))
            found.setdefault(f"{name}, after a correction", []).append(cost)
    for number in range(rounds):
        await _rename(measure, f"Netze {number}{secrets.token_hex(4)}")
        for name in ("list", "search by name", "question"):
            cost = await measure.one(REQUESTS[name](20 + number))
            found.setdefault(f"{name}, after a change of an operator", []).append(cost)
    return found


async def _rename(measure: Measurement, name: str) -> None:
    """By SQL, and until it is visible."""
    connection = await asyncpg.connect(measure.database_url)
    try:
        await connection.execute("UPDATE dnos SET name = $1 WHERE slug = 'netze-00003'", name)
    finally:
        await connection.close()
    read = queries.post("query($slug: String!) { dno(slug: $slug) { name } }", slug="netze-00003")
    async with asyncio.timeout(30):
        while (await measure.connection.data(read))["dno"]["name"] != name:
            await asyncio.sleep(0.01)


# Output


def _print(found: dict[int, dict[str, Cost | float]], about: str) -> None:
    smallest, *_ = found
    table = Table(title="Growth with the data", caption=about)
    table.add_column("")
    for factor in found:
        for title in (f"{factor}: CPU", "SQL", "n", "wait"):
            table.add_column(title, justify="right")
        if factor != smallest:
            table.add_column("×", justify="right")
    for name, first in found[smallest].items():
        cells: list[str] = []
        for factor, figures in found.items():
            value = figures[name]
            if isinstance(value, Cost) and isinstance(first, Cost):
                cells += [
                    f"{value.cpu:,.1f}",
                    f"{value.sql:,.1f}",
                    f"{value.statements:.0f}",
                    f"{value.wait:,.1f}",
                ]
                ratio = (value.cpu + value.sql) / max(first.cpu + first.sql, 0.1)
            elif isinstance(value, float) and isinstance(first, float):
                cells += [f"{value:,.2f}", "", "", ""]
                ratio = value / first
            if factor != smallest:
                cells.append(f"{ratio:.1f}")
        table.add_row(name, *cells)
    Console(width=200 if len(found) > 1 else 120).print(table)


if __name__ == "__main__":
    main()
