"""Imports and exports of as many operators as the database has."""

import io
import time
from pathlib import Path

import httpx

from app.importers.load import File, Kind, import_files
from app.settings import Settings
from benchmarks.growth_data import TIMEOUT, operators
from benchmarks.registry import LEVELS, OPERATORS, YEARS
from benchmarks.server import running

_HEADER = "dno_slug,year,voltage_level,leistung,arbeit,leistung_unter_2500h,arbeit_unter_2500h,verification_status,source_url,source_title"
YEAR = YEARS[-1] + 1


async def measure(settings: Settings, folder: Path, factor: int) -> dict[str, float]:
    """Seconds."""
    url, found = settings.database_url, {}
    for name, kind, content in (
        ("import of all operators, unchanged", Kind.REGISTRY, _registry(factor)),
        ("import of a year's tariffs, new", Kind.TARIFFS, _tariffs(factor, 60)),
        ("import of a year's tariffs, all changed", Kind.TARIFFS, _tariffs(factor, 61)),
    ):
        began = time.perf_counter()
        report = await import_files(url, kind, [File(f"{kind}.csv", io.BytesIO(content))], deadline=TIMEOUT)
        assert not report.problems, report.problems[:3]
        found[f"{name}, s"] = time.perf_counter() - began
    with running(settings, folder, limit_export_cpu_time=TIMEOUT, export_timeout=TIMEOUT) as server:
        base = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=base, timeout=TIMEOUT) as client:
            for table in ("registry", "tariffs"):
                began = time.perf_counter()
                answer = await client.get(f"/export/{table}.csv")
                answer.raise_for_status()
                found[f"export of {table}, s"] = time.perf_counter() - began
    return found


def _registry(factor: int) -> bytes:
    lines = ["slug,name,official_name,region,city,postal_code,mastr_nr,bdew_code,connection_points_ns"]
    lines += [",".join(map(str, row)) for row in operators(factor)]
    return "\n".join([*lines, ""]).encode()


def _tariffs(factor: int, capacity: int) -> bytes:
    lines = [_HEADER]
    for number in range(OPERATORS * factor):
        slug = f"netze-{number:05}"
        source = f"https://example.org/{slug}/preisblatt-{YEAR}.pdf,Preisblatt {YEAR}"
        lines += [
            f"{slug},{YEAR},{level},{capacity + 8 * at},{1 + at / 5:.1f},{12 + at},{4 + at / 5:.1f},unverified,{source}"
            for at, level in enumerate(LEVELS)
        ]
    return "\n".join([*lines, ""]).encode()
