"""Opens a connection to the first of the configured servers that accepts writes."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeAlias

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from app.db.address import address, each_host

Connection: TypeAlias = "asyncpg.Connection[Any]"

# Seconds without a response after which the next server is tried as well.
STAGGER: Final = 0.25

# Whatever role, database and server are set to. By SET only: at the start, PgBouncer would have to be configured to let them pass.
OWN_SETTINGS: Final[Mapping[str, str]] = {
    # A transaction that has waited for a lock must see what was committed meanwhile, or the rules that triggers check do not hold.
    "default_transaction_isolation": "read committed",
    # Of dates as text: in exports, and where they are compared.
    "datestyle": "ISO",
}
# Of imports, migrations and the commands that read whole tables (export, check, follow): the role's may be for short transactions.
NO_TIMEOUTS: Final[Mapping[str, str]] = {
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
}


class NotWritable(ConnectionError):
    """The servers respond, and none of them accepts writes."""


async def set_again(connection: Connection, session: Mapping[str, str]) -> None:
    """The settings of the session that were given at the start: a pooler may be configured to ignore them there."""
    known = known_settings(connection, session)
    await connection.execute("; ".join(f"SET {name} = '{value}'" for name, value in known.items()))


def known_settings(connection: Connection, session: Mapping[str, str]) -> dict[str, str]:
    """Those that the server knows: before version 17 PostgreSQL refuses `transaction_timeout`. No round trip."""
    old = connection.get_server_version().major < 17
    return {name: value for name, value in session.items() if not (old and name == "transaction_timeout")}


def read_only(connection: Connection) -> bool:
    """As the server reported with its last response: no round trip."""
    reported = connection.get_settings()
    return "on" in (
        getattr(reported, "default_transaction_read_only", "off"),
        getattr(reported, "in_hot_standby", "off"),
    )


def in_recovery(connection: Connection) -> bool:
    return getattr(connection.get_settings(), "in_hot_standby", "off") == "on"


async def connect(url: str, *, within: float, **options: Any) -> Connection:
    """Raises what the driver raises, or NotWritable where servers respond and none accepts writes."""
    connection, _ = await _first(url, within, options, allow_read_only=False)
    return connection


class Connecting:
    """Opens the pool's connections. Where all servers respond and none accepts writes, a session of one that was set
    read-only is used for reading; never one of a standby, which may not have replayed the latest writes.
    """

    def __init__(self, *, within: float) -> None:
        self._within = within
        self._found_read_only = -float("inf")
        self._found_writable = -float("inf")

    async def __call__(self, url: str, **options: Any) -> Connection:
        began = monotonic()
        connection, writable = await _first(url, self._within, options, allow_read_only=True)
        if writable:
            self._found_writable = monotonic()
        else:
            self._found_read_only = began
        return connection

    def expect_writable(self) -> None:
        """A change was committed, so a server accepts writes: results of earlier attempts are outdated."""
        self._found_writable = monotonic()

    def found_read_only_within(self, seconds: float) -> bool:
        """Whether an attempt within so many seconds found no writable server, and no later one has."""
        return self._found_read_only > max(self._found_writable, monotonic() - seconds)


async def _first(
    url: str, within: float, options: dict[str, Any], *, allow_read_only: bool
) -> tuple[Connection, bool]:
    """The first connection that accepts writes and True; or a read-only one and False."""
    attempts = _Attempts(each_host(url), options)
    try:
        async with asyncio.timeout(within):
            return await attempts.first(address(url), allow_read_only=allow_read_only)
    finally:
        await attempts.close()


class _Attempts:
    """Every host in the order of the address; the next one is tried when one fails, or is slow to respond."""

    def __init__(self, urls: Sequence[str], options: dict[str, Any]) -> None:
        self._waiting = list(urls)
        self._options = options
        self._running: set[asyncio.Task[Connection]] = set()
        self._opened: list[Connection] = []  # and not returned yet
        self._errors: list[BaseException] = []

    async def first(self, where: str, *, allow_read_only: bool) -> tuple[Connection, bool]:
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
            if allow_read_only and not self._errors and not in_recovery(connection):
                self._opened.remove(connection)
                return connection, False
        if self._opened:
            raise NotWritable(f"PostgreSQL at {where} answers, but takes no writes")
        raise self._most_specific_error()

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        for task in self._running:
            with suppress(asyncio.CancelledError, Exception):
                self._opened.append(await task)
        for connection in self._opened:
            connection.terminate()

    async def _open(self, url: str) -> Connection:
        # Whether the session accepts writes is checked here, not by the driver.
        options = self._options | {"timeout": None, "target_session_attrs": SessionAttribute.any}
        connection: Connection = await asyncpg.connect(url, **options)
        return connection

    def _take(self, done: set["asyncio.Task[Connection]"]) -> None:
        for task in done:
            if (error := task.exception()) is not None:
                self._errors.append(error)
            else:
                self._opened.append(task.result())

    def _most_specific_error(self) -> BaseException:
        """An error of the server is more specific than a time-out."""
        return max(self._errors, key=lambda error: isinstance(error, asyncpg.PostgresError))
