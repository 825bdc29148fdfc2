"""`dno serve` as a process on a dedicated core."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from app.settings import Settings, as_environment
from benchmarks.load import length_of
from benchmarks.machine import pinned_to
from benchmarks.queries import CURSORS, post
from tests.server_process import ServerProcess

# Rate limits are on, as in production, but very high: the load comes from one address.
VERY_HIGH = 10**9
TIMEOUT = 120


class Server:
    def __init__(self, instance: ServerProcess) -> None:
        self.port = instance.port
        self._process = psutil.Process(instance.process.pid)

    @property
    def memory(self) -> int:
        """Resident bytes, including child processes."""
        family = [self._process, *self._process.children(recursive=True)]
        return int(sum(process.memory_info().rss for process in family))

    @property
    def cpu_seconds(self) -> float:
        """Spent so far, including child processes."""
        family = [self._process, *self._process.children(recursive=True)]
        times = [process.cpu_times() for process in family]
        return float(sum(each.user + each.system for each in times))

    @property
    def exact_cpu_seconds(self) -> float:
        """The same without child processes, not rounded to hundredths (Linux)."""
        threads = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Connection"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Connection(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    async def data(self, request: bytes) -> Any:
        async with self.connection() as connection:
            return await connection.data(request)

    async def cursors(self) -> list[str]:
        """The cursor of each operator, in order."""
        found: list[str] = []
        async with self.connection() as connection:
            while True:
                query = post(CURSORS, after=found[-1] if found else None)
                edges = (await connection.data(query))["dnos"]["edges"]
                if not edges:
                    return found
                found += [edge["cursor"] for edge in edges]

    async def metrics(self) -> dict[str, float]:
        """By name with labels."""
        async with self.connection() as connection:
            text = (await connection.request(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")).decode()
        lines = (line.rpartition(" ") for line in text.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, _, value in lines}

    async def until_ready(self) -> None:
        """L1 is off until the server has subscribed to the channel, L2 until the events of the import are delivered."""
        async with asyncio.timeout(TIMEOUT):
            while not _is_ready(await self.metrics()):
                await asyncio.sleep(0.05)


def _is_ready(metrics: Mapping[str, float]) -> bool:
    trusted = [value for name, value in metrics.items() if "dno_cache_trusted" in name]
    return all(trusted) and not any(value for name, value in metrics.items() if "dno_outbox_backlog" in name)


class Connection:
    """Sends one request at a time and reads the response."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def data(self, request: bytes) -> Any:
        """The response's data, or the whole response of a REST address; an error in it is a failure."""
        answer = json.loads(await self.request(request))
        assert "errors" not in answer, answer
        return answer["data"] if isinstance(answer, dict) else answer

    async def request(self, request: bytes) -> bytes:
        """The response's body."""
        async with asyncio.timeout(TIMEOUT):
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
            return await self._reader.readexactly(length_of(head) - len(head))


@contextmanager
def running(
    settings: Settings, folder: Path, cores: set[int] | None = None, **changed: object
) -> Iterator[Server]:
    """`changed` are settings; those of this process's environment are ignored."""
    with all_running(1, settings, folder, cores, **changed) as [server]:
        yield server


@contextmanager
def all_running(
    number: int, settings: Settings, folder: Path, cores: set[int] | None = None, **changed: object
) -> Iterator[list[Server]]:
    """So many instances, which start at the same time."""
    wanted = msgspec.structs.replace(
        settings, **{"rate_limit_anonymous": VERY_HIGH, "rate_limit_api_key": VERY_HIGH, **changed}
    )
    environment = as_environment(wanted)
    del environment["DNO_PORT"]
    with pinned_to(cores):
        instances = [ServerProcess(folder, environment) for _ in range(number)]
    try:
        for instance in instances:
            instance.wait_until_ready(within=120)
        yield [Server(instance) for instance in instances]
    finally:
        for instance in instances:
            instance.stop()
