"""Duration of an import of 100,000 tariff rows, by step.

    python -m benchmarks.import [--rows 100000] [--runs 3]

Uses DATABASE_URL if it is set (its user must be allowed to create databases, which are dropped again),
else an embedded PostgreSQL in a temporary folder.
"""

import argparse
import asyncio
import io
import itertools
import statistics
import time

from rich.console import Console
from rich.table import Table

from app.domain.entry import VoltageLevel
from app.importers.load import File, Kind, Report, Step, import_files
from app.importers.registry import LAYOUT as REGISTRY
from benchmarks import databases, machine
from benchmarks.registry import as_csv, operator

OPERATORS, YEARS = 1_000, range(2000, 2101)
HEADER = (
    "dno_slug,year,voltage_level,leistung,arbeit,leistung_unter_2500h,arbeit_unter_2500h,"
    "verification_status,source_url,source_title"
)
PASSES = ("all new", "all unchanged", "all changed")


def main() -> None:
    arguments = _arguments()
    new, changed = tariffs(arguments.rows), tariffs(arguments.rows, changed=True)
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in PASSES}
    with databases.folder() as folder, databases.servers(folder) as settings:
        url = settings.database_url
        about = f"{machine.software()}\n{asyncio.run(machine.databases(settings))}\n{machine.hardware()}"
        for _ in range(arguments.runs):
            for name, steps in asyncio.run(_run(url, new, changed, arguments.rows)).items():
                seconds[name].append(steps)
    _print(about, arguments, seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    return parser.parse_args()


def operators() -> bytes:
    rows = (operator(f"netze-{number}", f"Netze {number}") for number in range(OPERATORS))
    return as_csv(REGISTRY.names, rows)


def tariffs(rows: int, *, changed: bool = False) -> bytes:
    """Similar to real files: few years of many operators, each year with its own source."""
    years = YEARS[-(-rows // (OPERATORS * len(VoltageLevel))) * -1 :]
    places = itertools.product(range(OPERATORS), years, VoltageLevel)
    lines = [HEADER]
    for n, (number, year, level) in enumerate(itertools.islice(places, rows)):
        leistung = f"{n % 300}.{n % 100:02}" if not changed else f"{n % 300 + 1}.{n % 100:02}"
        source = f"https://example.org/netze-{number}/preisblatt-{year}.pdf,Netze {number}: Preisblatt {year}"
        lines.append(
            f"netze-{number},{year},{level},{leistung},{n % 9}.17,{n % 30}.50,{n % 7}.94,unverified,{source}"
        )
    return "\n".join([*lines, ""]).encode()


async def _run(url: str, new: bytes, changed: bytes, rows: int) -> dict[str, dict[str, float]]:
    async with databases.new_database(url, "dno_benchmark_import") as own:
        await import_files(own, Kind.REGISTRY, [File("registry.csv", io.BytesIO(operators()))])
        expected = (Report(inserted=rows), Report(unchanged=rows), Report(updated=rows))
        return {
            name: await _timed(own, data, report)
            for name, data, report in zip(PASSES, (new, new, changed), expected, strict=True)
        }


async def _timed(url: str, data: bytes, expected: Report) -> dict[str, float]:
    """Seconds of each step, and in total."""
    began = dict.fromkeys(Step, 0.0)

    def on_progress(step: Step, done: int, total: int | None) -> None:
        began[step] = began[step] or time.perf_counter()

    start = time.perf_counter()
    report = await import_files(
        url, Kind.TARIFFS, [File("tariffs.csv", io.BytesIO(data))], on_progress=on_progress
    )
    end = time.perf_counter()
    assert report == expected, report
    times = [start, began[Step.LOADING], began[Step.WRITING], end]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    return dict(zip((*Step, "All"), (*steps, end - start), strict=True))


def _print(about: str, arguments: argparse.Namespace, seconds: dict[str, list[dict[str, float]]]) -> None:
    table = Table(
        title=f"{arguments.rows:,} tariff rows from CSV; medians of {arguments.runs} runs", caption=about
    )
    table.add_column("the rows are")
    for name in (*(f"{step.lower()}, s" for step in Step), "all, s", "rows/s"):
        table.add_column(name, justify="right")
    for name, runs in seconds.items():
        medians = {step: statistics.median(run[step] for run in runs) for step in runs[0]}
        table.add_row(
            name, *(f"{value:.2f}" for value in medians.values()), f"{arguments.rows / medians['All']:,.0f}"
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
