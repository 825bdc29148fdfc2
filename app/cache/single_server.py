"""One Redis server, or the master that Redis Sentinel names."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

from redis.asyncio import BlockingConnectionPool, Sentinel

from app.cache.connections import (
    Client,
    TLSConnection,
    WatchedConnection,
    WatchedSentinelConnection,
    WatchedSentinelSSLConnection,
    WatchedSSLConnection,
)
from app.cache.failures import FAILURES, NotPrimary, only_failures, refusal
from app.cache.redis_url import addresses, connection_options, credentials, damaged, database, tls_context
from app.cache.topology import BufferedResponse, Command, Probe, Topology, raise_first_error
from app.settings import Settings


class SingleServer(Topology):
    """One process, or the master named by the sentinels.

    The cache has its own connections without socket time-outs: each of its operations has one time-out as a
    whole, and one per socket read and write would cost more than the rest of the operation.
    """

    one_process = True

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        url = urlsplit(settings.redis_url)
        self._tls = tls_context(url)
        self._sentinel: Sentinel | None = None
        self._master, number = "", url.path
        if url.scheme.endswith("+sentinel"):
            self._master, _, number = url.path.strip("/").partition("/")
            self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
                addresses(url, 26379),
                sentinel_kwargs=connection_options(settings),
            )
            if self._tls is not None:
                for client in self._sentinel.sentinels:
                    client.connection_pool.connection_class = TLSConnection
                    client.connection_pool.connection_kwargs["tls"] = self._tls
        self._database = database(url._replace(path=number))
        if self._database:  # channels are not part of databases
            self.channel = f"{self.channel}/{self._database}"
        half = settings.max_redis_connections // 2
        self.client = self._connect(url, settings, max(1, settings.max_redis_connections - half))
        self._cache_client = self._connect(url, settings, max(1, half), socket_timeout=None)
        self._server_breaker = self._breaker()

    @property
    def identity(self) -> str | None:
        """With the number of a database other than 0: what is removed in one of a server stays in the others."""
        process = self._identities.get("")
        return process if process is None or not self._database else f"{process}/{self._database}"

    @property
    def unresponsive(self) -> bool:
        return self._server_breaker.open

    def group_by_slot(self, keys: Sequence[bytes]) -> list[list[int]]:
        return [list(range(len(keys)))]

    async def run(self, commands: Sequence[Command]) -> list[BufferedResponse]:
        return await self._bounded(self._server_breaker, lambda: self._run(commands))

    async def _run(self, commands: Sequence[Command]) -> list[BufferedResponse]:
        self.round_trips += 1
        async with _borrowed(self._cache_client.connection_pool) as connection:
            return raise_first_error(await self._pipelined(connection, commands))

    async def publish(self, channel: str, message: bytes) -> BufferedResponse:
        [receivers] = await self.run([Command(b"", ("PUBLISH", channel, message))])
        return receivers

    async def identify(self, probe: Probe) -> str | None:
        """On a new connection, which leads to where the address or the sentinels lead now.

        Where no new one can be made (the sentinels are away, the server has all connections that it
        takes), the existing ones are used: a change of the epoch shows that other instances use another server.
        """
        with only_failures():
            try:
                await self._identify_on_new_connection(probe)
            except FAILURES as failure:
                if refusal(failure) is not None:
                    raise
                async with (
                    asyncio.timeout(self._settings.redis_timeout),
                    _borrowed(self._cache_client.connection_pool) as connection,
                ):
                    raise_first_error(await self._pipelined(connection, probe("")))
        self._server_breaker.succeeded()
        return self.identity

    async def _identify_on_new_connection(self, probe: Probe) -> None:
        connection = self._cache_client.connection_pool.make_connection()
        try:
            async with asyncio.timeout(self._settings.redis_connect_timeout + self._settings.redis_timeout):
                await connection.connect()
                raise_first_error(await self._pipelined(connection, probe("")))
        finally:
            await connection.disconnect(nowait=True)

    async def make_ready(self, connections: int) -> None:
        pools = (self._cache_client.connection_pool, self.client.connection_pool)
        async with AsyncExitStack() as borrowed:
            for number in range(connections):
                await borrowed.enter_async_context(_borrowed(pools[number % 2]))

    async def pubsub(self) -> Any:
        await self.client.initialize()
        return self.client.pubsub()

    async def close(self) -> None:
        await self._cache_client.aclose()
        await super().close()
        if self._sentinel is not None:
            await self._sentinel.aclose()

    def _address(self, connection: Any) -> str:
        return ""  # the same for all servers that the sentinels name

    def _check_role(self, connection: Any, role: bytes) -> None:
        if role != b"master":
            self.demoted(connection)
            raise NotPrimary("Redis is a replica here.")

    def _connect(self, url: SplitResult, settings: Settings, max_connections: int, **options: Any) -> Any:
        arguments = {
            **credentials(url),
            **connection_options(settings),
            **options,
            "max_connections": max_connections,
            "redis_connect_func": self._handshake,
            "watcher": self,
        }
        if self._tls is not None:
            arguments["tls"] = self._tls
        if self._sentinel is not None:
            return self._sentinel.master_for(
                self._master,
                redis_class=Client,
                db=self._database,
                connection_class=WatchedSentinelSSLConnection if self._tls else WatchedSentinelConnection,
                **arguments,
            )
        if len(hosts := addresses(url, 6379)) != 1:
            raise damaged()
        pool = BlockingConnectionPool(
            host=hosts[0][0],
            port=hosts[0][1],
            db=self._database,
            timeout=settings.redis_timeout,
            connection_class=WatchedSSLConnection if self._tls else WatchedConnection,
            **arguments,
        )
        return Client.from_pool(pool)


@asynccontextmanager
async def _borrowed(pool: Any) -> AsyncIterator[Any]:
    connection = await pool.get_connection()
    try:
        yield connection
    finally:
        await pool.release(connection)
