"""Hears PostgreSQL say that there is something to do, on a connection of its own."""

import asyncio

import asyncpg

from app.db.pool import Connection
from app.settings import Settings

_LOOK_AFTER = 5.0  # seconds between looks whether a silent connection is still one


class Notifications:
    """Sets `news` for any number of NOTIFYs, and at each new connection: before it, any may have been
    missed. Raises when the connection is lost, to be started again; meanwhile listeners poll.
    """

    def __init__(self, channel: str, settings: Settings) -> None:
        self.news = asyncio.Event()
        self._channel = channel
        self._settings = settings

    async def run(self) -> None:
        connection: Connection = await asyncpg.connect(
            self._settings.database_url,
            timeout=self._settings.database_connect_timeout,
            command_timeout=self._settings.database_statement_timeout,
            server_settings={"application_name": "dno-api notifications"},
        )
        try:
            await self._listen(connection)
        finally:
            connection.terminate()

    async def _listen(self, connection: Connection) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(self._channel, lambda *_: self.news.set())
        self.news.set()
        while not lost.is_set():
            try:
                await asyncio.wait_for(lost.wait(), _LOOK_AFTER)
            except TimeoutError:
                await connection.execute("SELECT")
        raise ConnectionResetError("PostgreSQL has closed the connection that listens.")
