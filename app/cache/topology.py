"""The server processes behind one Redis address: how they are reached, and which they are."""

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

_ELSEWHERE: Final = (MovedError, AskError, TryAgainError)
_RUN_ID: Final = re.compile(rb"run_id:([0-9a-f]+)")
# A process that was a replica meanwhile has taken over the data of another one, which may lack removals that it
# had confirmed itself: it begins a new history when it becomes a primary again, under the same run id.
_HISTORY: Final = re.compile(rb"master_replid:([0-9a-f]+)")
_ROLE: Final = re.compile(rb"role:(\w+)")

# A name for each process of a cluster is found by trying; so many are tried for all of them together.
PROBES_TRIED: Final = 10_000
# Through so many processes of a cluster a message is published at most, until one takes it.
SPEAKERS: Final = 3

BufferedResponse: TypeAlias = Any
T = TypeVar("T")


class Command(NamedTuple):
    """`key` says which process it is for; all keys of a command belong together.

    `width` is that of its reply: so many elements, or 0 for one number.
    """

    key: bytes
    words: tuple[bytes | str | int, ...]
    width: int = 0

    def fits(self, reply: BufferedResponse) -> bool:
        if not self.width:
            return type(reply) is int  # exactly: True is none
        return type(reply) is list and len(reply) == self.width


# Commands that need all rights of this program and change nothing; under the name that is given.
Probe: TypeAlias = Callable[[str], Sequence[Command]]


