"""Five times the maximum throughput for a minute: responses, latencies and memory.

    python -m benchmarks.overload [--seconds 60] [--times 5] [--same-documents]

The server has a core of its own; databases and load share the others. First the maximum throughput is
measured. The caches are off, so each list is read from PostgreSQL and serialized;
and each request has a document that never repeats, unless `--same-documents` is given. The load is then an
open loop: requests are sent at a fixed rate, whatever the server responds, as by many independent clients.
"""

import argparse
import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter
from types import MappingProxyType
from typing import NamedTuple, Self

from benchmarks import queries
from benchmarks.environment import Environment, run_in_environment
from benchmarks.server import Server

SETTINGS: Mapping[str, object] = MappingProxyType(
    {"entity_cache": False, "response_cache": False, "log_level": "error"}
)
NORMAL, BUSY = 8, 32  # connections of the closed loop that measures the maximum throughput
CONNECTIONS = 1500  # maximum of the open loop
SLEEP = 0.002
WARMUP, MEASURED = 3, 6  # seconds


@dataclass
class Tally:
    """Seconds by status; 0: no connection was free, or the connection broke."""

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


class OpenLoopClients:
    """Clients whose connections are reused."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self._port = port
        self._requests = requests
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._open = 0
        self.tally = Tally()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for _, line in self._free:
            line.close()

    async def request(self) -> None:
        began = perf_counter()
        if not self._free and self._open >= CONNECTIONS:
            self.tally.note(0, 0.0)
            return
        try:
            status = await self._request()
        except (OSError, EOFError, TimeoutError):
            status = 0
        self.tally.note(status, perf_counter() - began)

    async def _request(self) -> int:
        self._open += not self._free
        reader, writer = (
            self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self._port)
        )
        try:
            async with asyncio.timeout(30):
                writer.write(next(self._requests))
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
        except BaseException:
            self._open -= 1
            writer.close()
            raise
        self._free.append((reader, writer))
        return int(head.split(b" ", 2)[1])


class Target(NamedTuple):
    port: int
    requests: Iterator[bytes]


async def closed_loop(sequence: Target, connections: int, seconds: float) -> Tally:
    async with OpenLoopClients(*sequence) as clients:
        until = perf_counter() + seconds

        async def repeat() -> None:
            while perf_counter() < until:
                await clients.request()

        await asyncio.gather(*(repeat() for _ in range(connections)))
        return clients.tally


async def open_loop(sequence: Target, rate: float, seconds: float) -> Tally:
    async with OpenLoopClients(*sequence) as clients:
        began, sent = perf_counter(), 0
        pending: set[asyncio.Task[None]] = set()
        while (passed := perf_counter() - began) < seconds:
            while sent < passed * rate:
                sent += 1
                task = asyncio.create_task(clients.request())
                pending.add(task)
                task.add_done_callback(pending.discard)
            await asyncio.sleep(SLEEP)
        await asyncio.gather(*pending)
        return clients.tally


async def watch(server: Server, seen: list[int]) -> None:
    while True:
        seen.append(server.memory)
        await asyncio.sleep(0.25)


async def report(environment: Environment, seconds: float, times: float, *, same_documents: bool) -> None:
    print(f"{environment.content}\n{await environment.about()}")
    with environment.server(**SETTINGS) as server:
        await server.until_ready()
        lists = queries.lists_that_never_repeat(await server.cursors())
        requests: Iterator[bytes] = cycle(lists.in_order())
        if not same_documents:
            requests = queries.with_new_documents(requests)
        sequence = Target(server.port, requests)
        await closed_loop(sequence, NORMAL, WARMUP)
        print(f"{'':>20} {'requests':>8} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9}")
        capacity = 0.0
        for connections in (NORMAL, BUSY):
            tally = await closed_loop(sequence, connections, MEASURED)
            capacity = max(capacity, tally.answered / MEASURED)
            line = f"{connections} concurrent, {tally.answered / MEASURED:.0f} responses per second"
            print(line, *tally.lines(), sep="\n", flush=True)
        before, seen = server.memory, list[int]()
        watching = asyncio.create_task(watch(server, seen))
        tally = await open_loop(sequence, capacity * times, seconds)
        watching.cancel()
        line = f"{times:g} × {capacity:.0f} a second for {seconds:g} s, {tally.answered / seconds:.0f} responses per second"
        print(line, *tally.lines(), sep="\n")
        after = await closed_loop(sequence, NORMAL, 4)
        print(
            f"afterwards, {NORMAL} concurrent, {after.answered / 4:.0f} responses per second",
            *after.lines(),
            sep="\n",
        )
        half = len(seen) // 2
        print(
            f"memory (RSS): before {before >> 20} MiB, most in the first half {max(seen[:half]) >> 20} MiB,"
            f" in the second {max(seen[half:]) >> 20} MiB, after {server.memory >> 20} MiB"
        )


def _at(took: list[float], share: float) -> float:
    return sorted(took)[min(int(len(took) * share), len(took) - 1)] * 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--times", type=float, default=5, help="multiple of the maximum throughput")
    parser.add_argument("--same-documents", action="store_true", help="one document, with other variables")
    arguments = parser.parse_args()
    run_in_environment(
        lambda environment: report(
            environment, arguments.seconds, arguments.times, same_documents=arguments.same_documents
        )
    )


if __name__ == "__main__":
    main()
