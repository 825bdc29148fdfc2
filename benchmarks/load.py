"""Sends requests over a number of connections, as fast as the server responds (closed loop).

With wrk where it is installed; else with a Python client, which is slower than the fastest responses of the
server: it then measures itself, and competes with the databases for CPU time.
"""

import asyncio
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks.queries import RequestSequence

SCRIPT = Path(__file__).with_name("replay.lua")
CONNECTIONS = 32
# A byte that no request contains: it separates requests in one file.
SEPARATOR = b"\x1e"


class Measured(NamedTuple):
    """Times in seconds; `failed`: responses with another status than 200, and connections that broke."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def median(rounds: list[Measured]) -> Measured:
    """The median of each figure; failures of all rounds."""
    _, seconds, p50, p99, failed = zip(*rounds, strict=True)
    middle = statistics.median(one.rate for one in rounds)
    together = sum(seconds)
    return Measured(
        round(middle * together), together, statistics.median(p50), statistics.median(p99), sum(failed)
    )


async def send(
    port: int, sequence: RequestSequence, *, seconds: float, start: int = 0, connections: int = CONNECTIONS
) -> Measured:
    """`start`: the first index in the order; a round continues after the previous one."""
    with_program = with_wrk if shutil.which("wrk") else with_python
    return await with_program(port, sequence, seconds, start, connections)


async def with_wrk(
    port: int, sequence: RequestSequence, seconds: float, start: int, connections: int
) -> Measured:
    with tempfile.TemporaryDirectory(prefix="dno-benchmark-") as name:
        folder = Path(name)
        (folder / "requests").write_bytes(SEPARATOR.join(sequence.requests))
        order = range(len(sequence.requests)) if sequence.order is None else sequence.order
        (folder / "order").write_text("\n".join(map(str, order)))
        program = await asyncio.create_subprocess_exec(
            *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"),
            *("-s", str(SCRIPT), f"http://127.0.0.1:{port}"),
            env={**os.environ, "FOLDER": name, "START": str(start)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(program.communicate(), seconds + 60)
        assert program.returncode == 0, output.decode()
        return Measured(**json.loads((folder / "measured").read_text()))


async def with_python(
    port: int, sequence: RequestSequence, seconds: float, start: int, connections: int
) -> Measured:
    began = perf_counter()
    async with sending(port, sequence, start, connections) as seen:
        await asyncio.sleep(seconds)
        took = perf_counter() - began
    times = sorted(seen.times)
    assert times, "no response was received"
    return Measured(len(times), took, times[len(times) // 2], times[len(times) * 99 // 100], seen.failed)


@asynccontextmanager
async def sending(
    port: int, sequence: RequestSequence, start: int = 0, connections: int = CONNECTIONS
) -> AsyncIterator["Statistics"]:
    """Sends requests with the Python client while the context is open; what was seen so far can be read at any time."""
    requests = islice(cycle(sequence.in_order()), start % len(sequence.order or sequence.requests), None)
    seen, loop = Statistics(requests), asyncio.get_running_loop()
    callers = [
        await loop.create_connection(lambda: _Connection(seen), "127.0.0.1", port) for _ in range(connections)
    ]
    try:
        yield seen
    finally:
        for transport, _ in callers:
            transport.abort()


class Statistics:
    """`times`: seconds that each response took, in the order in which they came."""

    def __init__(self, requests: Iterator[bytes]) -> None:
        self.requests = requests
        self.times: list[float] = []
        self.failed = 0


class _Connection(asyncio.Protocol):
    """One connection: sends a request, waits for the whole response, sends the next."""

    def __init__(self, seen: Statistics) -> None:
        self._seen = seen
        self._received = b""
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._length:
            self._length = length_of(self._received)
        if self._length and len(self._received) >= self._length:
            self._seen.times.append(perf_counter() - self._began)
            self._seen.failed += not self._received.startswith(b"HTTP/1.1 200")
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._seen.failed += exc is not None

    def _send(self) -> None:
        self._received, self._length = b"", 0
        self._began = perf_counter()
        self._transport.write(next(self._seen.requests))


def length_of(answer: bytes) -> int:
    """The length of a response whose head is complete; else 0."""
    head, end, _ = answer.partition(b"\r\n\r\n")
    if not end:
        return 0
    _, _, behind = head.lower().partition(b"content-length: ")
    return len(head) + len(end) + int(behind.partition(b"\r\n")[0])
