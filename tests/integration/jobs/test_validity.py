"""Cached values are used only while the instance is known to have missed no invalidation."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
from msgspec.structs import replace

from app.db.pool import Pool
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests import factories as make
from tests.integration.jobs.caches_with_jobs import caches, running_caches
from tests.integration.jobs.changes import TAG, keep_in_l1, relay_lock_held, tag_of, update_by_sql
from tests.proxy import Proxies
from tests.server_process import ServerProcess
from tests.servers import PrivateValkey
from tests.waiting import until, until_delivered

# Seconds that an outdated value may be used: four missed heartbeats, and a margin for a busy machine.
BOUND = 1.2
QUESTION = '{ dno(slug: "%s") { tariff(year: 2025, voltageLevel: MS) { leistung } } }'


async def test_a_frozen_instance_serves_no_outdated_value_when_it_resumes(
    pool: Pool, instance: Callable[..., ServerProcess]
) -> None:
    """Its clients' requests wait in the sockets, beside the invalidations that it has not read yet."""
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno, year=2025)
    other, frozen = instance(), instance()
    with Client(other, dno.slug) as elsewhere, Client(frozen, dno.slug) as client:
        for price in ("71.00", "72.00", "73.00", "74.00"):
            # By now in memory as a record, a fragment, a whole response, and under a cached request head.
            for _ in range(5):
                client.ask()
                client.answer()
            with suspended(frozen):
                await update_by_sql(pool, tariff.id, price)
                await until(lambda price=price: ask_and_read(elsewhere) == price)  # type: ignore[misc]
                await asyncio.sleep(BOUND)
                client.ask()
            assert client.answer() == price


async def test_a_channel_with_growing_lag_is_detected(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """Its messages arrive often enough, each later than the one before."""
    direct = replace(settings, redis_url=valkey.url)
    async with Proxies() as proxies:
        port = await proxies.open("late", port_of(valkey))
        behind = replace(settings, redis_url=valkey.url.replace(f":{port_of(valkey)}", f":{port}"))
        async with running_caches(direct) as writer, running_caches(behind) as late:
            keep_in_l1(late)
            for tenths in range(1, 31):
                await proxies.lag("late", down=tenths * 0.2, only_channels=True)
                await asyncio.sleep(0.1)
                if late.memory.get(TAG) is None:
                    break
            await proxies.lag("late", down=6, only_channels=True)
            assert await writer.invalidator.invalidate([TAG])
            await until(lambda: late.memory.get(TAG) is None, BOUND)


async def test_a_redis_that_forwards_no_message_is_detected(
    pool: Pool, settings: Settings, valkey: PrivateValkey
) -> None:
    """It accepts messages, and executes all other commands."""
    async with Proxies() as proxies:
        port = await proxies.open("mute", port_of(valkey))
        behind = replace(settings, redis_url=valkey.url.replace(f":{port_of(valkey)}", f":{port}"))
        async with running_caches(behind) as muted:
            keep_in_l1(muted)
            await proxies.lag("mute", down=600, only_channels=True)
            await until(lambda: muted.memory.get(TAG) is None, BOUND + 1)


async def test_l2_is_not_read_on_an_outdated_look_at_the_outbox(pool: Pool, settings: Settings) -> None:
    """As on a resumed instance, which has not been notified that trust was lost meanwhile."""
    async with caches(settings) as one:
        async with Supervisor(one.jobs(subscribes=False), stop_timeout=5):
            await until(lambda: one.shared.trusted)
        assert one.shared.distrust_reason is None
        await until(lambda: not one.shared.trusted, BOUND)
        assert await one.shared.lease_many([TAG]) == {}


async def test_an_undelivered_event_ends_trust_in_l2_and_is_evicted_from_l1(
    pool: Pool, settings: Settings
) -> None:
    """An event waits in the outbox, and no relay can deliver it."""
    tariff = await make.tariff(pool, await make.dno(pool))
    async with running_caches(settings) as one:
        await until_delivered(pool)
        tag = tag_of(tariff)
        keep_in_l1(one, tag)
        async with relay_lock_held(pool):
            await update_by_sql(pool, tariff.id, "60")
            await until(lambda: not one.shared.trusted, BOUND + 1)
            assert one.validity.failed_proof == "an event waits to be delivered"
            await until(lambda: one.memory.get(tag) is None and one.memory.enabled)
        await until(lambda: one.memory.enabled and one.shared.trusted)


def port_of(valkey: PrivateValkey) -> int:
    return int(valkey.url.rpartition(":")[2].partition("/")[0])


@contextmanager
def suspended(server: ServerProcess) -> Iterator[None]:
    processes = [psutil.Process(server.process.pid), *server.family]
    for process in processes:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(processes):
            os.kill(process.pid, signal.SIGCONT)


def ask_and_read(client: "Client") -> str:
    client.ask()
    return client.answer()


class Client:
    """One persistent connection and one repeated request."""

    def __init__(self, server: ServerProcess, slug: str) -> None:
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
