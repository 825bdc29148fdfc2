"""How a connection is opened: to the first of the named servers that takes writes."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from app.db.address import address, each_host

Connection: TypeAlias = "asyncpg.Connection[Any]"

# A server that has not answered for so long is asked no longer alone: the next one is asked as well.
STAGGER: Final = 0.25


class NotWritable(ConnectionError):
    """The servers answer, and none of them takes writes."""


def read_only(connection: Connection) -> bool:
    """As the server reported with its last answer: no round trip."""
    said = connection.get_settings()
    return "on" in (
        getattr(said, "default_transaction_read_only", "off"),
        getattr(said, "in_hot_standby", "off"),
    )


def in_recovery(connection: Connection) -> bool:
    return getattr(connection.get_settings(), "in_hot_standby", "off") == "on"


async def connect(url: str, *, within: float, **options: Any) -> Connection:
    """Raises what the driver raises, or NotWritable where servers answer and none takes writes."""
    connection, _ = await _first(url, within, options, reading_will_do=False)
    return connection


class Connecting:
    """The pool's way to connect. Where all servers answer and none takes writes, a session of one that was set
    read-only will do for reading; never one of a standby, which may not have read yet what was written.
    """

    def __init__(self, *, within: float) -> None:
        self._within = within
        self._found_read_only = -float("inf")
        self._found_writable = -float("inf")

    async def __call__(self, url: str, **options: Any) -> Connection:
        began = monotonic()
        connection, writable = await _first(url, self._within, options, reading_will_do=True)
        if writable:
            self._found_writable = monotonic()
        else:
            self._found_read_only = began
        return connection

    def expect_writable(self) -> None:
        """A change was committed, so a server takes writes: what earlier looks found is out of date."""
        self._found_writable = monotonic()

    def found_read_only_within(self, seconds: float) -> bool:
        """Whether a look no older than this has found no server that takes writes, and none since has."""
        return self._found_read_only > max(self._found_writable, monotonic() - seconds)


async def _first(
    url: str, within: float, options: dict[str, Any], *, reading_will_do: bool
) -> tuple[Connection, bool]:
    """The first connection that takes writes and True; or one that only reads, and False."""
    attempts = _Attempts(each_host(url), options)
    try:
        async with asyncio.timeout(within):
            return await attempts.first(address(url), reading_will_do=reading_will_do)
    finally:
        await attempts.close()


class _Attempts:
    """Every host in the order of the address; the next one is tried when one fails, or is slow to answer."""

    def __init__(self, urls: Sequence[str], options: dict[str, Any]) -> None:
        self._waiting = list(urls)
        self._options = options
        self._running: set[asyncio.Task[Connection]] = set()
        self._opened: list[Connection] = []  # and not handed out
        self._errors: list[BaseException] = []

    async def first(self, where: str, *, reading_will_do: bool) -> tuple[Connection, bool]:
        while self._waiting or self._running:
            if self._waiting:
                self._running.add(asyncio.create_task(self._open(self._waiting.pop(0))))
            done, self._running = await asyncio.wait(
                self._running,
                timeout=STAGGER if self._waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            self._take(done)
            if writable := next((one for one in self._opened if not read_only(one)), None):
                self._opened.remove(writable)
                return writable, True
        for connection in self._opened:
            if reading_will_do and not self._errors and not in_recovery(connection):
                self._opened.remove(connection)
                return connection, False
        if self._opened:
            raise NotWritable(f"PostgreSQL at {where} answers, but takes no writes")
        raise self._most_telling_error()

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        for task in self._running:
            with suppress(asyncio.CancelledError, Exception):
                self._opened.append(await task)
        for connection in self._opened:
            connection.terminate()

    async def _open(self, url: str) -> Connection:
        # What is asked of the session is asked here, so that the driver does not have to know.
        options = self._options | {"timeout": None, "target_session_attrs": SessionAttribute.any}
        connection: Connection = await asyncpg.connect(url, **options)
        return connection

    def _take(self, done: set["asyncio.Task[Connection]"]) -> None:
        for task in done:
            if (error := task.exception()) is not None:
                self._errors.append(error)
            else:
                self._opened.append(task.result())

    def _most_telling_error(self) -> BaseException:
        """A refusal is more specific than a time-out."""
        return max(self._errors, key=lambda error: isinstance(error, asyncpg.PostgresError))
