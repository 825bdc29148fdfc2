"""Duration and peak memory of an import of 100,000 tariff rows, by step and by format of the file.

    python -m benchmarks.import [--rows 100000] [--runs 3] [--unusual]

Each import runs in a process of its own. With --unusual every row has values that give warnings. Uses DATABASE_URL if it is
set (its user must be allowed to create databases, which are dropped again), else an embedded PostgreSQL in a temporary folder.
"""

import argparse
import asyncio
import csv
import io
import itertools
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from app.db.file_columns import Column, family_columns
from app.domain.entry import VoltageLevel
from app.domain.tariff import FAMILY
from app.http.xlsx import Workbook
from app.importers.load import File, Kind, Report, Step, import_files
from app.importers.registry import LAYOUT as REGISTRY
from benchmarks import databases, machine
from benchmarks.registry import as_csv, operator

OPERATORS, YEARS = 1_000, range(2000, 2101)
HEADER = (
    "dno_slug,year,voltage_level,leistung,arbeit,leistung_unter_2500h,arbeit_unter_2500h,"
    "verification_status,source_url,source_title"
)
UNCHANGED, CHANGED = "csv, all unchanged", "csv, all changed"
# Passes into the same database, one after another.
DATABASES = (("csv", UNCHANGED, CHANGED), ("xlsx",), ("ndjson",), ("json",), ("parquet",))
WITH_NEW_ROWS = {passes[0] for passes in DATABASES}
PASSES = tuple(itertools.chain(*DATABASES))
ALL, PAUSE, PEAK = "all, s", "longest pause of progress, s", "peak memory, MB"
Row = list[str]


