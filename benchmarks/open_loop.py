"""Clients that send at given times, whatever the server responds (an open loop); a process of its own.

Times are drawn beforehand (a Poisson process), and a latency begins when its request was due: a request that is sent late,
because the generator or the server was busy, counts with its delay. Each stream has connections of its own, with
one request at a time on each. A request that is due while all of them wait for responses cannot be sent; it is counted.
"""

import asyncio
import random
import subprocess
import sys
from array import array
from collections.abc import Iterator
from itertools import chain, cycle
from pathlib import Path
from time import perf_counter
from typing import Self, cast

import msgspec
import uvloop

from benchmarks.load import SEPARATOR
from benchmarks.queries import with_new_documents

TICK = 0.001
# Opened at a time: more would overflow the queue of the listening socket.
OPENED_AT_ONCE = 50
TIMEOUT = 60.0


class Stream(msgspec.Struct):
    """Requests of one kind. `file`: the requests; `renamed`: each gets a document of its own."""

    name: str
    file: str
    connections: int
    renamed: bool = False


class Phase(msgspec.Struct):
    """`rates`: requests a second by stream."""

    seconds: float
    rates: dict[str, float]


class Outcome(msgspec.Struct):
    """The outcome of one stream in one phase; times in seconds, `late`: by how much requests were sent too late."""

    seconds: float
    due: int
    unsent: int
    broken: int
    statuses: dict[int, int]
    answered: list[float]
    refused: list[float]
    late: float
    last_refusal: float  # after the beginning of the phase

    @property
    def goodput(self) -> float:
        return len(self.answered) / self.seconds


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(int(len(times) * share), len(times) - 1)] if times else 0.0


class _Tally:
    def __init__(self, began: float) -> None:
        self.began = began
        self.due = self.unsent = self.broken = 0
        self.last_refusal = 0.0
        self.times: dict[int, array[float]] = {}
        self.late = array("d")

    def note(self, status: int, due: float) -> None:
        now = perf_counter()
        self.times.setdefault(status, array("d")).append(now - due)
        if status != 200:
            self.last_refusal = now - self.began

    def outcome(self, seconds: float) -> Outcome:
        refused = chain.from_iterable(times for status, times in self.times.items() if status != 200)
        return Outcome(
            seconds,
            self.due,
            self.unsent,
            self.broken,
            {status: len(times) for status, times in self.times.items()},
            list(self.times.get(200, ())),
            list(refused),
            percentile(list(self.late), 0.99),
            self.last_refusal,
        )


class _Connection(asyncio.Protocol):
    """One request at a time; free again when the whole response has been received."""

    def __init__(self, clients: "_Clients") -> None:
        self._clients = clients
        self._received = b""
        self._due = 0.0
        self._tally: _Tally | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's is not registered as one
        self._clients.free.append(self)

    def send(self, request: bytes, due: float, tally: _Tally) -> None:
        self._due, self._tally = due, tally
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        end = data.find(b"\r\n\r\n")
        at = data.find(b"content-length: ", 0, end) + 16
        if end < 0 or len(data) < end + 4 + int(data[at : data.index(b"\r\n", at)]):
            self._received = data
            return
        self._received = b""
        if self._tally is None:  # the server closes a connection that was idle
            return
        self._tally.note(int(data[9:12]), self._due)
        self._tally = None
        if data.find(b"connection: close", 0, end) < 0:
            self._clients.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._tally is not None:
            self._tally.broken += 1
        self._clients.lost(self)


class _Clients:
    """The connections of one stream; those that the server closes are opened again."""

    def __init__(self, port: int, stream: Stream) -> None:
        requests = Path(stream.file).read_bytes().split(SEPARATOR)
        repeated: Iterator[bytes] = cycle(requests)
        self.requests = with_new_documents(repeated) if stream.renamed else repeated
        self.free: list[_Connection] = []
        self._port = port
        self._connections = stream.connections
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False

    async def open(self) -> Self:
        for _ in range(0, self._connections, OPENED_AT_ONCE):
            await asyncio.gather(*(self._connect() for _ in range(OPENED_AT_ONCE)))
        return self

    def lost(self, connection: _Connection) -> None:
        if connection in self.free:
            self.free.remove(connection)
        if not self._ended:
            task = asyncio.get_running_loop().create_task(self._connect())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def run(self, rate: float, seconds: float, seed: int) -> Outcome:
        chance, began = random.Random(seed), perf_counter()
        tally, free, requests = _Tally(began), self.free, self.requests
        end, due = began + seconds, began + (chance.expovariate(rate) if rate else seconds + 1)
        while due < end:
            now = perf_counter()
            while due <= now and due < end:
                tally.due += 1
                if free:
                    tally.late.append(now - due)
                    free.pop().send(next(requests), due, tally)
                else:
                    tally.unsent += 1
                due += chance.expovariate(rate)
            await asyncio.sleep(TICK)
        await asyncio.sleep(max(0, end - perf_counter()))
        return tally.outcome(seconds)

    def close(self) -> None:
        self._ended = True
        for connection in list(self.free):
            connection.transport.abort()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await asyncio.wait_for(
                    loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port), TIMEOUT
                )
            except OSError:
                await asyncio.sleep(0.1)
            else:
                return


async def _serve(port: int, streams: list[Stream]) -> None:
    """Reads phases, a line each, and writes their outcomes."""
    clients = {stream.name: await _Clients(port, stream).open() for stream in streams}
    loop = asyncio.get_running_loop()
    print("ready", flush=True)
    number = 0
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        phase = msgspec.json.decode(line, type=Phase)
        number += 1
        outcomes = await asyncio.gather(
            *(clients[name].run(rate, phase.seconds, number) for name, rate in phase.rates.items())
        )
        print(msgspec.json.encode(dict(zip(phase.rates, outcomes, strict=True))).decode(), flush=True)
    for each in clients.values():
        each.close()


class Generator:
    """The process, as its parent sees it. `with Generator(…) as generator: generator.run(phase)`."""

    def __init__(self, port: int, streams: list[Stream]) -> None:
        command = [
            sys.executable,
            "-m",
            "benchmarks.open_loop",
            str(port),
            msgspec.json.encode(streams).decode(),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(TIMEOUT)

    def run(self, phase: Phase) -> dict[str, Outcome]:
        """Blocks until the phase has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(phase).decode() + "\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=dict[str, Outcome])


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=list[Stream])))
