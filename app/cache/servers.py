"""The server processes behind one Redis address: how they are reached, and which they are."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis, Sentinel, SSLConnection
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, RedisError, ResponseError, TryAgainError
from redis.maint_notifications import MaintNotificationsConfig

from app.settings import Settings

# What Redis, or the way to it, may give instead of an answer.
FAILURES: Final = (RedisError, OSError, TimeoutError)

_ELSEWHERE: Final = (MovedError, AskError, TryAgainError)
_RUN_ID: Final = re.compile(rb"run_id:([0-9a-f]+)")

Reply: TypeAlias = Any


class Command(NamedTuple):
    """`key` says which process it is for; all keys of a command belong together."""

    key: bytes
    words: tuple[bytes | str | int, ...]


class Servers(ABC):
    """Every new connection asks the process for its run id: one that restarted, or took over, is another.

    `changed` is called before such a process serves anybody.
    """

    client: Any
    in_order = False  # commands of one round trip are executed one after the other

    def __init__(self) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.round_trips = 0
        self._run_ids: dict[str, str] = {}  # by place: what answers there

    @property
    @abstractmethod
    def identity(self) -> str | None:
        """Run ids of all processes that hold values; None while one of them is unknown."""

    @abstractmethod
    def together(self, keys: Sequence[bytes]) -> list[list[int]]:
        """The indexes of the keys that may stand in one command, group by group."""

    @abstractmethod
    async def run(self, commands: Sequence[Command]) -> list[Reply]:
        """All in one round trip; the first error among the replies is raised."""

    @abstractmethod
    async def identify(self) -> None:
        """Asks all processes who they are, now."""

    @abstractmethod
    async def make_ready(self, connections: int) -> None:
        """Opens connections before somebody needs them."""

    async def pubsub(self) -> Any:
        await self.client.initialize()
        return self.client.pubsub()

    async def close(self) -> None:
        await self.client.aclose()

    @abstractmethod
    def _place(self, connection: Any) -> str: ...

    async def _greet(self, connection: Any) -> None:
        await connection.on_connect_check_health(check_health=False)
        await connection.send_command("INFO", "server", check_health=False)
        self._meet(connection, await connection.read_response())

    def _meet(self, connection: Any, info: bytes) -> None:
        match = _RUN_ID.search(info)
        assert match is not None
        place, run_id = self._place(connection), match[1].decode()
        known = self._run_ids.get(place)
        self._run_ids[place] = connection.run_id = run_id
        if known not in (None, run_id):
            self.changed()

    async def _renew(self, connection: Any) -> None:
        """A connection that is still held by the process that was there before is of no use."""
        if connection.is_connected and connection.run_id != self._run_ids[self._place(connection)]:
            await connection.disconnect(nowait=True)
            await connection.connect()

    async def _converse(self, connection: Any, commands: Sequence[Command]) -> list[Reply]:
        """Replies in the order of the commands, errors among them. What fails midway is closed by redis-py."""
        await self._renew(connection)
        await connection.send_packed_command(connection.pack_commands([words for _, words in commands]))
        replies: list[Reply] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response())
            except ResponseError as error:
                replies.append(error)
        return replies


class OneServer(Servers):
    """One process, or the one that the sentinels call master.

    The cache has connections of its own: each of its operations is bounded as a whole, and a time-out
    around every write and read besides would cost more than all the rest.
    """

    in_order = True

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        url = urlsplit(settings.redis_url)
        self._sentinel: Sentinel | None = None
        if url.scheme.endswith("+sentinel"):
            self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
                _addresses(url, 26379), sentinel_kwargs=_manners(settings) | {"ssl": _secure(url)}
            )
        half = settings.redis_pool_max // 2
        self.client = self._connect(url, settings, max(1, settings.redis_pool_max - half))
        self._own = self._connect(url, settings, max(1, half), socket_timeout=None)

    @property
    def identity(self) -> str | None:
        return self._run_ids.get("")

    def together(self, keys: Sequence[bytes]) -> list[list[int]]:
        return [list(range(len(keys)))]

    async def run(self, commands: Sequence[Command]) -> list[Reply]:
        self.round_trips += 1
        async with _borrowed(self._own.connection_pool) as connection:
            return _unless_failed(await self._converse(connection, commands))

    async def identify(self) -> None:
        async with _borrowed(self._own.connection_pool) as connection:
            await self._renew(connection)
            await connection.send_command("INFO", "server")
            self._meet(connection, await connection.read_response())

    async def make_ready(self, connections: int) -> None:
        pools = (self._own.connection_pool, self.client.connection_pool)
        async with AsyncExitStack() as borrowed:
            for number in range(connections):
                await borrowed.enter_async_context(_borrowed(pools[number % 2]))

    async def close(self) -> None:
        await self._own.aclose()
        await super().close()
        if self._sentinel is not None:
            await self._sentinel.aclose()

    def _place(self, connection: Any) -> str:
        return ""  # wherever the sentinels say that it is

    def _connect(self, url: SplitResult, settings: Settings, most: int, **manners: Any) -> Any:
        arguments = {
            **_credentials(url),
            **_manners(settings),
            **manners,
            "max_connections": most,
            "redis_connect_func": self._greet,
        }
        if self._sentinel is not None:
            master, _, database = url.path.strip("/").partition("/")
            return self._sentinel.master_for(master, db=int(database or 0), ssl=_secure(url), **arguments)
        ((host, port),) = _addresses(url, 6379)
        pool = BlockingConnectionPool(
            host=host,
            port=port,
            db=int(url.path.strip("/") or 0),
            timeout=settings.redis_timeout,
            connection_class=SSLConnection if _secure(url) else Connection,
            **arguments,
        )
        return Redis.from_pool(pool)


@asynccontextmanager
async def _borrowed(pool: Any) -> AsyncIterator[Any]:
    connection = await pool.get_connection()
    try:
        yield connection
    finally:
        await pool.release(connection)


class Cluster(Servers):
    """Several processes, each with its share of the slots."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        url = urlsplit(settings.redis_url)
        self.client = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in _addresses(url, 6379)],
            max_connections=settings.redis_pool_max,
            ssl=_secure(url),
            **_credentials(url),
            **_manners(settings),
        )
        # RedisCluster takes no such argument; its nodes hand these on to every connection they make.
        for arguments in (
            self.client.nodes_manager.connection_kwargs,
            *(node.connection_kwargs for node in self.client.startup_nodes),
        ):
            arguments["redis_connect_func"] = self._greet
        self._primaries: set[str] = set()
        self._outdated = True

    @property
    def identity(self) -> str | None:
        run_ids = [self._run_ids.get(name) for name in self._primaries]
        known = [run_id for run_id in run_ids if run_id is not None]
        return "+".join(sorted(known)) if known and len(known) == len(run_ids) else None

    def together(self, keys: Sequence[bytes]) -> list[list[int]]:
        groups: dict[int, list[int]] = {}
        for index, key in enumerate(keys):
            groups.setdefault(key_slot(key), []).append(index)
        return list(groups.values())

    async def run(self, commands: Sequence[Command]) -> list[Reply]:
        self.round_trips += 1
        await self._know_the_way()
        shares: dict[ClusterNode, list[int]] = {}
        for index, command in enumerate(commands):
            node = self.client.nodes_manager.get_node_from_slot(key_slot(command.key))
            shares.setdefault(node, []).append(index)
        replies: list[Reply] = [None] * len(commands)

        async def ask(node: ClusterNode, share: list[int]) -> None:
            answers = await self._ask(node, [commands[index] for index in share])
            for index, answer in zip(share, answers, strict=True):
                replies[index] = answer

        await _all(ask(node, share) for node, share in shares.items())
        return _unless_failed(replies)

    async def identify(self) -> None:
        self._outdated = True
        await self._know_the_way()
        primaries = self.client.get_primaries()
        await _all(self._ask(node, [Command(b"", ("PING",))]) for node in primaries)
        self._primaries = {node.name for node in primaries}

    async def make_ready(self, connections: int) -> None:
        await self._know_the_way()
        ping = [Command(b"", ("PING",))]
        share = connections // max(1, len(self.client.get_primaries()))
        await asyncio.gather(
            *(self._ask(node, ping) for node in self.client.get_primaries() for _ in range(share)),
            return_exceptions=True,
        )

    async def _know_the_way(self) -> None:
        await self.client.initialize()
        if self._outdated:
            # Whoever failed may be dead or somebody else by now, and a connection to it worth nothing.
            await self.client.nodes_manager.initialize()
            for node in self.client.get_nodes():
                await node.disconnect_free_connections()
            self._outdated = False

    async def _ask(self, node: ClusterNode, commands: Sequence[Command]) -> list[Reply]:
        connection = node.acquire_connection()
        try:
            replies = await self._converse(connection, commands)
        except BaseException:
            self._outdated = True
            raise
        finally:
            node.release(connection)
        self._notice(node)
        for index, reply in enumerate(replies):
            if isinstance(reply, _ELSEWHERE):
                self.round_trips += 1
                replies[index] = await self.client.execute_command(*commands[index].words)
                for primary in self.client.get_primaries():
                    self._notice(primary)
        return replies

    def _notice(self, node: ClusterNode) -> None:
        """A process that was a replica, or nobody, when we last asked may have missed removals."""
        if self._primaries and node.name not in self._primaries:
            self._primaries.add(node.name)
            self.changed()

    def _place(self, connection: Any) -> str:
        return f"{connection.host}:{connection.port}"


