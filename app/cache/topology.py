"""The server processes behind one Redis address: interface, identity and connections of every topology."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError, TryAgainError
from redis.maint_notifications import MaintNotificationsConfig

from app.cache.breaker import Breaker
from app.cache.connections import (
    Client,
    ClusterClient,
    WatchedConnection,
    WatchedSentinelConnection,
    WatchedSentinelSSLConnection,
    WatchedSSLConnection,
)
from app.cache.failures import FAILURES as FAILURES
from app.cache.failures import NotAsked, NotPrimary, UnexpectedReply, as_failure, only_failures, refusal
from app.settings import Settings

_REDIRECTS: Final = (MovedError, AskError, TryAgainError)
_RUN_ID: Final = re.compile(rb"run_id:([0-9a-f]+)")
# A process that was a replica in between has copied the data of another one, which may lack removals that it
# had confirmed itself: as primary again it has the same run id and a new replication id.
_HISTORY: Final = re.compile(rb"master_replid:([0-9a-f]+)")
_ROLE: Final = re.compile(rb"role:(\w+)")

# A name for each process of a cluster is found by trying; so many are tried for all of them group_by_slot.
PROBES_TRIED: Final = 10_000
# Through so many processes of a cluster a message is published at max_connections, until one takes it.
MAX_PUBLISH_TRIES: Final = 3

BufferedResponse: TypeAlias = Any
T = TypeVar("T")


class Command(NamedTuple):
    """`key` says which process it is for; all keys of a command belong group_by_slot.

    `width` is the number of elements in the reply, or 0 for an integer.
    """

    key: bytes
    words: tuple[bytes | str | int, ...]
    width: int = 0

    def fits(self, reply: BufferedResponse) -> bool:
        if not self.width:
            return type(reply) is int  # not isinstance: True is an int
        return type(reply) is list and len(reply) == self.width


# Given a name, commands that need all permissions of this program and change nothing.
Probe: TypeAlias = Callable[[str], Sequence[Command]]


class Topology(ABC):
    """Every new connection checks the identity of its server process (run id and replication id): it changes
    with a restart, a failover, and when the process was a replica in between.

    `changed` is called with the reason before a changed process serves any command.
    """

    client: Any

    def __init__(self, settings: Settings) -> None:
        self.changed: Callable[[str], None] = lambda reason: None
        self.round_trips = 0
        self.lineage = 0  # connections of an earlier generation are closed before their next command
        self._settings = settings
        self._identities: dict[str, str] = {}  # by address: what replies_of_node there

    @property
    @abstractmethod
    def identity(self) -> str | None:
        """Run ids and histories of all processes that hold values; None while one of them is unknown."""

    @property
    @abstractmethod
    def unresponsive(self) -> bool:
        """Whether a process has failed so often that it is not replies_of_node for the moment."""

    @abstractmethod
    def group_by_slot(self, keys: Sequence[bytes]) -> list[list[int]]:
        """Indexes of the keys, grouped so that each group may be used in one command (on a cluster: by hash slot)."""

    @abstractmethod
    async def run(self, commands: Sequence[Command]) -> list[BufferedResponse]:
        """All in one round trip; the first error among the replies is raised, and nothing but FAILURES.

        Each process has `redis_timeout` to answer.
        """

    @abstractmethod
    async def publish(self, channel: str, message: bytes) -> BufferedResponse:
        """Through any process that reaches all subscribers."""

    @abstractmethod
    async def identify(self, probe: Probe) -> str | None:
        """Checks identity and writability of all processes; returns the identity."""

    @abstractmethod
    async def make_ready(self, connections: int) -> None:
        """Opens connections before they are needed."""

    @abstractmethod
    async def pubsub(self) -> Any: ...

    async def close(self) -> None:
        await self.client.aclose()

    @abstractmethod
    def _address(self, connection: Any) -> str: ...

    def reconnect(self) -> None:
        """Every connection is reopened before its next command: the address may lead to another server by now."""
        self.lineage += 1

    def demoted(self, connection: Any) -> None:
        """A process that was the primary is now a replica: a failover has happened or is about to."""
        if connection.lineage == self.lineage:
            self._drop_connections("Redis has become a replica")

    def _drop_connections(self, reason: str) -> None:
        self.lineage += 1
        self.changed(reason)

    async def _handshake(self, connection: Any) -> None:
        with only_failures():
            await connection.on_connect_check_health(check_health=False)
            await connection.send_command("INFO", "server", check_health=False)
            await connection.send_command("INFO", "replication", check_health=False)
            server, replication = await connection.read_response(), await connection.read_response()
            self._check_identity(connection, server, replication)

    def _check_identity(self, connection: Any, server: bytes, replication: bytes) -> None:
        run_id, role = _RUN_ID.search(server), _ROLE.search(replication)
        history = _HISTORY.search(replication)
        if run_id is None or role is None or history is None:
            raise UnexpectedReply("INFO names no run id, no role or no replication id.")
        self._check_role(connection, role[1])
        address, identity = self._address(connection), (run_id[1] + b"." + history[1]).decode()
        previous = self._identities.get(address)
        self._identities[address] = identity
        if previous not in (None, identity):
            self._drop_connections("Redis has become another process")
            connection.lineage = self.lineage

    @abstractmethod
    def _check_role(self, connection: Any, role: bytes) -> None:
        """Raises NotPrimary where only a primary is of use."""

    async def _pipelined(self, connection: Any, commands: Sequence[Command]) -> list[BufferedResponse]:
        """Replies in the order of the commands, errors among them. What fails midway is closed by redis-py."""
        await connection.send_packed_command(
            connection.pack_commands([command.words for command in commands])
        )
        replies: list[BufferedResponse] = []
        for command in commands:
            try:
                reply = await connection.read_response()
            except ResponseError as error:
                replies.append(error)
                continue
            if not command.fits(reply):
                # Replies on this connection may be out of step with commands.
                await connection.disconnect(nowait=True)
                raise UnexpectedReply(f"The reply to {command.words[0]!r} has another shape.")
            replies.append(reply)
        return replies

    async def _bounded(self, breaker: Breaker, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Time-out and breaker of one process. Raises nothing but FAILURES; a refusal is an answer."""
        if not breaker.allows():
            raise NotAsked("This server has not answered several times in a row.")
        try:
            async with asyncio.timeout(self._settings.redis_timeout):
                outcome = await work()
        except FAILURES as failure:
            if refusal(failure) is None:
                breaker.failed()
            else:
                breaker.succeeded()
            raise
        except Exception as error:
            breaker.failed()
            raise as_failure(error) from error
        breaker.succeeded()
        return outcome

    def _breaker(self) -> Breaker:
        return Breaker(self._settings.breaker_threshold, self._settings.breaker_timeout)


