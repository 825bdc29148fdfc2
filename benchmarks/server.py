"""The real server, `dno serve`, as a process on a core of its own."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from app.settings import Settings, as_environment
from benchmarks.load import length_of
from benchmarks.machine import working_on
from benchmarks.questions import CURSORS, post
from tests.instances import Instance

# On, as in production, but far away: the load comes from one address.
FAR_AWAY = 10**9
PATIENCE = 30


class Server:
    def __init__(self, instance: Instance) -> None:
        self.port = instance.port
        self._process = psutil.Process(instance.process.pid)

    @property
    def memory(self) -> int:
        """Resident bytes, also of the processes that it has started."""
        family = [self._process, *self._process.children(recursive=True)]
        return int(sum(process.memory_info().rss for process in family))

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
        """Behind each operator, in order."""
        found: list[str] = []
        async with self.connection() as connection:
            while True:
                question = post(CURSORS, after=found[-1] if found else None)
                edges = (await connection.data(question))["dnos"]["edges"]
                if not edges:
                    return found
                found += [edge["cursor"] for edge in edges]

    async def metrics(self) -> dict[str, float]:
        """By name with labels."""
        async with self.connection() as connection:
            text = (await connection.ask(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")).decode()
        lines = (line.rpartition(" ") for line in text.splitlines() if line and line[0] != "#")
        return {name: float(value) for name, _, value in lines}

    async def until_ready(self) -> None:
        """L1 is off until the server hears what others change."""
        async with asyncio.timeout(PATIENCE):
            while not all(value for name, value in (await self.metrics()).items() if "cache_trusted" in name):
                await asyncio.sleep(0.05)


class Connection:
    """Asks one thing at a time and reads the answer."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def data(self, request: bytes) -> Any:
        """The answer's data; an error in it is a failure."""
        answer = json.loads(await self.ask(request))
        assert "errors" not in answer, answer
        return answer["data"]

    async def ask(self, request: bytes) -> bytes:
        """The answer's body."""
        async with asyncio.timeout(PATIENCE):
            self._writer.write(request)
            head = await self._reader.readuntil(b"\r\n\r\n")
            return await self._reader.readexactly(length_of(head) - len(head))


@contextmanager
def running(
    settings: Settings, folder: Path, cores: set[int] | None = None, **changed: object
) -> Iterator[Server]:
    """`changed` are settings; those of this process's environment do not count."""
    wanted = msgspec.structs.replace(
        settings, **{"rate_limit_anonymous": FAR_AWAY, "rate_limit_api_key": FAR_AWAY, **changed}
    )
    environment = as_environment(wanted)
    del environment["DNO_PORT"]
    with working_on(cores):
        instance = Instance(folder, environment)
    try:
        instance.wait_until_ready()
        yield Server(instance)
    finally:
        instance.stop()
