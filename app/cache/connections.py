"""Connections to Redis that raise nothing but FAILURES, and are left when their server is no longer the primary."""

import ssl
from typing import Any, Final, Protocol

from redis.asyncio import Redis, RedisCluster, SSLConnection
from redis.asyncio.connection import Connection
from redis.asyncio.sentinel import SentinelManagedConnection
from redis.driver_info import DriverInfo
from redis.exceptions import ReadOnlyError

from app.cache.failures import FAILURES, as_failure, only_failures

# Once: it reads the metadata of the installed package, which takes longer than the rest of making a connection.
_DRIVER: Final = DriverInfo()


class Watcher(Protocol):
    """`lineage` changes when all connections made before are of no use any more."""

    lineage: int

    def demoted(self, connection: Any) -> None: ...


class WatchedConnection(Connection):
    """Replaces itself before the next command once `watcher.lineage` has moved on, in whichever pool it is.

    What is done for each command spells out `only_failures`: entering a context costs more than the rest of it.
    """

    def __init__(self, *, watcher: Watcher, **arguments: Any) -> None:
        self.watcher = watcher
        self.lineage = watcher.lineage
        super().__init__(**{"driver_info": _DRIVER, **arguments})

    async def _connect(self) -> None:
        self.lineage = self.watcher.lineage
        await super()._connect()  # type: ignore[no-untyped-call]

    async def connect_check_health(
        self, check_health: bool = True, retry_socket_connect: bool = True
    ) -> None:
        with only_failures():
            await super().connect_check_health(check_health, retry_socket_connect)

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if self.is_connected and self._outdated():
            await self.disconnect(nowait=True)
            await self.connect()  # type: ignore[no-untyped-call]
        try:
            await super().send_packed_command(command, check_health)
        except FAILURES:
            raise
        except Exception as error:
            raise as_failure(error) from error

    async def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*arguments, **options)
        except ReadOnlyError:
            self.watcher.demoted(self)
            raise
        except FAILURES:
            raise
        except Exception as error:
            raise as_failure(error) from error

    async def can_read(self) -> bool:
        """Checked by the pool before it hands out a connection; if true, the connection is replaced."""
        if self._outdated():
            return True
        try:
            return bool(await super().can_read())
        except FAILURES:
            raise
        except Exception as error:
            raise as_failure(error) from error

    async def disconnect(self, *arguments: Any, **options: Any) -> None:
        with only_failures():
            await super().disconnect(*arguments, **options)

    def _outdated(self) -> bool:
        if self.lineage != self.watcher.lineage:
            return True
        # A reset connection has no end of file; its transport is closing.
        return self._writer is not None and self._writer.transport.is_closing()


class TLSConnection(SSLConnection):
    """With a context that all connections share: redis-py would make one for each, and read the certificates again."""

    def __init__(self, *, tls: ssl.SSLContext, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.ssl_context.context = tls


class WatchedSSLConnection(WatchedConnection, TLSConnection):
    pass


class WatchedSentinelConnection(SentinelManagedConnection, WatchedConnection):
    """The sentinels are queried for each new connection."""


class WatchedSentinelSSLConnection(SentinelManagedConnection, WatchedConnection, TLSConnection):
    pass


class Client(Redis):
    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        with only_failures():
            return await super().execute_command(*arguments, **options)  # type: ignore[no-untyped-call]


class ClusterClient(RedisCluster):
    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        with only_failures():
            return await super().execute_command(*arguments, **options)
