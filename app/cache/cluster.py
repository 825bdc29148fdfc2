"""Redis Cluster: several server processes, each with some of the hash slots."""

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio.cluster import ClusterNode
from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, TryAgainError

from app.cache.breaker import Breaker
from app.cache.connections import ClusterClient, WatchedConnection, WatchedSSLConnection
from app.cache.failures import FAILURES, NotAsked, UnexpectedReply, only_failures
from app.cache.redis_url import addresses, connection_options, credentials, tls_context, uses_tls
from app.cache.topology import BufferedResponse, Command, Probe, Topology, raise_first_error
from app.settings import Settings

_REDIRECTS: Final = (MovedError, AskError, TryAgainError)
# Names that are tried to find a probe key in the slots of each node, in total.
PROBES_TRIED: Final = 10_000
# Nodes through which publishing a message is tried.
MAX_PUBLISH_TRIES: Final = 3


class Cluster(Topology):
    """Several processes, each with some of the hash slots; a node that is down does not delay the others."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        url = urlsplit(settings.redis_url)
        self.client = ClusterClient(
            startup_nodes=[ClusterNode(host, port) for host, port in addresses(url, 6379)],
            max_connections=settings.max_redis_connections,
            ssl=uses_tls(url),  # also of the nodes that the cluster names
            **credentials(url),
            **connection_options(settings),
        )
        # RedisCluster takes no such arguments; its nodes pass these on to every connection they open.
        tls = tls_context(url)
        connection_class = WatchedSSLConnection if tls else WatchedConnection
        own = {"redis_connect_func": self._handshake, "watcher": self} | ({"tls": tls} if tls else {})
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
            return raise_first_error(replies)

    async def publish(self, channel: str, message: bytes) -> BufferedResponse:
        """Any process hands a message on to all others; so one that accepts it is enough."""
        self.round_trips += 1
        with only_failures():
            await self._ensure_topology()
            failures: list[Exception] = []
            for node in self._by_health()[:MAX_PUBLISH_TRIES]:
                try:
                    replies_of_node = await self._request(node, [Command(b"", ("PUBLISH", channel, message))])
                    return raise_first_error(replies_of_node)[0]
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
                raise_first_error(outcome)
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


def _discard_outcome(task: "asyncio.Task[None]") -> None:
    """A failed refresh is repeated with the next failure of a command."""
    if not task.cancelled():
        task.exception()


async def _run_all(steps: Any) -> None:
    """Awaits all, then raises the first failure: a cancelled task could leave its connection in an unknown state."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
