"""The proxy of the tests, with real clients and servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.proxy import Proxies
from tests.servers import PASSWORD, PrivateValkey


@pytest.fixture
async def proxies() -> AsyncIterator[Proxies]:
    async with Proxies() as running:
        yield running


def _client(port: int) -> Redis:
    return Redis(port=port, password=PASSWORD, socket_timeout=5)


async def test_a_connection_stays_with_its_server_after_a_redirection(
    proxies: Proxies, valkey: PrivateValkey, redis_url: str
) -> None:
    port = await proxies.open("a", valkey.port)
    async with _client(port) as client:
        first = (await client.info("server"))["run_id"]
        await proxies.lead_to("a", int(redis_url.rpartition(":")[2].partition("/")[0]))
        assert (await client.info("server"))["run_id"] == first


async def test_cut_reset_and_held_connections_carry_no_more_data(
    proxies: Proxies, valkey: PrivateValkey
) -> None:
    port = await proxies.open("a", valkey.port)
    for end, raised in (
        (proxies.cut, "IncompleteReadError"),
        (proxies.reset, "ConnectionResetError"),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"PING\r\n")
        await reader.readline()
        await end("a")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)) as caught:
            await reader.readexactly(1)
        assert caught.type.__name__ == raised
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    await proxies.hold("a")
    async with Redis(port=port, password=PASSWORD, socket_timeout=0.3, retry=None) as client:
        with pytest.raises(RedisError):
            await client.ping()
        await proxies.release("a")
        await client.ping()


async def test_a_lag_of_channels_keeps_order_and_does_not_delay_commands(
    proxies: Proxies, valkey: PrivateValkey
) -> None:
    port = await proxies.open("a", valkey.port)
    async with _client(port) as client, client.pubsub() as channel:
        await channel.subscribe("c")
        assert await channel.get_message(timeout=5) is not None
        await proxies.lag("a", down=1, only_channels=True)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await client.publish("c", 0)
        assert loop.time() - began < 0.9
        waiting = asyncio.create_task(channel.get_message(timeout=10))
        assert not (await asyncio.wait([waiting], timeout=0.5))[0]
        await proxies.lag("a")
        await client.publish("c", 1)
        received = [await waiting, await channel.get_message(timeout=10)]
        assert [message["data"] for message in received if message] == [b"0", b"1"]
        assert loop.time() - began >= 0.9
