"""Content codings: bytes and time of each level for typical answers, and the memory of a compressor of a stream.

    python -m benchmarks.compression [--all]

A server with the data of benchmarks/workloads.py sends the answers. Of each level the shortest of five measurements counts. `--all`: also
the levels that are not used. DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import json
import zlib
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Final

import brotli
import httpx
import psutil
from backports import zstd

from app.http.compression import _LEVELS, Effort, stream_compressor
from app.http.content_coding import Coding
from benchmarks.environment import Environment, run_in_environment
from benchmarks.queries import HOT, LIST, POINT

LEVELS: Final = {Coding.ZSTD: (1, 3, 5, 9), Coding.BR: (1, 4, 5, 6), Coding.GZIP: (1, 4, 6, 9)}
ROUNDS: Final = 5
SECONDS: Final = 0.02
STREAMS: Final = 200


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="also levels that are not used")
    arguments = parser.parse_args()
    run_in_environment(lambda environment: _run(environment, every=arguments.all))


async def _run(environment: Environment, *, every: bool) -> None:
    with environment.server() as server:
        await server.until_ready()
        answers = await _answers(server.url)
    print("| | bytes | " + " | ".join(f"{coding} {level}" for coding, level in _levels(every=every)) + " |")
    for name, body in answers.items():
        cells = [f"{size:,} B, {seconds * 1e6:,.0f} µs" for size, seconds in _measured(body, every=every)]
        print(f"| {name} | {len(body):,} | " + " | ".join(cells) + " |")
    for coding in Coding:
        print(f"memory of a stream with {coding}: {_memory_of_stream(coding) / 1024:,.0f} kB")


async def _answers(url: str) -> dict[str, bytes]:
    root = url.removesuffix("/graphql")
    headers = {"accept-encoding": "identity", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=root, headers=headers, timeout=60) as client:

        async def ask(query: str, **variables: object) -> bytes:
            content = json.dumps({"query": query, "variables": variables})
            return (await client.post("/graphql", content=content)).content

        async def get(path: str) -> bytes:
            return (await client.get(path)).content

        return {
            "a point": await ask(POINT, **HOT),
            "a list of 50": await ask(LIST, first=50, year=HOT["year"]),
            "page of an operator": await get(f"/operators/{HOT['slug']}"),
            "page of the list": await get("/operators"),
            "OpenAPI document": await get("/api/v1/openapi.json"),
            "schema": await get("/schema.graphql"),
        }


def _levels(*, every: bool) -> Iterator[tuple[Coding, int]]:
    for coding, levels in LEVELS.items():
        for level in levels:
            if every or level == _LEVELS[Effort.ANSWER][coding]:
                yield coding, level


def _measured(body: bytes, *, every: bool) -> Iterator[tuple[int, float]]:
    for coding, level in _levels(every=every):
        yield len(_compress(body, coding, level)), _seconds(lambda c=coding, n=level: _compress(body, c, n))  # type: ignore[misc]


def _compress(body: bytes, coding: Coding, level: int) -> bytes:
    if coding is Coding.ZSTD:
        return zstd.compress(body, level)
    if coding is Coding.BR:
        made: bytes = brotli.compress(body, quality=level)
        return made
    return zlib.compress(body, level, wbits=31)


def _seconds(call: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        calls, began = 0, perf_counter()
        while perf_counter() - began < SECONDS:
            call()
            calls += 1
        best = min(best, (perf_counter() - began) / calls)
    return best


def _memory_of_stream(coding: Coding) -> float:
    """Bytes, of the mean of many that have each compressed 1 MB."""
    process = psutil.Process()
    rows = [b"netze-%d;2025;MS;%d,%02d\n" % (n, n * 37 % 97, n % 89) * 40 for n in range(800)]
    before = process.memory_info().rss
    streams = [stream_compressor(coding) for _ in range(STREAMS)]
    for stream in streams:
        for row in rows:
            stream.part(row)
    return (process.memory_info().rss - before) / STREAMS


if __name__ == "__main__":
    main()
