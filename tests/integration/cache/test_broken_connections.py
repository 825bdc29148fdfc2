"""Any error or unexpected reply of a connection to Redis counts as an outage: no error reaches a caller."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import InvalidResponse, RedisClusterException

from app.auth.sessions import Sessions
from app.cache.failures import FAILURES
from app.cache.scripts import REMOVE
from app.errors import Unavailable
from app.settings import Settings
from schema.execution.persisted import PersistedDocuments
from tests.integration.cache.table import Table
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.proxy import Proxies
from tests.servers import PASSWORD, PrivateValkey, private_folder
from tests.waiting import PATIENT, until

# Observed errors and similar ones: of uvloop on a closed transport, of asyncio, of a driver without state.
RAISED = [
    RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed"),
    AttributeError("'NoneType' object has no attribute 'writelines'"),
    IndexError("pop from an empty deque"),
    TypeError("'NoneType' object is not subscriptable"),
    KeyError("connection"),
    ValueError("not enough values to unpack"),
    AssertionError(),
    EOFError(),
    asyncio.IncompleteReadError(b"", 10),
    asyncio.LimitOverrunError("too long", 10),
    asyncio.InvalidStateError(),
    ConnectionResetError("Connection lost"),
    BrokenPipeError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    InvalidResponse("Protocol Error: b'?'"),
    RedisClusterException("Redis Cluster cannot be connected."),
    TimeoutError(),
]


def _name(error: Exception) -> str:
    return type(error).__name__


@pytest.mark.parametrize("where", ["_send", "_read_response_from_parser"])
@pytest.mark.parametrize("error", RAISED, ids=_name)
async def test_what_a_connection_raises_is_an_outage(
    where: str, error: Exception, valkey: PrivateValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table({"a": "old", "b": "value"})
    async with table_caches(Settings(redis_url=valkey.url, **PATIENT)) as one:
        sessions = Sessions(one.shared.client, Settings())
        await one.one(table, "a")
        await one.read_through.close()
        with monkeypatch.context() as patched:
            _make_raise(patched, where, error)
            table.rows["a"] = "new"
            assert not await one.invalidator.invalidate([table.tag("a")])
            assert not one.shared.trusted
            assert await one.one(table, "a") == "new"
            assert await one.one(table, "b") == "value"
            assert await one.shared.identify() is None
            assert not await one.shared.publish(b"heartbeat")
            with pytest.raises(Unavailable):
                await sessions.get("0" * 64)
            with pytest.raises(Unavailable):
                await one.shared.find("*")
            with pytest.raises(FAILURES):
                async with one.shared.subscribe():
                    pass
        assert await one.shared.identify() is not None
        assert await one.shared.remove([table.tag("a")])
        assert one.shared.trust(one.shared.distrust_count)
        assert await one.shared.get_many([table.tag("a")]) == {}
        assert await sessions.get("0" * 64) is None


def _make_raise(patched: pytest.MonkeyPatch, where: str, error: Exception) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    if where != "_send":
        patched.setattr(AbstractConnection, where, fail)
        return

    async def send(connection: Any, *arguments: object, **options: object) -> None:
        await connection.disconnect(nowait=True)
        raise error

    patched.setattr(AbstractConnection, "send_packed_command", send)


# Replies to a removal; all other replies are Valkey's own. Whether the removal was executed is unknown.
REPLIES = {
    "nothing": None,
    "half a number": b":1",
    "no number": b":x\r\n",
    "garbage": b"\x00\xff?\r\n",
    "a web page": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "OK": b"+OK\r\n",
    "text": b"$1\r\n1\r\n",
    "null": b"_\r\n",
    "an old null": b"$-1\r\n",
    "true": b"#t\r\n",
    "an empty list": b"*0\r\n",
    "a list": b"*1\r\n:1\r\n",
    "a map": b"%1\r\n+a\r\n:1\r\n",
    "an error without words": b"-\r\n",
    "an error in no encoding": b"-\xff\xfe\r\n",
    "an error without a code": b"-something is wrong\r\n",
    "MOVED to nowhere": b"-MOVED\r\n",
    "MOVED to nonsense": b"-MOVED x y z\r\n",
    "MOVED": b"-MOVED 1 127.0.0.1:1\r\n",
    "ASK": b"-ASK 1 127.0.0.1:1\r\n",
    **{
        code: f"-{code} command rejected\r\n".encode()
        for code in (
            *("NOREPLICAS", "MISCONF", "READONLY", "NOPERM", "OOM", "LOADING", "CLUSTERDOWN", "MASTERDOWN"),
            *("EXECABORT", "NOAUTH", "WRONGPASS", "TRYAGAIN", "CROSSSLOT", "BUSY", "BUSYKEY", "UNKILLABLE"),
            *("WRONGTYPE", "NOTBUSY", "NOGOODSLAVE", "DENIED", "ERR", "ERR unknown command"),
        )
    },
}


@asynccontextmanager
async def replying(valkey: PrivateValkey, reply: bytes | None, word: bytes) -> AsyncIterator[tuple[str, Any]]:
    """The address of a proxy that forwards everything, but replies itself to commands with `word` while its state is on."""
    state = {"on": False}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection("127.0.0.1", valkey.port)

        async def down() -> None:
            while data := await behind.read(65536):
                writer.write(data)

        back = asyncio.create_task(down())
        try:
            while data := await reader.read(65536):
                if state["on"] and word in data:
                    if reply is not None:
                        writer.write(reply)
                        await writer.drain()
                    break
                ahead.write(data)
        except OSError:
            pass
        finally:
            back.cancel()
            ahead.close()
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://:{PASSWORD}@127.0.0.1:{server.sockets[0].getsockname()[1]}", state
    finally:
        server.close()


@pytest.mark.parametrize("kind", REPLIES)
async def test_only_the_count_of_removed_keys_confirms_a_removal(kind: str, valkey: PrivateValkey) -> None:
    table = Table({"a": "old"})
    async with (
        replying(valkey, REPLIES[kind], b"\r\nDEL\r\n") as (url, state),
        table_caches(Settings(redis_url=url, **PATIENT)) as one,
    ):
        one.shared._topology.one_process = False  # as on a cluster
        await one.one(table, "a")
        await one.read_through.close()
        state["on"] = True
        table.rows["a"] = "new"
        assert not await one.invalidator.invalidate([table.tag("a")], acknowledges=[1])
        assert not one.invalidator.acknowledged.covers(1, one.shared.generation)
        assert not one.shared.trusted
        assert await one.one(table, "a") == "new"
        assert await one.shared.identify() is None
        state["on"] = False
        assert await _until_identified(one)
        assert await one.shared.remove([table.tag("a")])


@pytest.mark.parametrize("kind", REPLIES)
async def test_readers_get_their_value_after_any_reply(kind: str, valkey: PrivateValkey) -> None:
    table = Table({str(number): "value" for number in range(3)})
    async with (
        replying(valkey, REPLIES[kind], b"\r\nEVALSHA\r\n") as (url, state),
        table_caches(Settings(redis_url=url, **PATIENT)) as one,
    ):
        state["on"] = True
        for key in table.rows:
            assert await one.one(table, key) == "value"


@pytest.mark.parametrize("kind", REPLIES)
async def test_a_message_that_was_not_accepted_acknowledges_no_event(
    kind: str, valkey: PrivateValkey
) -> None:
    table = Table({"a": "old"})
    async with (
        replying(valkey, REPLIES[kind], b"\r\nPUBLISH\r\n") as (url, state),
        table_caches(Settings(redis_url=url, **PATIENT)) as one,
    ):
        one.shared._topology.one_process = False  # as on a cluster
        state["on"] = True
        assert not await one.invalidator.invalidate([table.tag("a")], acknowledges=[1])
        assert not one.invalidator.acknowledged.covers(1, one.shared.generation)


@pytest.mark.parametrize("kind", sorted(REPLIES.keys() - {"NOPERM"}))
async def test_only_the_result_of_the_script_confirms_a_removal(kind: str, valkey: PrivateValkey) -> None:
    table = Table({"a": "old"})
    async with (
        replying(valkey, REPLIES[kind], REMOVE.sha.encode()) as (url, state),
        table_caches(Settings(redis_url=url, **PATIENT)) as one,
    ):
        await one.one(table, "a")
        await one.read_through.close()
        state["on"] = True
        table.rows["a"] = "new"
        assert not await one.invalidator.invalidate([table.tag("a")], acknowledges=[1])
        assert not one.invalidator.acknowledged.covers(1, one.shared.generation)
        assert not one.shared.trusted
        assert await one.one(table, "a") == "new"


async def test_where_scripts_are_not_permitted_the_replies_to_the_commands_confirm_a_removal(
    valkey: PrivateValkey,
) -> None:
    table = Table({"a": "old"})
    async with (
        replying(valkey, REPLIES["NOPERM"], REMOVE.sha.encode()) as (url, state),
        table_caches(Settings(redis_url=url, **PATIENT)) as one,
    ):
        await one.one(table, "a")
        await one.read_through.close()
        state["on"] = True
        table.rows["a"] = "new"
        assert await one.invalidator.invalidate([table.tag("a")], acknowledges=[1])
        assert one.invalidator.acknowledged.covers(1, one.shared.generation)
        assert await one.in_redis(table, "a") is None
        assert not one.shared.trusted
        assert await one.one(table, "a") == "new"


VALID_REPLIES = {"null", "an old null"}  # valid replies to a read of a value


@pytest.mark.parametrize("kind", [*sorted(REPLIES.keys() - VALID_REPLIES), "a number"])
async def test_sessions_and_persisted_documents_treat_any_reply_as_an_outage(
    kind: str, valkey: PrivateValkey
) -> None:
    reply = b":1\r\n" if kind == "a number" else REPLIES[kind]
    async with (
        replying(valkey, reply, b"\r\nGETEX\r\n") as (url, state),
        table_caches(Settings(redis_url=url, **PATIENT)) as one,
    ):
        sessions = Sessions(one.shared.client, Settings())
        state["on"] = True
        with pytest.raises(Unavailable):
            await sessions.get("0" * 64)
        assert await PersistedDocuments(Settings())._get_from_redis("0" * 64, one.shared) in (None, "OK", "1")


async def _until_identified(one: TableCaches) -> bool:
    async def identified() -> bool:
        return await one.shared.identify() is not None

    return bool(await until(identified))


@pytest.fixture
async def proxies() -> AsyncIterator[Proxies]:
    async with Proxies() as running:
        yield running


@pytest.mark.parametrize("how", ["reset", "cut"])
async def test_broken_connections_are_replaced_without_an_error(
    how: str, proxies: Proxies, valkey: PrivateValkey
) -> None:
    """All connections of a pool break at once; the next command detects it before it is sent, or is sent again."""
    port = await proxies.open("redis", valkey.port)
    table = Table({"a": "old"})
    async with table_caches(Settings(redis_url=f"redis://:{PASSWORD}@127.0.0.1:{port}", **PATIENT)) as one:
        for number in range(5):
            await one.one(table, "a")
            await one.read_through.close()
            await getattr(proxies, how)("redis")
            await asyncio.sleep(
                0.05
            )  # lets the event loop see the end of the connection; otherwise the command is retried
            table.rows["a"] = str(number)
            assert await one.invalidator.invalidate([table.tag("a")])
            assert one.shared.trusted
            assert await one.one(table, "a") == str(number)


async def test_an_address_that_resolves_to_another_server_is_detected_while_the_old_one_runs(
    proxies: Proxies, valkey: PrivateValkey
) -> None:
    """No connection breaks: all pools still hold connections to the old server, also for the channel."""
    with private_folder() as folder:
        other = PrivateValkey(folder)
        try:
            port = await proxies.open("redis", valkey.port)
            url = f"redis://:{PASSWORD}@127.0.0.1:{port}"
            async with table_caches(Settings(redis_url=url, **PATIENT)) as one:
                changes: list[str] = []
                one.shared.on_change = lambda: changes.append("changed")
                before = one.shared.identity
                await one.shared.client.set("mine", "old")
                await proxies.lead_to("redis", other.port)
                assert await one.shared.identify() not in (None, before)
                assert changes == ["changed"]
                assert not one.shared.trusted
                assert await one.shared.client.get("mine") is None
                assert await one.shared.remove(["a"])
                async with one.shared.subscribe() as channel:
                    assert await one.shared.publish(b"hello")
                    assert await channel.next(5) == b"hello"
                assert urlsplit(url).port == port
        finally:
            other.stop()


async def test_a_demoted_server_is_replaced_by_the_promoted_one(
    proxies: Proxies, valkey: PrivateValkey
) -> None:
    """Its existing connections continue to answer reads; the first rejected write reveals the demotion."""
    with private_folder() as folder:
        other = PrivateValkey(folder)
        try:
            port = await proxies.open("redis", valkey.port)
            async with table_caches(
                Settings(redis_url=f"redis://:{PASSWORD}@127.0.0.1:{port}", **PATIENT)
            ) as one:
                sessions = Sessions(one.shared.client, Settings())
                valkey.command("REPLICAOF", "127.0.0.1", "1")
                assert not await one.shared.remove(["a"])
                assert not one.shared.trusted
                # No server is promoted yet: a replica does not count as available.
                assert await one.shared.identify() is None
                assert one.shared.refused == "NotPrimary"
                with pytest.raises(FAILURES):
                    async with one.shared.subscribe():
                        pass
                await proxies.lead_to("redis", other.port)
                assert await one.shared.identify() is not None
                assert await one.shared.remove(["a"])
                assert await sessions.get("0" * 64) is None
        finally:
            other.stop()


async def test_a_session_is_read_from_the_promoted_server(proxies: Proxies, valkey: PrivateValkey) -> None:
    """Reading a session is a write: after the demoted server's rejection the command is retried on a new connection."""
    with private_folder() as folder:
        other = PrivateValkey(folder)
        try:
            port = await proxies.open("redis", valkey.port)
            async with table_caches(
                Settings(redis_url=f"redis://:{PASSWORD}@127.0.0.1:{port}", **PATIENT)
            ) as one:
                sessions = Sessions(one.shared.client, Settings())
                assert await sessions.get("0" * 64) is None
                valkey.command("REPLICAOF", "127.0.0.1", str(other.port))
                await proxies.lead_to("redis", other.port)
                assert await sessions.get("0" * 64) is None
        finally:
            other.stop()
