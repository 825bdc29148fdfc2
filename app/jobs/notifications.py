"""Receives NOTIFY from PostgreSQL on a dedicated connection, for jobs that otherwise poll."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import asyncpg

from app.db.dedicated_connection import dedicated_connection, still_writable
from app.settings import Settings

LOOK_AFTER: Final = 1.0  # seconds between looks whether a silent connection is still one


class Notifications:
    """Sets `news` for any number of NOTIFYs, and at each new connection: before it, any may have been
    missed. Raises when the connection is lost, to be started again; meanwhile listeners poll.
    """

    def __init__(self, channel: str, settings: Settings) -> None:
        self.news = asyncio.Event()
        self._events: dict[str, list[asyncio.Event]] = {channel: [self.news]}
        self._settings = settings

    def add(self, channel: str) -> asyncio.Event:
        """An event like `news`, for another channel; before it runs."""
        event = asyncio.Event()
        self._events.setdefault(channel, []).append(event)
        return event

    async def run(self) -> None:
        async with dedicated_connection("notifications", self._settings) as connection:
            await self._listen(connection)

    async def _listen(self, connection: "asyncpg.Connection[Any]") -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        for channel, events in self._events.items():
            await connection.add_listener(channel, partial(_set, events))
            _set(events)
        while not lost.is_set():
            try:
                await asyncio.wait_for(lost.wait(), LOOK_AFTER)
            except TimeoutError:
                await connection.execute("SELECT")
                still_writable(connection)
        raise ConnectionResetError("PostgreSQL has closed the connection that listens.")


def _set(events: Iterable[asyncio.Event], *_: object) -> None:
    for event in events:
        event.set()
