"""What an instance remembers is given out only while it is known that nothing was missed."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from uuid import UUID

import psutil
from msgspec.structs import replace

from app.db import outbox
from app.db.pool import Pool
from app.domain import tags
from app.domain.entry import DnoYear
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests import factories as make
from tests.instances import Instance as Server
from tests.integration.jobs.instances import Instance, caches
from tests.integration.jobs.instances import instance as an_instance
from tests.proxy import Proxies
from tests.servers import PrivateValkey
from tests.waiting import until

TAG = "operator:1"
# How old what is given out may be: four missed heartbeats, and what a busy machine needs.
BOUND = 1.2
QUESTION = '{ dno(slug: "%s") { tariff(year: 2025, voltageLevel: MS) { leistung } } }'


async def test_a_frozen_instance_does_not_answer_from_before_when_it_wakes(
    pool: Pool, instance: Callable[..., Server]
) -> None:
    """Its clients' requests wait in the sockets, beside the invalidations that it has not read yet."""
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno, year=2025)
    other, frozen = instance(), instance()
    with Client(other, dno.slug) as elsewhere, Client(frozen, dno.slug) as client:
        for price in ("71.00", "72.00", "73.00", "74.00"):
            # In memory by now: as a record, as a fragment, as a whole answer, behind a known head.
            for _ in range(5):
                client.ask()
                client.answer()
            with frozen_as_a_whole(frozen):
                await set_price(pool, tariff.id, price)
                await until(lambda price=price: asked(elsewhere) == price)  # type: ignore[misc]
                await asyncio.sleep(BOUND)
                client.ask()
            assert client.answer() == price


async def test_a_channel_that_lags_more_and_more_is_noticed(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """Its messages come often enough, each of them later than the one before."""
    direct = replace(settings, redis_url=valkey.url)
    async with Proxies() as proxies:
        port = await proxies.open("late", port_of(valkey))
        behind = replace(settings, redis_url=valkey.url.replace(f":{port_of(valkey)}", f":{port}"))
        async with an_instance(direct) as writer, an_instance(behind) as late:
            remember(late)
            for tenths in range(1, 31):
                await proxies.lag("late", down=tenths * 0.2, only_channels=True)
                await asyncio.sleep(0.1)
                if late.memory.get(TAG) is None:
                    break
            await proxies.lag("late", down=6, only_channels=True)
            assert await writer.invalidator.invalidate([TAG])
            await until(lambda: late.memory.get(TAG) is None, BOUND)


async def test_a_redis_that_passes_nothing_on_is_noticed(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """It takes messages, and answers all else."""
    async with Proxies() as proxies:
        port = await proxies.open("mute", port_of(valkey))
        behind = replace(settings, redis_url=valkey.url.replace(f":{port_of(valkey)}", f":{port}"))
        async with an_instance(behind) as deaf:
            remember(deaf)
            await proxies.lag("mute", down=600, only_channels=True)
            await until(lambda: deaf.memory.get(TAG) is None, BOUND + 1)


async def test_l2_is_not_read_on_the_word_of_a_look_from_long_ago(pool: Pool, settings: Settings) -> None:
    """As on an instance that wakes: nothing has told it that trust was lost meanwhile."""
    async with caches(settings) as one:
        async with Supervisor(one.jobs(hears=False), stop_timeout=5):
            await until(lambda: one.shared.trusted)
        assert one.shared.distrust_reason is None
        await until(lambda: not one.shared.trusted, BOUND)
        assert await one.shared.lease_many([TAG]) == {}


async def test_what_waits_for_delivery_ends_trust_in_l2_and_is_evicted_from_l1(
    pool: Pool, settings: Settings
) -> None:
    """An event waits in the outbox, and neither this relay nor another one can take it."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with an_instance(settings) as one:
        await emptied(pool)
        tag = tags.tariffs(DnoYear(tariff.dno_id, tariff.year))
        remember(one, tag)
        async with pool.connection() as other, other.transaction():
            await other.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await until(lambda: outbox.may_relay(other))
            await set_price(pool, tariff.id, "60")
            await until(lambda: not one.shared.trusted, BOUND + 1)
            assert one.validity.failed_proof == "an event waits to be delivered"
            await until(lambda: one.memory.get(tag) is None and one.memory.enabled)
        await until(lambda: one.memory.enabled and one.shared.trusted)


async def emptied(pool: Pool) -> None:
    async with asyncio.timeout(10):
        while await pool.fetch("SELECT id FROM outbox LIMIT 1"):
            await asyncio.sleep(0.01)


def remember(one: Instance, tag: str = TAG) -> None:
    assert one.memory.keep(tag, "old", size=1, tags=(tag,), until=inf, since=one.memory.now())


def port_of(valkey: PrivateValkey) -> int:
    return int(valkey.url.rpartition(":")[2].partition("/")[0])


async def set_price(pool: Pool, entry_id: UUID, price: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(f"UPDATE netzentgelte_data SET leistung = {price} WHERE id = $1", entry_id)


@contextmanager
def frozen_as_a_whole(server: Server) -> Iterator[None]:
    family = [psutil.Process(server.process.pid), *server.family]
    for process in family:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(family):
            os.kill(process.pid, signal.SIGCONT)


def asked(client: "Client") -> str:
    client.ask()
    return client.answer()


class Client:
    """One connection that stays open, and always the same request."""

    def __init__(self, server: Server, slug: str) -> None:
        body = json.dumps({"query": QUESTION % slug}).encode()
        self._request = (
            b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"accept: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        )
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self) -> None:
        self._socket.sendall(self._request)

    def answer(self) -> str:
        assert self._file.readline().split()[1] == b"200"
        length = 0
        while (line := self._file.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        answer = json.loads(self._file.read(length))
        leistung: str = answer["data"]["dno"]["tariff"]["leistung"]
        return leistung
