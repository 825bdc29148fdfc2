"""Whole server processes over one PostgreSQL and one Redis, as they run in production."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import httpx

from app.dev.postgres import free_port
from app.failpoints import FailPoint
from tests.consistency.seed import SECRET
from tests.reverse_proxies import Address

# The checker asks as fast as it can, from one address, with one key.
SETTINGS = {
    "DNO_RATE_LIMIT_ANONYMOUS": "0",
    "DNO_RATE_LIMIT_API_KEY": "0",
    "DNO_RATE_LIMIT_MESSAGES": "0",
    "DNO_MAX_BATCH_OPERATIONS": "10",
    "DNO_MAX_EXPORTS": "8",
    "DNO_LOG_FORMAT": "json",
    "DNO_WARM_INTERVAL": "0",
}


class Instance:
    def __init__(
        self, name: str, address: Address, process: asyncio.subprocess.Process | None = None
    ) -> None:
        self.name = name
        self.address = address
        self._process = process
        self.client = httpx.AsyncClient(
            base_url=f"http://{address}",
            timeout=8,
            headers={"accept": "application/json"},
            # An idle connection is left before the server closes it (KEEP_ALIVE_TIMEOUT): a request would meet its end.
            limits=httpx.Limits(max_connections=None, keepalive_expiry=2),
        )
        self.as_editor = {"authorization": f"Bearer {SECRET}"}
        self.pages: dict[str, tuple[str, bytes]] = {}  # what a browser keeps: by address, with its ETag

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None, f"{self.name} is no instance"
        return self._process

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    async def ready(self, within: float = 60) -> None:
        async with asyncio.timeout(within):
            while True:
                assert self.alive, f"{self.name} did not start"
                try:
                    if (await self.client.get("/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    async def end(self, number: signal.Signals) -> None:
        if self.alive:
            self.process.send_signal(number)
        try:
            await asyncio.wait_for(self.process.wait(), 40)
        finally:
            if self.alive:
                self.process.kill()


# An instance's own way to a server, by the instance's name.
WayTo: TypeAlias = Callable[[str], Awaitable[str]]


class Fleet:
    """`instances` are those that are asked: a killed one is followed by another of another name."""

    def __init__(
        self, database_url: WayTo, redis_url: WayTo, logs: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        self.instances: list[Instance] = []
        self._database_url = database_url
        self._redis_url = redis_url
        self._logs = logs
        self._settings = {**SETTINGS, **(settings or {})}
        self._numbers = count(1)
        self._started: list[Instance] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for instance in self._started:
            if instance.alive:
                instance.process.send_signal(signal.SIGCONT)
        await asyncio.gather(*(instance.end(signal.SIGTERM) for instance in self._started))
        for instance in self._started:
            await instance.client.aclose()

    async def grow(self, instances: int) -> None:
        async with asyncio.TaskGroup() as group:
            starts = [group.create_task(self.start()) for _ in range(instances)]
        self.instances += [start.result() for start in starts]

    async def start(self, fail_point: FailPoint | None = None) -> Instance:
        """Ready, before any request."""
        name, port = f"i{next(self._numbers)}", free_port()
        environment = self._settings | {
            "DNO_DATABASE_URL": await self._database_url(name),
            "DNO_REDIS_URL": await self._redis_url(name),
        }
        if fail_point:
            environment["DNO_FAIL_POINT"] = fail_point.value
        instance = Instance(name, Address("127.0.0.1", port), await self._run(name, port, environment))
        self._started.append(instance)
        await instance.ready()
        return instance

    async def _run(self, name: str, port: int, environment: dict[str, str]) -> asyncio.subprocess.Process:
        with (self._logs / f"{name}.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                Path(sys.executable).with_name("dno"),
                "serve",
                "--port",
                str(port),
                env=os.environ | environment,
                stdout=log,
                stderr=log,
            )

    async def replace(self, fallen: Instance) -> None:
        await fallen.end(signal.SIGKILL)
        self.instances[self.instances.index(fallen)] = await self.start()
