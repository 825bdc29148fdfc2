"""Pages: their rate from memory beside GraphQL, their time without caches, their size, and how soon a browser has them.

    python -m benchmarks.pages [--rounds 5] [--seconds 2] [--cold 15] [--views 5]

1. A page from memory against a GraphQL answer of about the same number of bytes from memory, in turn. The CPU time of the
   server per request counts; rates are printed, too, but a client in Python may be slower than the server.
2. Each page with all caches off: every record from PostgreSQL, the whole page rendered and compressed.
3. In Chromium, if there is one: bytes that the first view of a page loads, and the time until it is loaded with the processor
   throttled to a quarter.
4. Lighthouse's figures, if it was installed: all four categories, its own simulation of a slow phone.

DATABASE_URL is used as by benchmarks/workloads.py.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks import load, machine, queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.queries import HOT, RequestSequence
from benchmarks.server import Server
from tests.e2e.browser import CHROMIUM, Page, open_page
from tests.e2e.lighthouse import MISSING, judge

OPERATOR = f"/operators/{HOT['slug']}"
PATHS = (
    "/",
    "/operators",
    OPERATOR,
    f"{OPERATOR}/{HOT['year']}",
    f"/compare?with={HOT['slug']}",
    "/coverage",
    "/ranking",
)
THROTTLING = 4
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
_LOADED = "!window.left && document.readyState === 'complete' && performance.getEntriesByType('navigation')[0].loadEventEnd > 0"
_TIMES = (
    "(() => { const [page] = performance.getEntriesByType('navigation');"
    " const all = [page, ...performance.getEntriesByType('resource')];"
    " return [page.loadEventEnd, all.reduce((sum, each) => sum + each.transferSize, 0), all.length]; })()"
)


class Hot(NamedTuple):
    """`cost`: seconds of the server's CPU for one request."""

    rate: float
    cost: float


def main() -> None:
    arguments = _arguments()
    run_in_environment(lambda environment: _run(environment, arguments))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="of each request from memory")
    parser.add_argument("--seconds", type=float, default=2, help="of one round")
    parser.add_argument("--cold", type=int, default=15, help="views of each page without caches")
    parser.add_argument("--views", type=int, default=5, help="of each page in the browser")
    return parser.parse_args()


async def _run(environment: Environment, arguments: argparse.Namespace) -> None:
    print(f"{environment.content}; load from {machine.load_program()}")
    print(f"load of the machine at the start: {' '.join(f'{each:.1f}' for each in os.getloadavg())}")
    with environment.server() as server:
        await server.until_ready()
        await _compare(server, arguments)
    with environment.server(entity_cache=False, response_cache=False) as server:
        await server.until_ready()
        await _time_cold(server, arguments.cold)
    with environment.server() as server:
        await server.until_ready()
        await _view(server, arguments.views)
        await _judge(server)
    print(await environment.about())
    print(f"load of the machine at the end: {' '.join(f'{each:.1f}' for each in os.getloadavg())}")


def _get(path: str) -> bytes:
    lines = (f"GET {path} HTTP/1.1", "host: 127.0.0.1", "accept: text/html", "accept-encoding: gzip", "", "")
    return "\r\n".join(lines).encode()


async def _compare(server: Server, arguments: argparse.Namespace) -> None:
    print(f"\nFrom memory, medians of {arguments.rounds} rounds of {arguments.seconds} s in turn,")
    print(f"{load.CONNECTIONS} connections:")
    for path in PATHS:
        page = _get(path)
        size = len(await _body(server, page))
        answer, answer_size = await _answer_of(server, size)
        found: dict[bytes, list[Hot]] = {page: [], answer: []}
        for _ in range(arguments.rounds):
            for request, rounds in found.items():
                rounds.append(await _measure(server, request, arguments.seconds))
        one, other = (_median(rounds) for rounds in found.values())
        print(
            f"  {path}: {size:,} bytes, {one.rate:,.0f}/s, {1e6 * one.cost:.1f} µs of CPU;"
            f" GraphQL {answer_size:,} bytes, {other.rate:,.0f}/s, {1e6 * other.cost:.1f} µs;"
            f" ratio of the CPU {other.cost / one.cost:.2f}, of the rates {one.rate / other.rate:.2f}",
            flush=True,
        )


async def _body(server: Server, request: bytes) -> bytes:
    async with server.connection() as connection:
        for _ in range(3):  # the head is cached with the second request
            body = await connection.request(request)
        return body


async def _answer_of(server: Server, size: int) -> tuple[bytes, int]:
    """The list of operators whose answer is closest to that size, and its size."""
    sizes = {first: len(await _body(server, queries.page(first))) for first in range(1, 101, 3)}
    first = min(sizes, key=lambda each: abs(sizes[each] - size))
    return queries.page(first), sizes[first]


async def _measure(server: Server, request: bytes, seconds: float) -> Hot:
    before = server.cpu_seconds
    measured = await load.send(server.port, RequestSequence([request]), seconds=seconds)
    assert not measured.failed
    return Hot(measured.rate, (server.cpu_seconds - before) / measured.requests)


def _median(rounds: Sequence[Hot]) -> Hot:
    return Hot(*(statistics.median(each) for each in zip(*rounds, strict=True)))


async def _time_cold(server: Server, views: int) -> None:
    print(f"\nWithout caches, {views} views of each page after one that is not counted:")
    for path in PATHS:
        times = []
        async with server.connection() as connection:
            await connection.request(_get(path))
            for _ in range(views):
                began = perf_counter()
                await connection.request(_get(path))
                times.append(1e3 * (perf_counter() - began))
        print(f"  {path}: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms", flush=True)


async def _view(server: Server, views: int) -> None:
    if CHROMIUM is None:
        print("\nThere is no Chromium on this machine: no views.")
        return
    print(f"\nIn Chromium, medians of {views} first views (nothing stored), processor at 1/{THROTTLING}:")
    async with open_page("about:blank") as page:
        await page.command("Network.setCacheDisabled", cacheDisabled=True)
        await page.command("Emulation.setCPUThrottlingRate", rate=THROTTLING)
        for path in PATHS:
            seen = [await _open(page, f"http://127.0.0.1:{server.port}{path}") for _ in range(views)]
            loaded, size, files = (statistics.median(each) for each in zip(*seen, strict=True))
            print(
                f"  {path}: loaded after {loaded:.0f} ms, {size:,.0f} bytes with heads in {files:.0f} files",
                flush=True,
            )


async def _open(page: Page, url: str) -> list[float]:
    """Milliseconds until it is loaded, bytes, files."""
    await page.evaluate("window.left = true")
    await page.command("Page.navigate", url=url)
    await page.wait_for(_LOADED)
    found: list[float] = await page.evaluate(_TIMES)
    return found


async def _judge(server: Server) -> None:
    if MISSING is not None:
        print(f"\nNo figures of Lighthouse: {MISSING}.")
        return
    print("\nLighthouse, one run of each page:")
    for path in PATHS:
        with tempfile.TemporaryDirectory(prefix="dno-benchmark-") as folder:
            found = await judge(f"http://127.0.0.1:{server.port}{path}", CATEGORIES, Path(folder))
        print(
            f"  {path}: " + ", ".join(f"{name} {score}" for name, score in found.scores.items()), flush=True
        )


if __name__ == "__main__":
    main()
