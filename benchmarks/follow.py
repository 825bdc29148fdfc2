"""Time and peak memory of `dno follow` over a crawler's database: the first pass, a full comparison, an incremental pass.

    python -m benchmarks.follow [--operators 900] [--years 5] [--levels 5]

Each row of prices has all four prices, each row of windows has windows in two seasons, none in one, and nothing known of one. Before
the incremental pass ten prices are changed. Uses DATABASE_URL as benchmarks/import.py does.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from time import perf_counter

import asyncpg
import msgspec
from rich.console import Console
from rich.table import Table

from app.importers.follow.follower import one_pass
from app.settings import Settings
from benchmarks import databases, machine
from tests.crawler_database import SCHEMA

LEVELS = ("HöS", "HöS/HS", "HS", "HS/MS", "MS", "MS/NS", "NS")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (("operators", 900), ("years", 5), ("levels", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    table = Table(
        title=f"dno follow: {given.operators} operators, {given.years} years, {given.levels} levels"
    )
    for name in ("pass", "rows read", "entries written", "s", "s with its process", "peak memory, MB"):
        table.add_column(name, justify="right")
    with databases.folder() as folder, databases.servers(folder) as settings:
        table.caption = (
            f"{machine.software()}\n{asyncio.run(machine.databases(settings))}\n{machine.hardware()}"
        )
        for row in asyncio.run(_run(settings, given)):
            table.add_row(*row)
    Console(width=140).print(table)


async def _run(settings: Settings, given: argparse.Namespace) -> list[tuple[str, ...]]:
    async with (
        databases.new_database(settings.database_url, "dno_benchmark_follow") as own,
        databases.new_database(settings.database_url, "dno_benchmark_crawler") as crawler,
    ):
        await _fill(crawler, given)
        rows = [_once("first", own, crawler), _once("full comparison", own, crawler)]
        wanted = msgspec.structs.replace(
            settings, database_url=own, follow_database_url=crawler, follow_interval=0.1
        )
        for name, change in (("incremental, 10 changed", True), ("incremental, nothing changed", False)):
            if change:
                await _execute(
                    crawler,
                    "UPDATE followed.netzentgelte SET leistung = leistung + 0.01, updated_at = clock_timestamp()"
                    " WHERE id % 2000 = 1 AND id < 20000",
                )
            await asyncio.sleep(0.2)
            began = perf_counter()
            report = await one_pass(wanted)
            assert report is not None
            seconds = perf_counter() - began
            counts = report.counts
            rows.append(
                (
                    name,
                    f"{counts.read:,}",
                    f"{counts.changed:,}",
                    f"{report.seconds:.3f}",
                    f"{seconds:.3f}",
                    "",
                )
            )
        return rows


def _once(name: str, own: str, crawler: str) -> tuple[str, ...]:
    began = perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "follow", "--once", "--json"],
        env=os.environ
        | {"DATABASE_URL": own, "FOLLOW_DATABASE_URL": crawler, "REDIS_URL": "redis://127.0.0.1:1"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    report = json.loads(lines[-1])
    counts = report["counts"]
    return (
        name,
        f"{counts['read']:,}",
        f"{counts['added'] + counts['changed']:,}",
        f"{report['seconds']:.2f}",
        f"{perf_counter() - began:.2f}",
        f"{usage.ru_maxrss / 1e3:,.0f}",
    )


async def _fill(url: str, given: argparse.Namespace) -> None:
    """Found by the search path: the tables of this project have one of the same name."""
    await _execute(
        url,
        f"""
        CREATE SCHEMA followed; SET search_path = followed; {SCHEMA}
        ALTER DATABASE dno_benchmark_crawler SET search_path = followed;
        INSERT INTO dnos (slug, name, mastr_nr, created_at, updated_at)
        SELECT 'netze-' || n || '-gmbh', 'Netze ' || n || ' GmbH', 'SNB9' || lpad(n::text, 11, '0'), now() - interval '1 day',
            now() - interval '1 day' FROM generate_series(1, {given.operators}) n;
        INSERT INTO dno_mastr_data (dno_id, mastr_nr, registered_name, region, connection_points_ns, total_capacity_mw)
        SELECT id, mastr_nr, name, 'Bayern', id * 10, id / 3.0 FROM dnos;
        INSERT INTO dno_source_profiles (dno_id, data_type, last_url)
        SELECT id, t, 'https://example.org/' || id FROM dnos, unnest(ARRAY['netzentgelte', 'hlzf']) t;
        INSERT INTO download_registry (dno_id, year, classification, source_url)
        SELECT id, y, t, 'https://example.org/' || id || '/' || y || '/' || t || '.pdf'
        FROM dnos, generate_series(2026 - {given.years} + 1, 2026) y, unnest(ARRAY['netzentgelte', 'hlzf']) t;
        INSERT INTO netzentgelte (dno_id, year, voltage_level, leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h,
            created_at, updated_at)
        SELECT d.id, y, l, 50 + d.id % 50, 1 + d.id % 9 / 10.0, 10 + d.id % 10, 2.6 + d.id % 9 / 10.0, now() - interval '1 day',
            now() - interval '1 day'
        FROM dnos d, generate_series(2026 - {given.years} + 1, 2026) y, unnest(ARRAY{list(LEVELS[-given.levels :])}) l;
        INSERT INTO hlzf (dno_id, year, voltage_level, winter, sommer, herbst, created_at, updated_at)
        SELECT dno_id, year, voltage_level,
            '[{{"start": "07:' || lpad((dno_id % 60)::text, 2, '0') || ':00", "end": "13:15:00"}}, {{"start": "16:30:00", "end": "19:45:00"}}]',
            '[]', '[{{"start": "16:45:00", "end": "18:30:00"}}]', now() - interval '1 day', now() - interval '1 day'
        FROM netzentgelte
        """,
    )


async def _execute(url: str, statements: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
