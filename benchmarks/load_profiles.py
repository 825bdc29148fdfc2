"""Time of a report on atypical use: a load profile of a year in several forms, alone and with others, and what other requests wait for.

    python -m benchmarks.load_profiles [--uploads 15] [--concurrent 4]

DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from time import perf_counter

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks import queries
from benchmarks.environment import Environment, run_in_environment
from tests.load_profiles import stamped, unstamped

YEAR = 2025
FORMS = {
    "timestamps in German time": stamped(YEAR),
    "timestamps with offset": stamped(YEAR, form="%Y-%m-%dT%H:%M:%S%z"),
    "numbers only": unstamped(YEAR, {}, 400),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uploads", type=int, default=15)
    parser.add_argument("--concurrent", type=int, default=4)
    arguments = parser.parse_args()
    run_in_environment(lambda environment: _run(environment, arguments))


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    slug, _ = queries.all_points()[0]
    table = Table(title=await environment.about())
    for title in ("profile", "kB", "report, ms", f"{arguments.concurrent} at once, ms", "others wait, ms"):
        table.add_column(title, justify="left" if title == "profile" else "right")
    with environment.server() as server:
        await server.until_ready()
        base = f"http://127.0.0.1:{server.port}"
        path = f"/api/v1/dnos/{slug}/atypical-use/{YEAR}?voltageLevel=MS"
        async with httpx.AsyncClient(base_url=base, timeout=60) as client:
            for name, file in FORMS.items():
                alone = [await _upload(client, path, file) for _ in range(arguments.uploads)]
                async with _waits(client) as waits:
                    began = perf_counter()
                    await asyncio.gather(*(_upload(client, path, file) for _ in range(arguments.concurrent)))
                    together = perf_counter() - began
                shown = (len(file) / 1000, median(alone) * 1000, together * 1000, max(waits) * 1000)
                table.add_row(name, *(f"{number:,.0f}" for number in shown))
    Console().print(table)


async def _upload(client: httpx.AsyncClient, path: str, file: bytes) -> float:
    began = perf_counter()
    (await client.post(path, content=file)).raise_for_status()
    return perf_counter() - began


@asynccontextmanager
async def _waits(client: httpx.AsyncClient) -> AsyncIterator[list[float]]:
    """Times of a request that is sent again and again during the block."""
    times: list[float] = []

    async def send() -> None:
        while True:
            began = perf_counter()
            await client.get("/healthz")
            times.append(perf_counter() - began)

    task = asyncio.create_task(send())
    try:
        yield times
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    main()