class SingleServer(Topology):
    """One process, or the master named by the sentinels.

    The cache has its own connections without socket time-outs: each of its operations has one time-out as a
    whole, and one per socket read and write would cost more than the rest of the operation.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        url = urlsplit(settings.redis_url)
        self._sentinel: Sentinel | None = None
        if url.scheme.endswith("+sentinel"):
            self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
                _addresses(url, 26379),
                sentinel_kwargs=_connection_options(settings) | {"ssl": _uses_tls(url)},
            )
        half = settings.max_redis_connections // 2
        self.client = self._connect(url, settings, max(1, settings.max_redis_connections - half))
        self._cache_client = self._connect(url, settings, max(1, half), socket_timeout=None)
        self._server_breaker = self._breaker()

    @property
    def identity(self) -> str | None:
        return self._identities.get("")

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
            return _raise_first_error(await self._pipelined(connection, commands))

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
                await self._identify_anew(probe)
            except FAILURES as failure:
                if refusal(failure) is not None:
                    raise
                async with (
                    asyncio.timeout(self._settings.redis_timeout),
                    _borrowed(self._cache_client.connection_pool) as connection,
                ):
                    _raise_first_error(await self._pipelined(connection, probe("")))
        self._server_breaker.succeeded()
        return self.identity

    async def _identify_anew(self, probe: Probe) -> None:
        connection = self._cache_client.connection_pool.make_connection()
        try:
            async with asyncio.timeout(self._settings.redis_connect_timeout + self._settings.redis_timeout):
                await connection.connect()
                _raise_first_error(await self._pipelined(connection, probe("")))
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
            **_credentials(url),
            **_connection_options(settings),
            **options,
            "max_connections": max_connections,
            "redis_connect_func": self._handshake,
            "watcher": self,
        }
        secure = _uses_tls(url)
        if self._sentinel is not None:
            master, _, database = url.path.strip("/").partition("/")
            return self._sentinel.master_for(
                master,
                redis_class=Client,
                db=int(database or 0),
                connection_class=WatchedSentinelSSLConnection if secure else WatchedSentinelConnection,
                **arguments,
            )
        ((host, port),) = _addresses(url, 6379)
        pool = BlockingConnectionPool(
            host=host,
            port=port,
            db=int(url.path.strip("/") or 0),
            timeout=settings.redis_timeout,
            connection_class=WatchedSSLConnection if secure else WatchedConnection,
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


class Cluster(Topology):
    """Several processes, each with some of the hash slots; a node that is down does not delay the others."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        url = urlsplit(settings.redis_url)
        self.client = ClusterClient(
            startup_nodes=[ClusterNode(host, port) for host, port in _addresses(url, 6379)],
            max_connections=settings.max_redis_connections,
            ssl=_uses_tls(url),
            **_credentials(url),
            **_connection_options(settings),
        )
        # RedisCluster takes no such arguments; its nodes pass these on to every connection they open.
        connection_class = WatchedSSLConnection if _uses_tls(url) else WatchedConnection
        own = {"redis_connect_func": self._handshake, "watcher": self}
        self.client.nodes_manager.connection_kwargs |= own | {"connection_class": connection_class}
        for node in self.client.startup_nodes:
            node.connection_kwargs |= own
            node.connection_class = connection_class
        self._primaries: set[str] = set()
        self._breakers: dict[str, Breaker] = {}
        self._refresh_breaker = self._breaker()
        self._refresh_task: asyncio.Task[None] | None = None
        self._failed_last: str | None = None

    @property
    def identity(self) -> str | None:
        identities = [self._identities.get(name) for name in self._primaries]
        previous = [identity for identity in identities if identity is not None]
        return "+".join(sorted(previous)) if previous and len(previous) == len(identities) else None

    @property
    def unresponsive(self) -> bool:
        nodes = self.client.get_primaries()
        return self._refresh_breaker.open or any(self._breaker_of(node).open for node in nodes)

    def group_by_slot(self, keys: Sequence[bytes]) -> list[list[int]]:
        groups: dict[int, list[int]] = {}
        for index, key in enumerate(keys):
            groups.setdefault(key_slot(key), []).append(index)
        return list(groups.values())

    async def run(self, commands: Sequence[Command]) -> list[BufferedResponse]:
        self.round_trips += 1
        with only_failures():
            await self._ensure_topology()
            shares: dict[ClusterNode, list[int]] = {}
            for index, command in enumerate(commands):
                node = self.client.nodes_manager.get_node_from_slot(key_slot(command.key))
                shares.setdefault(node, []).append(index)
            replies: list[BufferedResponse] = [None] * len(commands)

            async def ask(node: ClusterNode, share: list[int]) -> None:
                replies_of_node = await self._request(node, [commands[index] for index in share])
                for index, answer in zip(share, replies_of_node, strict=True):
                    replies[index] = answer

            await _run_all(ask(node, share) for node, share in shares.items())
            return _raise_first_error(replies)

    async def publish(self, channel: str, message: bytes) -> BufferedResponse:
        """Any process hands a message on to all others; so one that accepts it is enough."""
        self.round_trips += 1
        with only_failures():
            await self._ensure_topology()
            failures: list[Exception] = []
            for node in self._by_health()[:MAX_PUBLISH_TRIES]:
                try:
                    replies_of_node = await self._request(node, [Command(b"", ("PUBLISH", channel, message))])
                    return _raise_first_error(replies_of_node)[0]
                except FAILURES as failure:
                    failures.append(failure)
            raise failures[0]

    async def identify(self, probe: Probe) -> str | None:
        with only_failures():
            await self._refresh()
            primaries = self.client.get_primaries()
            names = self._probe_names(primaries, probe)
            outcomes = await asyncio.gather(
                *(self._request(node, probe(name)) for node, name in zip(primaries, names, strict=True)),
                return_exceptions=True,
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
                _raise_first_error(outcome)
            self._primaries = {node.name for node in self.client.get_primaries()}
            return self.identity

    async def make_ready(self, connections: int) -> None:
        await self._ensure_topology()
        primaries = self.client.get_primaries()
        share = connections // max(1, len(primaries))
        ping = [("PING",)]
        await asyncio.gather(
            *(self._send(node, ping) for node in primaries for _ in range(share)), return_exceptions=True
        )

    async def pubsub(self) -> Any:
        await self._ensure_topology()
        return self.client.pubsub(node=self._by_health()[0])

    async def close(self) -> None:
        if self._refresh_task is not None:
            self._refresh_task.cancel()
            await asyncio.wait([self._refresh_task])
        await super().close()
        # aclose() closes only what it has opened itself.
        await self.client.nodes_manager.aclose()
        await self.client.nodes_manager.aclose("startup_nodes")

    def _by_health(self) -> list[ClusterNode]:
        """The nodes that have slots, those that answered last before the others."""
        return sorted(self.client.get_primaries(), key=lambda node: self._breaker_of(node).failing)

    def _breaker_of(self, node: ClusterNode) -> Breaker:
        breaker = self._breakers.get(node.name)
        if breaker is None:
            breaker = self._breakers[node.name] = self._breaker()
        return breaker

    def _probe_names(self, primaries: Sequence[ClusterNode], probe: Probe) -> list[str]:
        """A name for each process whose slot it holds."""
        names: dict[str, str] = {}
        wanted = {node.name for node in primaries}
        for number in count():
            if names.keys() >= wanted:
                return [names[node.name] for node in primaries]
            if number == PROBES_TRIED:
                raise UnexpectedReply("A node of the cluster has no slots.")
            [command, *_] = probe(str(number))
            node = self.client.nodes_manager.get_node_from_slot(key_slot(command.key))
            names.setdefault(node.name, str(number))
        raise AssertionError  # count() has no end

    async def _ensure_topology(self) -> None:
        """The last known slots are used during a refresh, which may wait for a node that is down."""
        if not self.client.nodes_manager.slots_cache:
            await self._bounded(self._refresh_breaker, self._refresh)

    async def _refresh(self) -> None:
        self._start_refresh()
        assert self._refresh_task is not None
        await asyncio.shield(self._refresh_task)

    def _refresh_later(self, node: ClusterNode) -> None:
        """Refreshes the slots in the background: the node may be down or replaced."""
        self._failed_last = node.name
        self._start_refresh()

    def _start_refresh(self) -> None:
        if self._refresh_task is None or self._refresh_task.done():
            self._refresh_task = asyncio.create_task(self._refresh_now())
            self._refresh_task.add_done_callback(_discard_outcome)

    async def _refresh_now(self) -> None:
        nodes = self.client.nodes_manager
        # Each node as long as it may take to connect and to answer.
        seconds = self._settings.redis_connect_timeout + self._settings.redis_timeout
        with only_failures():
            async with asyncio.timeout(seconds * max(2, len(nodes.startup_nodes))):
                await nodes.initialize(last_failed_node_name=self._failed_last)

    async def _request(self, node: ClusterNode, commands: Sequence[Command]) -> list[BufferedResponse]:
        try:
            return await self._bounded(
                self._breaker_of(node), lambda: self._send_and_redirect(node, commands)
            )
        except NotAsked:
            raise
        except FAILURES:
            self._refresh_later(node)
            raise

    async def _send_and_redirect(
        self, node: ClusterNode, commands: Sequence[Command]
    ) -> list[BufferedResponse]:
        connection = node.acquire_connection()
        try:
            replies = await self._pipelined(connection, commands)
        finally:
            node.release(connection)
        self._note_primary(node)
        for index, reply in enumerate(replies):
            if isinstance(reply, _REDIRECTS):
                self.round_trips += 1
                replies[index] = await self.client.execute_command(*commands[index].words)
                if not commands[index].fits(replies[index]):
                    raise UnexpectedReply(f"The reply to {commands[index].words[0]!r} has another shape.")
                for primary in self.client.get_primaries():
                    self._note_primary(primary)
            elif isinstance(reply, ClusterDownError):
                self._refresh_later(node)
        return replies

    async def _send(self, node: ClusterNode, words: Sequence[Any]) -> None:
        connection = node.acquire_connection()
        try:
            await connection.send_packed_command(connection.pack_commands(words))
            await connection.read_response()
        finally:
            node.release(connection)

    def _note_primary(self, node: ClusterNode) -> None:
        """A process that was a replica, or unknown, at the last look may have missed removals."""
        if self._primaries and node.name not in self._primaries:
            self._primaries.add(node.name)
            self._drop_connections("Redis has another primary")

    def _address(self, connection: Any) -> str:
        return f"{connection.host}:{connection.port}"

    def _check_role(self, connection: Any, role: bytes) -> None:
        """Replicas serve the topology too, and redirect other commands to their primary."""


def open_topology(settings: Settings) -> Topology:
    scheme = urlsplit(settings.redis_url).scheme
    return Cluster(settings) if scheme.endswith("+cluster") else SingleServer(settings)


def _discard_outcome(task: "asyncio.Task[None]") -> None:
    """A failed refresh is repeated with the next failure of a command."""
    if not task.cancelled():
        task.exception()


def _raise_first_error(replies: list[BufferedResponse]) -> list[BufferedResponse]:
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply
    return replies


async def _run_all(steps: Any) -> None:
    """Awaits all, then raises the first failure: a cancelled task could leave its connection in an unknown state."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _uses_tls(url: SplitResult) -> bool:
    return url.scheme.startswith("rediss")


def _addresses(url: SplitResult, port: int) -> list[tuple[str, int]]:
    hosts = url.netloc.rpartition("@")[2].split(",")
    parts = [urlsplit(f"//{host}") for host in hosts]
    return [(part.hostname or "localhost", part.port or port) for part in parts]


def _credentials(url: SplitResult) -> dict[str, Any]:
    name, _, password = url.netloc.rpartition("@")[0].partition(":")
    return {"username": unquote(name) or None, "password": unquote(password) or None}


def _connection_options(settings: Settings) -> dict[str, Any]:
    return {
        "socket_timeout": settings.redis_timeout,
        "socket_connect_timeout": settings.redis_connect_timeout,
        "health_check_interval": settings.redis_health_check_interval,
        # A retry would take longer than reading from PostgreSQL, and might repeat a command that was executed.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 3,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
