"""A connection to Redis: when it replaces itself, what it reports, and which arguments it passes on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError

from app.cache.connections import WatchedConnection
from app.cache.single_server import SingleServer
from app.settings import Settings
from tests.servers import PrivateValkey
from tests.waiting import PATIENT, until


class Watcher:
    """Counts the servers that became a replica."""

    def __init__(self) -> None:
        self.lineage = 0
        self.demotions: list[Any] = []

    def demoted(self, connection: Any) -> None:
        self.demotions.append(connection)


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
async def connection(redis_url: str, watcher: Watcher) -> AsyncIterator[WatchedConnection]:
    pool = SingleServer(Settings(redis_url=redis_url, **PATIENT))._cache_client.connection_pool
    arguments = {**pool.connection_kwargs, "watcher": watcher}
    arguments.pop("redis_connect_func")
    opened = WatchedConnection(**arguments)
    await opened.connect()  # type: ignore[no-untyped-call]
    yield opened
    await opened.disconnect()


async def reply(connection: WatchedConnection, *words: Any) -> Any:
    await connection.send_command(*words)
    return await connection.read_response()


async def number(connection: WatchedConnection) -> int:
    """The number that the server has given to the connection."""
    found = await reply(connection, "CLIENT", "ID")
    assert isinstance(found, int)
    return found


async def test_a_connection_is_kept_while_the_server_is_the_same(connection: WatchedConnection) -> None:
    assert await number(connection) == await number(connection)
    assert connection.lineage == 0


async def test_a_connection_of_an_earlier_generation_replaces_itself_once_before_the_next_command(
    connection: WatchedConnection, watcher: Watcher
) -> None:
    first = await number(connection)
    watcher.lineage = 3
    second = await number(connection)
    assert second > first
    assert connection.lineage == 3
    assert await number(connection) == second


async def test_the_pool_replaces_a_connection_that_is_outdated_or_has_data(
    connection: WatchedConnection, watcher: Watcher
) -> None:
    assert await connection.can_read() is False
    watcher.lineage = 1
    assert await connection.can_read() is True
    watcher.lineage = 0
    await connection.send_command("PING")
    await until(connection.can_read)
    assert await connection.read_response() == b"PONG"
    assert await connection.can_read() is False


async def test_a_connection_whose_transport_is_closing_is_outdated(connection: WatchedConnection) -> None:
    first = await number(connection)
    connection._writer.transport.abort()
    assert await connection.can_read() is True
    assert await number(connection) > first


async def test_a_closed_connection_is_not_outdated_and_opens_for_the_next_command(
    connection: WatchedConnection,
) -> None:
    first = await number(connection)
    await connection.disconnect()
    assert not connection.is_connected
    assert not connection._outdated()
    assert await number(connection) > first


async def test_a_rejected_write_reports_the_connection_of_the_replica(
    valkey: PrivateValkey, watcher: Watcher
) -> None:
    pool = SingleServer(Settings(redis_url=valkey.url, **PATIENT))._cache_client.connection_pool
    arguments = {**pool.connection_kwargs, "watcher": watcher, "redis_connect_func": None}
    opened = WatchedConnection(**arguments)
    try:
        await opened.connect()  # type: ignore[no-untyped-call]
        with pytest.raises(ResponseError):
            await reply(opened, "NONSENSE")
        assert watcher.demotions == []
        valkey.command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(ReadOnlyError):
            await reply(opened, "SET", "a", "b")
        assert watcher.demotions == [opened]
    finally:
        await opened.disconnect()


@pytest.mark.parametrize(
    ("method", "arguments", "options"),
    [
        ("send_packed_command", (b"command", False), {}),
        ("connect_check_health", (False, False), {}),
        ("read_response", (True,), {"timeout": 3}),
        ("disconnect", (True,), {"nowait": False}),
    ],
)
async def test_arguments_are_passed_on_and_errors_become_broken_connections(
    method: str,
    arguments: tuple[object, ...],
    options: dict[str, object],
    connection: WatchedConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passed: list[Any] = []

    async def recorded(_: object, *given: object, **named: object) -> str:
        passed.append((given, named))
        return "reply"

    async def broken(_: object, *given: object, **named: object) -> str:
        raise IndexError("pop from an empty deque")

    with monkeypatch.context() as patched:
        patched.setattr(AbstractConnection, method, recorded)
        outcome = await getattr(connection, method)(*arguments, **options)
        assert passed == [(arguments, options)]
        assert outcome == ("reply" if method == "read_response" else None)
        patched.setattr(AbstractConnection, method, broken)
        with pytest.raises(RedisConnectionError, match="The connection broke: IndexError"):
            await getattr(connection, method)(*arguments, **options)


@pytest.mark.parametrize("failure", [ResponseError("ERR"), TimeoutError(), OSError()], ids=repr)
@pytest.mark.parametrize("method", ["send_packed_command", "read_response", "can_read"])
async def test_failures_leave_a_connection_unchanged(
    method: str, failure: Exception, connection: WatchedConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise failure

    with monkeypatch.context() as patched:
        patched.setattr(AbstractConnection, method, broken)
        with pytest.raises(type(failure)) as raised:
            await getattr(connection, method)(*((b"command",) if method == "send_packed_command" else ()))
    assert raised.value is failure
