"""The environment of a benchmark: a filled database, a Valkey, and servers on a dedicated core."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from app.settings import Settings
from benchmarks import databases, machine
from benchmarks.server import Server, all_running, running


class Environment:
    """`content`: a description of the data; `folder`: temporary."""

    def __init__(self, settings: Settings, folder: Path, cores: set[int] | None, content: str) -> None:
        self.settings = settings
        self.cores = cores
        self.content = content
        self.folder = folder

    def server(self, **changed: object) -> AbstractContextManager[Server]:
        return running(self.settings, self.folder, self.cores, **changed)

    def servers(self, number: int) -> AbstractContextManager[list[Server]]:
        return all_running(number, self.settings, self.folder, self.cores)

    async def about(self) -> str:
        return f"{machine.software()}\n{await machine.databases(self.settings)}\n{machine.hardware()}"


def run_in_environment(benchmark: Callable[[Environment], Awaitable[None]]) -> None:
    """Removes everything afterwards."""
    server_cores, other_cores = machine.divide_cores() or (None, None)

    async def set_up(settings: Settings, folder: Path) -> None:
        async with databases.filled_database(settings.database_url) as (database_url, content):
            own = msgspec.structs.replace(settings, database_url=database_url)
            await benchmark(Environment(own, folder, server_cores, content))

    with (
        machine.pinned_to(other_cores),
        databases.folder() as folder,
        databases.servers(folder) as settings,
    ):
        asyncio.run(set_up(settings, folder))
