"""Where a benchmark plays: a filled database, a Valkey, and servers on a core of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from app.settings import Settings
from benchmarks import databases, machine
from benchmarks.server import Server, running


class Stage:
    """`held`: what is in the database, in words."""

    def __init__(self, settings: Settings, folder: Path, cores: set[int] | None, held: str) -> None:
        self.settings = settings
        self.cores = cores
        self.held = held
        self._folder = folder

    def server(self, **changed: object) -> AbstractContextManager[Server]:
        return running(self.settings, self._folder, self.cores, **changed)

    async def about(self) -> str:
        return f"{machine.software()}\n{await machine.databases(self.settings)}\n{machine.hardware()}"


def play(scene: Callable[[Stage], Awaitable[None]]) -> None:
    """Everything is removed afterwards."""
    server_cores, other_cores = machine.divide_cores() or (None, None)

    async def set_up(settings: Settings, folder: Path) -> None:
        async with databases.filled_database(settings.database_url) as (database_url, held):
            own = msgspec.structs.replace(settings, database_url=database_url)
            await scene(Stage(own, folder, server_cores, held))

    with (
        machine.working_on(other_cores),
        databases.folder() as folder,
        databases.servers(folder) as settings,
    ):
        asyncio.run(set_up(settings, folder))