def main() -> None:
    arguments = _arguments()
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in PASSES}
    with databases.folder() as folder, databases.servers(folder) as settings:
        url = settings.database_url
        about = f"{machine.software()}\n{asyncio.run(machine.databases(settings))}\n{machine.hardware()}"
        files = _files(folder, arguments.rows, unusual=arguments.unusual)
        for _ in range(arguments.runs):
            for name, steps in asyncio.run(_run(url, files, arguments.rows)).items():
                seconds[name].append(steps)
    _print(about, arguments, seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--unusual", action="store_true", help="every row has values that give warnings")
    return parser.parse_args()


def operators() -> bytes:
    rows = (operator(f"netze-{number}", f"Netze {number}") for number in range(OPERATORS))
    return as_csv(REGISTRY.names, rows)


def tariffs(rows: int, *, changed: bool = False, unusual: bool = False) -> bytes:
    """Similar to real files: few years of many operators, each year with its own source."""
    years = YEARS[-(-rows // (OPERATORS * len(VoltageLevel))) * -1 :]
    places = itertools.product(range(OPERATORS), years, VoltageLevel)
    prices = _unusual_prices if unusual else _prices
    lines = [HEADER]
    for n, (number, year, level) in enumerate(itertools.islice(places, rows)):
        source = f"https://example.org/netze-{number}/preisblatt-{year}.pdf,Netze {number}: Preisblatt {year}"
        price = prices(n, number, [*VoltageLevel].index(level), changed=changed)
        lines.append(f"netze-{number},{year},{level},{price},unverified,{source}")
    return "\n".join([*lines, ""]).encode()


def _prices(n: int, number: int, level: int, *, changed: bool) -> str:
    """Higher at lower levels; the pairs meet at 2,500 h."""
    capacity, energy = 60 + 8 * level + number % 20 + changed / 10, 1 + level / 5
    below = capacity / 5
    return f"{capacity:.2f},{energy:.2f},{below:.2f},{energy + (capacity - below) / 25:.2f}"


def _unusual_prices(n: int, number: int, level: int, *, changed: bool) -> str:
    return f"{n % 300 + changed}.{n % 100:02},{n % 9}.17,{n % 30}.50,{n % 7}.94"


def _files(folder: Path, rows: int, *, unusual: bool) -> dict[str, Path]:
    """By pass."""
    new, changed = (tariffs(rows, changed=each, unusual=unusual) for each in (False, True))
    header, *records = csv.reader(io.StringIO(new.decode()))
    found = {}
    for name in PASSES:
        path = folder / name.replace(", all ", "-")
        if name.startswith("csv"):
            path.write_bytes(changed if name.endswith(" changed") else new)
        else:
            _WRITERS[name](path, header, records)
        found[name] = path
    return found


def _write_xlsx(path: Path, header: Row, rows: list[Row]) -> None:
    types = family_columns(FAMILY)
    with path.open("wb") as file:
        workbook = Workbook(file, "tariffs", {name: types.get(name, Column.TEXT) for name in header})  # type: ignore[arg-type]
        for first in range(0, len(rows), 10_000):
            workbook.write(workbook.convert(rows[first : first + 10_000]))
        workbook.close()


def _write_ndjson(path: Path, header: Row, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows)


def _write_json(path: Path, header: Row, rows: list[Row]) -> None:
    path.write_text(json.dumps([dict(zip(header, row, strict=True)) for row in rows]), encoding="utf-8")


def _write_parquet(path: Path, header: Row, rows: list[Row]) -> None:
    import pyarrow  # not by the processes that are measured
    from pyarrow import parquet

    parquet.write_table(
        pyarrow.table(dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))), path
    )


_WRITERS: Final[Mapping[str, Callable[[Path, Row, list[Row]], None]]] = {
    "xlsx": _write_xlsx,
    "ndjson": _write_ndjson,
    "json": _write_json,
    "parquet": _write_parquet,
}


async def _run(url: str, files: Mapping[str, Path], rows: int) -> dict[str, dict[str, float]]:
    found = {}
    for passes in DATABASES:
        async with databases.new_database(url, "dno_benchmark_import") as own:
            await import_files(own, Kind.REGISTRY, [File("registry.csv", io.BytesIO(operators()))])
            for name in passes:
                found[name], report = await _in_own_process(own, files[name])
                outcome = (report.inserted, report.unchanged, report.updated)
                assert outcome == (
                    rows * (name in WITH_NEW_ROWS),
                    rows * (name == UNCHANGED),
                    rows * (name == CHANGED),
                ), outcome
    return found


async def _in_own_process(url: str, path: Path) -> tuple[dict[str, float], Report]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        return await asyncio.get_running_loop().run_in_executor(executor, _import, url, path)


def _import(url: str, path: Path) -> tuple[dict[str, float], Report]:
    """Seconds of each step and in total, the longest time in which the progress of the first step does not move, and the peak
    memory of the process.
    """
    began = dict.fromkeys(Step, 0.0)
    moved = [time.perf_counter()]

    def on_progress(step: Step, done: int, total: int | None) -> None:
        began[step] = began[step] or time.perf_counter()
        if step is Step.CHECKING:
            moved.append(time.perf_counter())

    start = time.perf_counter()
    with path.open("rb") as file:
        report = asyncio.run(
            import_files(url, Kind.TARIFFS, [File(path.name, file)], on_progress=on_progress)
        )
    end = time.perf_counter()
    times = [start, began[Step.LOADING], began[Step.WRITING], end]
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    figures = {
        **dict(zip(Step, steps, strict=True)),
        ALL: end - start,
        PAUSE: max(later - earlier for earlier, later in itertools.pairwise([*moved, times[1]])),
        PEAK: _peak_memory(),
    }
    # Warnings and notes are not sent to the other process.
    return figures, Report(inserted=report.inserted, unchanged=report.unchanged, updated=report.updated)


def _peak_memory() -> float:
    """In MB, of this program: what getrusage gives includes that of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kilobytes) / 1e3


def _print(about: str, arguments: argparse.Namespace, seconds: dict[str, list[dict[str, float]]]) -> None:
    table = Table(title=f"{arguments.rows:,} tariff rows; medians of {arguments.runs} runs", caption=about)
    table.add_column("file")
    for name in (*(f"{step.lower()}, s" for step in Step), ALL, PAUSE, PEAK):
        table.add_column(name, justify="right")
    for name, runs in seconds.items():
        medians = {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}
        peak = medians.pop(PEAK)
        table.add_row(name, *(f"{value:.2f}" for value in medians.values()), f"{peak:,.0f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
