"""Five times more than the machine can do, for a minute: who is answered, how soon, and what it takes.

    python -m benchmarks.overload [seconds] [times]

Starts a server of its own on 127.0.0.1, with the starter data, and finds out first how much it can
do. Nothing is kept in its caches, so each answer is read from PostgreSQL and written anew. Requests
then come at their own pace, whether the server keeps up or not, as strangers do.
"""

import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Self

import psutil

from tests.instances import Instance

SETTINGS = {
    "DNO_ENTITY_CACHE": "off",
    "DNO_RESPONSE_CACHE": "off",
    "DNO_RATE_LIMIT_ANONYMOUS": "0",
    "DNO_LOG_LEVEL": "error",
}
QUERY = (
    "query Costly($first: Int!) { dnos(first: $first) { nodes { slug name region"
    " tariffs { year voltageLevel leistung arbeit } hlzf { year season windows { start end } } } } }"
)
AT_ONCE = 8  # while the capacity is measured
CONNECTIONS = 1500  # that strangers hold at most
SLEEP = 0.002


@dataclass
class Tally:
    """Seconds by status; 0 stands for a request that no connection was free for, or that broke."""

    took: dict[int, list[float]] = field(default_factory=dict)

    def note(self, status: int, seconds: float) -> None:
        self.took.setdefault(status, []).append(seconds)

    @property
    def answered(self) -> int:
        return len(self.took.get(200, ()))

    def lines(self) -> list[str]:
        names = {200: "answered", 429: "429", 503: "503", 0: "not sent or broken"}
        return [
            f"{names.get(status, status)!s:>20} {len(took):>8} {_at(took, 0.5):>9.0f} {_at(took, 0.99):>9.0f} {max(took) * 1000:>9.0f}"
            for status, took in sorted(self.took.items())
        ]


class Strangers:
    """Connections that are reused as they become free."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open = 0
        self._numbers = count()
        self.tally = Tally()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for _, line in self._free:
            line.close()

    async def ask(self) -> None:
        began = perf_counter()
        if not self._free and self._open >= CONNECTIONS:
            self.tally.note(0, 0.0)
            return
        try:
            status = await self._ask()
        except (OSError, EOFError, TimeoutError):
            status = 0
        self.tally.note(status, perf_counter() - began)

    async def _ask(self) -> int:
        self._open += not self._free
        reader, writer = (
            self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        )
        try:
            async with asyncio.timeout(30):
                writer.write(self._request())
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
        except BaseException:
            self._open -= 1
            writer.close()
            raise
        self._free.append((reader, writer))
        return int(head.split(b" ", 2)[1])

    def _request(self) -> bytes:
        body = json.dumps({"query": QUERY, "variables": {"first": 60 + next(self._numbers) % 40}}).encode()
        return (
            b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )


async def measure_capacity(port: int, seconds: float) -> tuple[float, Tally]:
    """As many as are answered while a few ask without a pause."""
    async with Strangers(port) as strangers:
        until = perf_counter() + seconds

        async def go_on() -> None:
            while perf_counter() < until:
                await strangers.ask()

        await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))
        return strangers.tally.answered / seconds, strangers.tally


async def overload(port: int, rate: float, seconds: float) -> Tally:
    async with Strangers(port) as strangers:
        began, sent = perf_counter(), 0
        asking: set[asyncio.Task[None]] = set()
        while (passed := perf_counter() - began) < seconds:
            while sent < passed * rate:
                sent += 1
                task = asyncio.create_task(strangers.ask())
                asking.add(task)
                task.add_done_callback(asking.discard)
            await asyncio.sleep(SLEEP)
        await asyncio.gather(*asking)
        return strangers.tally


async def watch(process: psutil.Process, seen: list[int]) -> None:
    while True:
        seen.append(process.memory_info().rss)
        await asyncio.sleep(0.25)


async def main(seconds: float, times: float) -> None:
    with tempfile.TemporaryDirectory(prefix="dno-overload-", ignore_cleanup_errors=True) as folder:
        instance = Instance(Path(folder), {**SETTINGS, "DNO_LOCAL_FOLDER": f"{folder}/local"})
        try:
            instance.wait_until_ready(120)
            await report(instance, seconds, times)
        finally:
            instance.stop()


async def report(instance: Instance, seconds: float, times: float) -> None:
    process = psutil.Process(instance.process.pid)
    await measure_capacity(instance.port, 2)
    rate, calm = await measure_capacity(instance.port, 8)
    before = process.memory_info().rss
    seen: list[int] = []
    watching = asyncio.create_task(watch(process, seen))
    tally = await overload(instance.port, rate * times, seconds)
    watching.cancel()
    half = len(seen) // 2
    print(f"{'':>20} {'requests':>8} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9}")
    print(f"calm: {AT_ONCE} at once, {rate:.0f} answers a second", *calm.lines(), sep="\n")
    print(f"overload: {times:g} × that, for {seconds:g} s", *tally.lines(), sep="\n")
    print(f"answers a second under overload: {tally.answered / seconds:.0f}")
    after = (await measure_capacity(instance.port, 4))[0]
    print(f"answers a second afterwards: {after:.0f}")
    print(
        f"memory (RSS): before {before >> 20} MiB, most in the first half {max(seen[:half]) >> 20} MiB,"
        f" in the second {max(seen[half:]) >> 20} MiB, after {process.memory_info().rss >> 20} MiB"
    )


def _at(took: list[float], share: float) -> float:
    return sorted(took)[min(int(len(took) * share), len(took) - 1)] * 1000


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]]
    asyncio.run(main(*given, *(60, 5)[len(given) :]))