class Topology(ABC):
    """Every new connection asks the process who it is: one that restarted, or took over, is another, and so is
    one that was a replica in between.

    `changed` is called, with what happened, before such a process serves any command.
    """

    client: Any

    def __init__(self, settings: Settings) -> None:
        self.changed: Callable[[str], None] = lambda reason: None
        self.round_trips = 0
        self.lineage = 0  # connections of an earlier one are not used again
        self._settings = settings
        self._identities: dict[str, str] = {}  # by place: what answers there

    @property
    @abstractmethod
    def identity(self) -> str | None:
        """Run ids and histories of all processes that hold values; None while one of them is unknown."""

    @property
    @abstractmethod
    def unresponsive(self) -> bool:
        """Whether a process has failed so often that it is not asked for the moment."""

    @abstractmethod
    def together(self, keys: Sequence[bytes]) -> list[list[int]]:
        """The indexes of the keys that may stand in one command, group by group."""

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
        """Asks all processes who they are, and whether they take writes, now; gives their identity."""

    @abstractmethod
    async def make_ready(self, connections: int) -> None:
        """Opens connections before they are needed."""

    @abstractmethod
    async def pubsub(self) -> Any: ...

    async def close(self) -> None:
        await self.client.aclose()

    @abstractmethod
    def _place(self, connection: Any) -> str: ...

    def look_again(self) -> None:
        """Every connection is made anew before its next command: what it reaches may have been left by the others."""
        self.lineage += 1

    def demoted(self, connection: Any) -> None:
        """A process that was the primary calls itself a replica: another one has taken over, or will."""
        if connection.lineage == self.lineage:
            self._leave("Redis has become a replica")

    def _leave(self, reason: str) -> None:
        self.lineage += 1
        self.changed(reason)

    async def _greet(self, connection: Any) -> None:
        with only_failures():
            await connection.on_connect_check_health(check_health=False)
            await connection.send_command("INFO", "server", check_health=False)
            await connection.send_command("INFO", "replication", check_health=False)
            server, replication = await connection.read_response(), await connection.read_response()
            self._meet(connection, server, replication)

    def _meet(self, connection: Any, server: bytes, replication: bytes) -> None:
        run_id, role = _RUN_ID.search(server), _ROLE.search(replication)
        history = _HISTORY.search(replication)
        if run_id is None or role is None or history is None:
            raise UnexpectedReply("INFO names no run id, no role or no replication id.")
        self._check_role(connection, role[1])
        place, identity = self._place(connection), (run_id[1] + b"." + history[1]).decode()
        known = self._identities.get(place)
        self._identities[place] = identity
        if known not in (None, identity):
            self._leave("Redis has become another process")
            connection.lineage = self.lineage

    @abstractmethod
    def _check_role(self, connection: Any, role: bytes) -> None:
        """Raises NotPrimary where only a primary is of use."""

    async def _converse(self, connection: Any, commands: Sequence[Command]) -> list[BufferedResponse]:
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
                # Whatever else comes on this connection may answer something else.
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
    """One process, or the one that the sentinels call master.

    The cache has connections of its own: each of its operations is bounded as a whole, and a time-out
    around every write and read besides would cost more than all the rest.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        url = urlsplit(settings.redis_url)
        self._sentinel: Sentinel | None = None
        if url.scheme.endswith("+sentinel"):
            self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
                _addresses(url, 26379), sentinel_kwargs=_manners(settings) | {"ssl": _secure(url)}
            )
        half = settings.max_redis_connections // 2
        self.client = self._connect(url, settings, max(1, settings.max_redis_connections - half))
        self._own = self._connect(url, settings, max(1, half), socket_timeout=None)
        self._state = self._breaker()

    @property
    def identity(self) -> str | None:
        return self._identities.get("")

    @property
    def unresponsive(self) -> bool:
        return self._state.open

    def together(self, keys: Sequence[bytes]) -> list[list[int]]:
        return [list(range(len(keys)))]

    async def run(self, commands: Sequence[Command]) -> list[BufferedResponse]:
        return await self._bounded(self._state, lambda: self._run(commands))

    async def _run(self, commands: Sequence[Command]) -> list[BufferedResponse]:
        self.round_trips += 1
        async with _borrowed(self._own.connection_pool) as connection:
            return _unless_failed(await self._converse(connection, commands))

    async def publish(self, channel: str, message: bytes) -> BufferedResponse:
        [receivers] = await self.run([Command(b"", ("PUBLISH", channel, message))])
        return receivers

    async def identify(self, probe: Probe) -> str | None:
        """On a new connection, which leads to where the address or the sentinels lead now.

        Where no new one can be made (the sentinels are away, the server has all connections that it
        takes), those that there are go on: the epoch tells when other instances have gone elsewhere.
        """
        with only_failures():
            try:
                await self._identify_anew(probe)
            except FAILURES as failure:
                if refusal(failure) is not None:
                    raise
                async with (
                    asyncio.timeout(self._settings.redis_timeout),
                    _borrowed(self._own.connection_pool) as connection,
                ):
                    _unless_failed(await self._converse(connection, probe("")))
        self._state.succeeded()
        return self.identity

    async def _identify_anew(self, probe: Probe) -> None:
        connection = self._own.connection_pool.make_connection()
        try:
            async with asyncio.timeout(self._settings.redis_connect_timeout + self._settings.redis_timeout):
                await connection.connect()
                _unless_failed(await self._converse(connection, probe("")))
        finally:
            await connection.disconnect(nowait=True)

    async def make_ready(self, connections: int) -> None:
        pools = (self._own.connection_pool, self.client.connection_pool)
        async with AsyncExitStack() as borrowed:
            for number in range(connections):
                await borrowed.enter_async_context(_borrowed(pools[number % 2]))

    async def pubsub(self) -> Any:
        await self.client.initialize()
        return self.client.pubsub()

    async def close(self) -> None:
        await self._own.aclose()
        await super().close()
        if self._sentinel is not None:
            await self._sentinel.aclose()

    def _place(self, connection: Any) -> str:
        return ""  # wherever the sentinels say that it is

    def _check_role(self, connection: Any, role: bytes) -> None:
        if role != b"master":
            self.demoted(connection)
            raise NotPrimary("Redis is a replica here.")

    def _connect(self, url: SplitResult, settings: Settings, most: int, **manners: Any) -> Any:
        arguments = {
            **_credentials(url),
            **_manners(settings),
            **manners,
            "max_connections": most,
            "redis_connect_func": self._greet,
            "watcher": self,
        }
        secure = _secure(url)
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
    """Several processes, each with its share of the slots; one that is away holds up none of the others."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        url = urlsplit(settings.redis_url)
        self.client = ClusterClient(
            startup_nodes=[ClusterNode(host, port) for host, port in _addresses(url, 6379)],
            max_connections=settings.max_redis_connections,
            ssl=_secure(url),
            **_credentials(url),
            **_manners(settings),
        )
        # RedisCluster takes no such arguments; its nodes hand these on to every connection they make.
        connection_class = WatchedSSLConnection if _secure(url) else WatchedConnection
        own = {"redis_connect_func": self._greet, "watcher": self}
        self.client.nodes_manager.connection_kwargs |= own | {"connection_class": connection_class}
        for node in self.client.startup_nodes:
            node.connection_kwargs |= own
            node.connection_class = connection_class
        self._primaries: set[str] = set()
        self._breakers: dict[str, Breaker] = {}
        self._lookups = self._breaker()
        self._looking: asyncio.Task[None] | None = None
        self._failed_last: str | None = None

    @property
    def identity(self) -> str | None:
        identities = [self._identities.get(name) for name in self._primaries]
        known = [identity for identity in identities if identity is not None]
        return "+".join(sorted(known)) if known and len(known) == len(identities) else None

    @property
    def unresponsive(self) -> bool:
        nodes = self.client.get_primaries()
        return self._lookups.open or any(self._breaker_of(node).open for node in nodes)

    def together(self, keys: Sequence[bytes]) -> list[list[int]]:
        groups: dict[int, list[int]] = {}
        for index, key in enumerate(keys):
            groups.setdefault(key_slot(key), []).append(index)
        return list(groups.values())

    async def run(self, commands: Sequence[Command]) -> list[BufferedResponse]:
        self.round_trips += 1
        with only_failures():
            await self._know_the_way()
            shares: dict[ClusterNode, list[int]] = {}
            for index, command in enumerate(commands):
                node = self.client.nodes_manager.get_node_from_slot(key_slot(command.key))
                shares.setdefault(node, []).append(index)
            replies: list[BufferedResponse] = [None] * len(commands)

            async def ask(node: ClusterNode, share: list[int]) -> None:
                answers = await self._ask(node, [commands[index] for index in share])
                for index, answer in zip(share, answers, strict=True):
                    replies[index] = answer

            await _all(ask(node, share) for node, share in shares.items())
            return _unless_failed(replies)

    async def publish(self, channel: str, message: bytes) -> BufferedResponse:
        """Any process hands a message on to all others; so one that answers is enough."""
        self.round_trips += 1
        with only_failures():
            await self._know_the_way()
            failures: list[Exception] = []
            for node in self._by_health()[:SPEAKERS]:
                try:
                    asked = await self._ask(node, [Command(b"", ("PUBLISH", channel, message))])
                    return _unless_failed(asked)[0]
                except FAILURES as failure:
                    failures.append(failure)
            raise failures[0]

    async def identify(self, probe: Probe) -> str | None:
        with only_failures():
            await self._look()
            primaries = self.client.get_primaries()
            names = self._probe_names(primaries, probe)
            outcomes = await asyncio.gather(
                *(self._ask(node, probe(name)) for node, name in zip(primaries, names, strict=True)),
                return_exceptions=True,
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
                _unless_failed(outcome)
            self._primaries = {node.name for node in self.client.get_primaries()}
            return self.identity

    async def make_ready(self, connections: int) -> None:
        await self._know_the_way()
        primaries = self.client.get_primaries()
        share = connections // max(1, len(primaries))
        ping = [("PING",)]
        await asyncio.gather(
            *(self._send(node, ping) for node in primaries for _ in range(share)), return_exceptions=True
        )

    async def pubsub(self) -> Any:
        await self._know_the_way()
        return self.client.pubsub(node=self._by_health()[0])

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])
        await super().close()
        # It closes only what it has opened itself.
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

    async def _know_the_way(self) -> None:
        """What was known last is used while it is looked up again, which may wait for a process that is away."""
        if not self.client.nodes_manager.slots_cache:
            await self._bounded(self._lookups, self._look)

    async def _look(self) -> None:
        self._start_looking()
        assert self._looking is not None
        await asyncio.shield(self._looking)

    def _look_again(self, node: ClusterNode) -> None:
        """In the background: the process may be dead, or another by now."""
        self._failed_last = node.name
        self._start_looking()

    def _start_looking(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_now())
            self._looking.add_done_callback(_discard_outcome)

    async def _look_now(self) -> None:
        nodes = self.client.nodes_manager
        # Each node as long as it may take to connect and to answer.
        seconds = self._settings.redis_connect_timeout + self._settings.redis_timeout
        with only_failures():
            async with asyncio.timeout(seconds * max(2, len(nodes.startup_nodes))):
                await nodes.initialize(last_failed_node_name=self._failed_last)

    async def _ask(self, node: ClusterNode, commands: Sequence[Command]) -> list[BufferedResponse]:
        try:
            return await self._bounded(self._breaker_of(node), lambda: self._follow(node, commands))
        except NotAsked:
            raise
        except FAILURES:
            self._look_again(node)
            raise

    async def _follow(self, node: ClusterNode, commands: Sequence[Command]) -> list[BufferedResponse]:
        connection = node.acquire_connection()
        try:
            replies = await self._converse(connection, commands)
        finally:
            node.release(connection)
        self._notice(node)
        for index, reply in enumerate(replies):
            if isinstance(reply, _ELSEWHERE):
                self.round_trips += 1
                replies[index] = await self.client.execute_command(*commands[index].words)
                if not commands[index].fits(replies[index]):
                    raise UnexpectedReply(f"The reply to {commands[index].words[0]!r} has another shape.")
                for primary in self.client.get_primaries():
                    self._notice(primary)
            elif isinstance(reply, ClusterDownError):
                self._look_again(node)
        return replies

    async def _send(self, node: ClusterNode, words: Sequence[Any]) -> None:
        connection = node.acquire_connection()
        try:
            await connection.send_packed_command(connection.pack_commands(words))
            await connection.read_response()
        finally:
            node.release(connection)

    def _notice(self, node: ClusterNode) -> None:
        """A process that was a replica, or unknown, when we last asked may have missed removals."""
        if self._primaries and node.name not in self._primaries:
            self._primaries.add(node.name)
            self._leave("Redis has another primary")

    def _place(self, connection: Any) -> str:
        return f"{connection.host}:{connection.port}"

    def _check_role(self, connection: Any, role: bytes) -> None:
        """Replicas tell the topology as well; they send commands on to their primary by themselves."""


def servers(settings: Settings) -> Topology:
    scheme = urlsplit(settings.redis_url).scheme
    return Cluster(settings) if scheme.endswith("+cluster") else SingleServer(settings)


def _discard_outcome(task: "asyncio.Task[None]") -> None:
    """What could not be looked up is looked up again with the next failure."""
    if not task.cancelled():
        task.exception()


def _unless_failed(replies: list[BufferedResponse]) -> list[BufferedResponse]:
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
        "health_check_interval": settings.redis_health_check_interval,
        # A second try costs the reader more than PostgreSQL does, and repeats what may have been done.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 3,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
