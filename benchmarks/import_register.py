"""Time and peak memory of an import of the Marktstammdatenregister, for two sizes of export.

    python -m benchmarks.import_register [--units 1000000]

The invented export has one connection point per unit, parts of 100,000 records and records of the size of real ones (3.6
kB per unit); the smaller one has a tenth of the units. Uses DATABASE_URL as benchmarks/import.py does.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table

from benchmarks import databases, machine

OPERATORS, POSTAL_CODES, RECORDS_PER_PART = 1_000, 8_000, 100_000
# What a real record has beside the fields that are read.
_OTHERS = "".join(
    f"    <WeiteresFeldDerEinheit{n:02}>2021-05-05</WeiteresFeldDerEinheit{n:02}>\r\n" for n in range(22)
)
_OTHERS_OF_POINTS = "".join(f"    <WeiteresFeld{n}>2021-05-05</WeiteresFeld{n}>\r\n" for n in range(8))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--units", type=int, default=1_000_000)
    units = parser.parse_args().units
    table = Table(title="dno import mastr")
    for name in ("units", "XML, MB", "ZIP, MB", "the import is", "s", "units/s", "peak memory, MB"):
        table.add_column(name, justify="right")
    with databases.folder() as folder, databases.servers(folder) as settings:
        table.caption = (
            f"{machine.software()}\n{asyncio.run(machine.databases(settings))}\n{machine.hardware()}"
        )
        for count in (units // 10, units):
            path = folder / f"export-{count}.zip"
            size = write_export(path, count)
            for row in asyncio.run(_run(settings.database_url, path, count)):
                table.add_row(f"{count:,}", f"{size / 1e6:,.0f}", f"{path.stat().st_size / 1e6:,.0f}", *row)
            path.unlink()
    Console(width=140).print(table)


async def _run(url: str, path: Path, units: int) -> list[tuple[str, str, str, str]]:
    async with databases.new_database(url, "dno_benchmark_register") as own:
        rows = []
        for name in ("of all", "of all again"):
            seconds, memory, summary = _import(own, path)
            assert summary["units"] == summary["locations"] == units, summary
            rows.append((name, f"{seconds:.1f}", f"{units / seconds:,.0f}", f"{memory:,.0f}"))
        return rows


def _import(url: str, path: Path) -> tuple[float, float, dict[str, int]]:
    """Seconds and peak resident memory in MB of the process, and its report."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "import", "mastr", str(path), "--json"],
        env=os.environ | {"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1:1"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.perf_counter() - began, usage.ru_maxrss / 1e3, json.loads(lines[-1])


def write_export(path: Path, units: int) -> int:
    """Returns the size of the XML."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        _write_operators(archive)
        for first in range(0, units, RECORDS_PER_PART):
            numbers = range(first, min(first + RECORDS_PER_PART, units))
            part = first // RECORDS_PER_PART + 1
            _write(archive, f"EinheitenSolar_{part}.xml", "EinheitenSolar", map(_unit, numbers))
            _write(
                archive,
                f"Netzanschlusspunkte_{part}.xml",
                "Netzanschlusspunkte",
                map(_connection_point, numbers),
            )
        return sum(entry.file_size for entry in archive.infolist())


def _write_operators(archive: zipfile.ZipFile) -> None:
    operators = (
        f"  <Marktakteur>\r\n    <MastrNummer>SNB{n:012}</MastrNummer>\r\n    <Firmenname>Netze {n} GmbH</Firmenname>\r\n"
        f"    <Netz>SNE{n:012}</Netz>\r\n  </Marktakteur>\r\n"
        for n in range(OPERATORS)
    )
    _write(archive, "Marktakteure_1.xml", "Marktakteure", operators)
    networks = (
        f"  <Netz>\r\n    <MastrNummer>SNE{n:012}</MastrNummer>\r\n    <Sparte>20</Sparte>\r\n  </Netz>\r\n"
        for n in range(OPERATORS)
    )
    _write(archive, "Netze.xml", "Netze", networks)


def _write(archive: zipfile.ZipFile, name: str, root: str, records: Iterator[str]) -> None:
    with archive.open(name, "w") as file:
        _write_text(file, f'\ufeff<?xml version="1.0" encoding="utf-16"?>\r\n<{root}>\r\n')
        for record in records:
            _write_text(file, record)
        _write_text(file, f"</{root}>")


def _write_text(file: IO[bytes], text: str) -> None:
    file.write(text.encode("utf-16-le"))


def _unit(n: int) -> str:
    postal_code = n * 7 % POSTAL_CODES + 10_000
    return (
        f"  <EinheitSolar>\r\n    <EinheitMastrNummer>SEE{n:012}</EinheitMastrNummer>\r\n"
        f"    <LokationMaStRNummer>SEL{n:012}</LokationMaStRNummer>\r\n{_OTHERS}"
        f"    <Postleitzahl>{postal_code}</Postleitzahl>\r\n    <Ort>Musterstadt {postal_code}</Ort>\r\n"
        "    <EinheitBetriebsstatus>35</EinheitBetriebsstatus>\r\n    <Bruttoleistung>9.900</Bruttoleistung>\r\n"
        "  </EinheitSolar>\r\n"
    )


def _connection_point(n: int) -> str:
    operator = n * 7 % POSTAL_CODES % OPERATORS
    return (
        "  <Netzanschlusspunkt>\r\n"
        f"    <NetzanschlusspunktMastrNummer>SAN{n:012}</NetzanschlusspunktMastrNummer>\r\n"
        f"    <LokationMaStRNummer>SEL{n:012}</LokationMaStRNummer>\r\n    <Spannungsebene>354</Spannungsebene>\r\n"
        f"{_OTHERS_OF_POINTS}    <NetzMaStRNummer>SNE{operator:012}</NetzMaStRNummer>\r\n"
        f"    <NetzbetreiberMaStRNummer>SNB{operator:012}</NetzbetreiberMaStRNummer>\r\n"
        "    <NochInPlanung>0</NochInPlanung>\r\n  </Netzanschlusspunkt>\r\n"
    )


if __name__ == "__main__":
    main()