def servers(settings: Settings) -> Servers:
    scheme = urlsplit(settings.redis_url).scheme
    return Cluster(settings) if scheme.endswith("+cluster") else OneServer(settings)


def _unless_failed(replies: list[Reply]) -> list[Reply]:
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply
    return replies


async def _all(steps: Any) -> None:
    """All of them to their end, then the first failure: a task left behind would hold its connection."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _secure(url: SplitResult) -> bool:
    return url.scheme.startswith("rediss")


def _addresses(url: SplitResult, port: int) -> list[tuple[str, int]]:
    hosts = url.netloc.rpartition("@")[2].split(",")
    parts = [urlsplit(f"//{host}") for host in hosts]
    return [(part.hostname or "localhost", part.port or port) for part in parts]


def _credentials(url: SplitResult) -> dict[str, Any]:
    name, _, password = url.netloc.rpartition("@")[0].partition(":")
    return {"username": unquote(name) or None, "password": unquote(password) or None}


def _manners(settings: Settings) -> dict[str, Any]:
    return {
        "socket_timeout": settings.redis_timeout,
        "socket_connect_timeout": settings.redis_connect_timeout,
        "health_check_interval": settings.redis_health_check,
        # A second try costs the reader more than PostgreSQL does, and repeats what may have been done.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 3,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
