"""Replies, identities and time-outs of the server processes behind one address."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from app.cache.failures import NotAsked, NotPrimary, UnexpectedReply
from app.cache.open_topology import open_topology
from app.cache.single_server import SingleServer
from app.cache.topology import Command, raise_first_error
from app.settings import Settings

SERVER = b"# Server\r\nredis_version:8.0\r\nrun_id:%s\r\ntcp_port:1\r\n"
REPLICATION = b"# Replication\r\nrole:%s\r\nmaster_replid:%s\r\n"


@pytest.fixture
def server() -> SingleServer:
    opened = open_topology(Settings(breaker_threshold=2, breaker_timeout=60))
    assert isinstance(opened, SingleServer)
    return opened


@pytest.fixture
def changes(server: SingleServer) -> list[str]:
    reasons: list[str] = []
    server.changed = reasons.append
    return reasons


def connection(server: SingleServer) -> Any:
    return SimpleNamespace(lineage=server.lineage)


def check(server: SingleServer, run: bytes, history: bytes, role: bytes = b"master", at: Any = None) -> None:
    server._check_identity(at or connection(server), SERVER % run, REPLICATION % (role, history))


def test_the_identity_is_that_of_process_and_history(server: SingleServer, changes: list[str]) -> None:
    assert server.identity is None
    check(server, b"aa", b"11")
    assert server.identity == "aa.11"
    check(server, b"aa", b"11")
    assert (changes, server.lineage) == ([], 0)


@pytest.mark.parametrize(("run", "history"), [(b"bb", b"11"), (b"aa", b"22")])
def test_another_process_or_history_ends_all_other_connections(
    run: bytes, history: bytes, server: SingleServer, changes: list[str]
) -> None:
    check(server, b"aa", b"11")
    opened = connection(server)
    check(server, run, history, at=opened)
    assert server.identity == f"{run.decode()}.{history.decode()}"
    assert changes == ["Redis has become another process"]
    assert server.lineage == 1
    assert opened.lineage == 1  # this one is connected to the new process
    check(server, run, history)
    assert len(changes) == 1


def test_a_replica_is_rejected_and_its_identity_not_noted(server: SingleServer, changes: list[str]) -> None:
    with pytest.raises(NotPrimary):
        check(server, b"aa", b"11", b"slave")
    assert server.identity is None
    assert changes == ["Redis has become a replica"]


@pytest.mark.parametrize(
    ("info", "replication"),
    [
        (b"", REPLICATION % (b"master", b"11")),
        (SERVER % b"aa", b"role:master\r\n"),
        (SERVER % b"aa", b"master_replid:11\r\n"),
    ],
)
def test_an_incomplete_description_of_a_server_is_unexpected(
    info: bytes, replication: bytes, server: SingleServer
) -> None:
    with pytest.raises(UnexpectedReply):
        server._check_identity(connection(server), info, replication)
    assert server.identity is None


def test_a_demotion_is_counted_once_for_all_connections_of_a_generation(
    server: SingleServer, changes: list[str]
) -> None:
    first, second = connection(server), connection(server)
    server.demoted(first)
    server.demoted(second)
    assert (changes, server.lineage) == (["Redis has become a replica"], 1)


def test_to_reconnect_ends_connections_without_a_change(server: SingleServer, changes: list[str]) -> None:
    server.reconnect()
    server.reconnect()
    assert (changes, server.lineage) == ([], 2)


@pytest.mark.parametrize(
    ("width", "reply", "fits"),
    [
        *((0, 1, True), (0, 0, True), (0, True, False), (0, b"1", False), (0, None, False), (0, [1], False)),
        *((2, [1, 2], True), (2, [1], False), (2, [1, 2, 3], False), (2, (1, 2), False), (2, 2, False)),
        (1, [None], True),
    ],
)
def test_a_reply_has_the_shape_of_its_command(width: int, reply: Any, fits: bool) -> None:
    assert Command(b"", ("X",), width).fits(reply) is fits


def test_the_first_error_among_replies_is_raised() -> None:
    first, second = ResponseError("first"), ResponseError("second")
    with pytest.raises(ResponseError) as raised:
        raise_first_error([1, first, second])
    assert raised.value is first
    replies = [1, [2], None]
    assert raise_first_error(replies) is replies


async def raising(error: Exception) -> None:
    raise error


async def answer() -> str:
    return "answer"


async def test_a_server_that_fails_repeatedly_is_not_requested_until_the_pause_is_over(
    server: SingleServer,
) -> None:
    breaker = server._breaker()
    for error in (RedisConnectionError("closed"), IndexError("pop from an empty deque")):
        assert not breaker.open
        with pytest.raises(RedisConnectionError) as raised:
            await server._bounded(breaker, lambda error=error: raising(error))  # type: ignore[misc]
        assert error in (raised.value, raised.value.__cause__)
        assert str(raised.value) in ("closed", "The connection broke: IndexError")
    assert breaker.open
    with pytest.raises(NotAsked):
        await server._bounded(breaker, answer)


async def test_an_answer_or_a_rejection_ends_the_count_of_failures(server: SingleServer) -> None:
    breaker = server._breaker()
    breaker.failed()
    assert await server._bounded(breaker, answer) == "answer"
    assert not breaker.failing
    breaker.failed()
    rejection = ResponseError("OOM")
    with pytest.raises(ResponseError) as raised:
        await server._bounded(breaker, lambda: raising(rejection))
    assert raised.value is rejection
    assert not breaker.failing


async def test_work_that_exceeds_the_time_out_is_a_failure() -> None:
    server = SingleServer(Settings(redis_timeout=0.01))
    breaker = server._breaker()
    with pytest.raises(TimeoutError):
        await server._bounded(breaker, asyncio.Event().wait)
    assert breaker.failing


def test_the_breaker_has_the_threshold_and_the_pause_of_the_settings() -> None:
    breaker = SingleServer(Settings(breaker_threshold=3, breaker_timeout=17))._breaker()
    assert (breaker._limit, breaker._pause) == (3, 17)


async def test_an_error_in_the_pipeline_leaves_the_other_replies_in_order(server: SingleServer) -> None:
    error = ResponseError("OOM")
    used = Connection([1, error, [b"a", b"b"]])
    commands = [Command(b"", ("A",)), Command(b"", ("B", 2)), Command(b"", ("C",), 2)]
    assert await server._pipelined(used, commands) == [1, error, [b"a", b"b"]]
    assert used.sent == [("A",), ("B", 2), ("C",)]
    assert not used.disconnected


async def test_a_connection_whose_reply_has_another_shape_is_closed_at_once(server: SingleServer) -> None:
    used = Connection([[1], 1])
    with pytest.raises(UnexpectedReply, match="'B'"):
        await server._pipelined(used, [Command(b"", ("A",), 1), Command(b"", ("B",), 1)])
    assert used.disconnected == [{"nowait": True}]


class Connection:
    """Replies as given. A server does not send replies of another shape."""

    def __init__(self, replies: list[Any]) -> None:
        self.replies = replies
        self.sent: Any = None
        self.disconnected: list[dict[str, object]] = []

    def pack_commands(self, commands: Any) -> Any:
        return list(commands)

    async def send_packed_command(self, command: Any) -> None:
        self.sent = command

    async def read_response(self) -> Any:
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def disconnect(self, **options: object) -> None:
        self.disconnected.append(options)
