"""The server processes behind one Redis address: what every topology offers, and how their identity is checked."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from redis.exceptions import ResponseError

from app.cache.breaker import Breaker
from app.cache.failures import FAILURES, NotAsked, UnexpectedReply, as_failure, only_failures, refusal
from app.cache.message import CHANNEL
from app.settings import Settings

_RUN_ID: Final = re.compile(rb"run_id:([0-9a-f]+)")
# A process that was a replica in between has copied the data of another one, which may lack removals that it
# had confirmed itself: as primary again it has the same run id and a new replication id.
_HISTORY: Final = re.compile(rb"master_replid:([0-9a-f]+)")
_ROLE: Final = re.compile(rb"role:(\w+)")

BufferedResponse: TypeAlias = Any
T = TypeVar("T")


class Command(NamedTuple):
    """`key` selects the process by its hash slot, which all keys of a command share.

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


def probe_writes(name: str) -> Sequence[Command]:
    """A `Probe` of a program that needs no permission but to write."""
    key = f"dno:probe:{name}"
    return [Command(key.encode(), ("DEL", key))]


class Topology(ABC):
    """Every new connection checks the identity of its server process (run id and replication id): it changes
    with a restart, a failover, and when the process was a replica in between.

    `changed` is called with the reason before a changed process serves any command.
    """

    client: Any
    channel = CHANNEL
    one_process = False  # whether all keys and channels are those of one process

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
            with _without_arguments():
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


@contextmanager
def _without_arguments() -> Iterator[None]:
    """A server that does not have the command of the handshake repeats its arguments, among them the password."""
    try:
        yield
    except ResponseError as error:
        if "args" not in str(error):
            raise
        raise ResponseError("ERR unknown command in the handshake") from None


def raise_first_error(replies: list[BufferedResponse]) -> list[BufferedResponse]:
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply
    return replies
