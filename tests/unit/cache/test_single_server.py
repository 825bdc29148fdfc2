"""How one server is requested, identified and closed, with scripted connections."""

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from app.cache.failures import NotPrimary
from app.cache.single_server import SingleServer
from app.cache.topology import Command
from app.settings import Settings
from tests.unit.cache.timeouts import record_timeouts


class Connection:
    def __init__(self, pool: "Pool", name: str) -> None:
        self.pool = pool
        self.name = name

    async def connect(self) -> None:
        self.pool.events.append(f"connect {self.name}")
        if self.pool.refuses is not None:
            raise self.pool.refuses

    async def disconnect(self, *, nowait: bool = False) -> None:
        self.pool.events.append(f"disconnect {self.name} nowait={nowait}")

    def pack_commands(self, commands: Any) -> Any:
        return list(commands)

    async def send_packed_command(self, command: Any) -> None:
        self.pool.sent.append((self.name, command))

    async def read_response(self) -> Any:
        reply = self.pool.replies.pop(0) if self.pool.replies else 1
        if isinstance(reply, Exception):
            raise reply
        return reply


class Pool:
    """Has one connection, and makes others; records what is done with them."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.sent: list[Any] = []
        self.replies: list[Any] = []
        self.refuses: Exception | None = None
        self.borrowed = self.most_borrowed = 0

    def make_connection(self) -> Connection:
        return Connection(self, "new")

    async def get_connection(self) -> Connection:
        self.borrowed += 1
        self.most_borrowed = max(self.borrowed, self.most_borrowed)
        self.events.append("get")
        return Connection(self, "kept")

    async def release(self, connection: Connection) -> None:
        assert isinstance(connection, Connection)
        self.borrowed -= 1


class Client:
    """Has a pool, and records that it was closed and initialized."""

    def __init__(self) -> None:
        self.connection_pool = Pool()
        self.closed = self.initialized = 0

    async def aclose(self) -> None:
        self.closed += 1

    async def initialize(self) -> None:
        self.initialized += 1

    def pubsub(self) -> str:
        assert self.initialized
        return "a subscription"


@pytest.fixture
def server() -> SingleServer:
    opened: Any = SingleServer(Settings(redis_url="redis://host", breaker_threshold=2, breaker_timeout=600))
    opened._cache_client = Client()
    opened.client = Client()
    return opened  # type: ignore[no-any-return]


@pytest.fixture
def pool(server: SingleServer) -> Pool:
    found: Pool = server._cache_client.connection_pool
    return found


def probe(name: str) -> list[Command]:
    assert name == ""
    return [Command(b"", ("PROBE",)), Command(b"", ("CHECK",))]


async def test_commands_are_one_round_trip_over_a_borrowed_connection(
    server: SingleServer, pool: Pool
) -> None:
    pool.replies = [3, 4]
    assert await server.run(probe("")) == [3, 4]
    assert pool.sent == [("kept", [("PROBE",), ("CHECK",)])]
    assert (server.round_trips, pool.borrowed) == (1, 0)
    assert await server.run(probe("")) == [1, 1]
    assert server.round_trips == 2


async def test_a_connection_is_given_back_after_an_error_too(server: SingleServer, pool: Pool) -> None:
    for reply in (ResponseError("OOM"), RedisConnectionError("closed")):
        pool.replies = [reply]
        with pytest.raises(type(reply)):
            await server.run([Command(b"", ("PROBE",))])
        assert pool.borrowed == 0


async def test_a_message_is_published_with_the_number_of_receivers_as_its_reply(
    server: SingleServer, pool: Pool
) -> None:
    pool.replies = [12]
    assert await server.publish("channel", b"message") == 12
    assert pool.sent == [("kept", [("PUBLISH", "channel", b"message")])]


def test_all_keys_are_one_group(server: SingleServer) -> None:
    assert server.group_by_slot([b"a", b"b", b"c"]) == [[0, 1, 2]]


async def test_it_is_unresponsive_after_repeated_failures_until_it_is_identified(
    server: SingleServer, pool: Pool
) -> None:
    for _ in range(2):
        assert not server.unresponsive
        pool.replies = [RedisConnectionError("closed")]
        with pytest.raises(RedisConnectionError):
            await server.run([Command(b"", ("PROBE",))])
    assert server.unresponsive
    server._identities[""] = "identity"
    assert await server.identify(probe) == "identity"
    assert not server.unresponsive


async def test_it_is_identified_on_a_new_connection_which_is_closed_without_waiting(
    server: SingleServer, pool: Pool
) -> None:
    await server.identify(probe)
    assert pool.events == ["connect new", "disconnect new nowait=True"]
    assert pool.sent == [("new", [("PROBE",), ("CHECK",)])]


@pytest.mark.parametrize("failure", [RedisConnectionError("max number of clients"), TimeoutError()], ids=repr)
async def test_where_no_new_connection_can_be_made_an_existing_one_is_used(
    failure: Exception, server: SingleServer, pool: Pool
) -> None:
    pool.refuses = failure
    server._identities[""] = "identity"
    assert await server.identify(probe) == "identity"
    assert pool.events == ["connect new", "disconnect new nowait=True", "get"]
    assert pool.sent == [("kept", [("PROBE",), ("CHECK",)])]
    assert pool.borrowed == 0
    pool.replies = [1, ResponseError("NOREPLICAS")]
    with pytest.raises(ResponseError):
        await server.identify(probe)


@pytest.mark.parametrize("rejection", [NotPrimary("a replica"), ResponseError("OOM")], ids=repr)
async def test_a_rejection_on_the_new_connection_is_the_outcome(
    rejection: Exception, server: SingleServer, pool: Pool
) -> None:
    pool.replies = [1, rejection]
    with pytest.raises(type(rejection)) as raised:
        await server.identify(probe)
    assert raised.value is rejection
    assert pool.events == ["connect new", "disconnect new nowait=True"]


async def test_a_new_connection_has_the_time_to_connect_and_to_answer(
    server: SingleServer, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = record_timeouts(monkeypatch)
    connect, answer = server._settings.redis_connect_timeout, server._settings.redis_timeout
    await server.identify(probe)
    assert seconds == [connect + answer]
    pool.refuses = RedisConnectionError("max number of clients")
    seconds.clear()
    await server.identify(probe)
    assert seconds == [connect + answer, answer]


@pytest.mark.parametrize(("count", "shares"), [(0, (0, 0)), (1, (1, 0)), (5, (3, 2))])
async def test_connections_are_opened_in_both_pools_in_turn(
    count: int, shares: tuple[int, int], server: SingleServer, pool: Pool
) -> None:
    await server.make_ready(count)
    other: Pool = server.client.connection_pool
    assert (pool.most_borrowed, other.most_borrowed) == shares
    assert (pool.borrowed, other.borrowed) == (0, 0)


async def test_a_subscription_is_made_by_the_client_once_it_is_initialized(server: SingleServer) -> None:
    assert await server.pubsub() == "a subscription"


async def test_closing_closes_both_clients_and_the_sentinels(server: SingleServer) -> None:
    await server.close()
    assert (server._cache_client.closed, server.client.closed) == (1, 1)
    sentinel = Client()
    server._sentinel = sentinel  # type: ignore[assignment]
    await server.close()
    assert (server._cache_client.closed, server.client.closed, sentinel.closed) == (2, 2, 1)


def test_every_address_is_the_same_server(server: SingleServer) -> None:
    assert server.identity is None
    server._identities["other"] = "other"
    assert server.identity is None
    server._identities[server._address(None)] = "identity"
    assert server.identity == "identity"
