"""Servers, writers, readers, subscribers and faults, for a given time and seed."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import msgspec

from tests.consistency.clients import Clients
from tests.consistency.faults import Faults
from tests.consistency.fleet import Fleet
from tests.consistency.judge import Bounds, Verdict, judge
from tests.consistency.operations import RECORD, Failure, Log
from tests.consistency.scene import Scene
from tests.consistency.seed import harvest, plant, undelivered
from tests.consistency.topologies import TOPOLOGIES, Servers
from tests.consistency.waits import Waits
from tests.proxy import Proxies
from tests.servers import PostgresPair, private_folder

DELIVERY = 30.0  # seconds after the last write within which every event is out of the outbox


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    seconds: float
    instances: int
    seed: int
    topology: str = "one"
    kinds: tuple[str, ...] = ()  # of faults; empty: all
    each_once: bool = False  # goes on until each kind has happened
    operators: int = 3
    writers: int = 3
    readers: int = 2  # of each instance
    edge_readers: int = 4
    subscribers: int = 2  # of each instance
    pause: float = 3  # between two faults, on average
    brevity: float = 1  # below 1, faults are shorter


async def run(plan: Plan, folder: Path, pair: PostgresPair) -> Verdict:
    with closing(Log(folder / RECORD)) as log, private_folder() as place:
        async with Proxies() as proxies, TOPOLOGIES[plan.topology](place, pair, proxies, log) as servers:
            await _play(plan, folder, servers, proxies, log)
            for entry in await harvest(pair.url):
                log.add(entry)
    return judge(log.records)


async def _play(plan: Plan, folder: Path, servers: Servers, proxies: Proxies, log: Log) -> None:
    postgres, redis, edge = servers
    prices = await plant(postgres.url, plan.operators)
    async with Fleet(
        postgres.url_for, redis.url_for, folder, settings=await edge.open() if edge else None
    ) as fleet:
        await fleet.grow(plan.instances)
        if edge:
            await edge.start(fleet.instances)
        clients = Clients(fleet, prices, log, Random(f"clients {plan.seed}"))
        # A generator of its own: the order of the faults depends on the seed alone.
        random = Random(f"faults {plan.seed}")
        scene = Scene(postgres, redis, proxies, fleet, clients, prices, log, random, edge=edge)
        faults = Faults(scene, only=plan.kinds)

        def watched() -> Mapping[str, int]:
            shared = {f"redis {number}": pid for number, pid in enumerate(redis.pids)}
            instances = {instance.name: instance.process.pid for instance in fleet.instances}
            at_edge = {f"edge {number}": pid for number, pid in enumerate(edge.pids if edge else ())}
            return instances | shared | at_edge | {"proxies": proxies.pid}

        listening = [
            clients.listen_for_ever(place, f"subscriber {place}.{number}")
            for place in range(plan.instances)
            for number in range(plan.subscribers)
        ]
        listening += [
            clients.listen_for_ever(place, f"subscriber {place} of levies", to_levies=True)
            for place in range(plan.instances)
        ]
        reading = [
            clients.read_for_ever(place) for place in range(plan.instances) for _ in range(plan.readers)
        ]
        if edge:
            reading += [clients.read_at_edge_for_ever(edge.reader) for _ in range(plan.edge_readers)]
        writing = [clients.write_for_ever() for _ in range(plan.writers)]
        writing += [clients.write_by_hand_for_ever(postgres), clients.change_tempo_for_ever()]
        writing += [clients.import_for_ever()]
        async with _together([*listening, *reading, Waits(log, watched).measure_for_ever()]):
            await asyncio.sleep(Bounds().settling)
            async with _together(writing):
                await faults.happen(plan.seconds, plan.pause, each_once=plan.each_once)
            await _until_outbox_is_empty(postgres.url, log)
            if edge:
                await edge.until_purged()
            await asyncio.sleep(Bounds().delivery + 1)


@asynccontextmanager
async def _together(those: Sequence[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """They go on until the block ends; a mistake in one of them is a mistake in the checker."""
    tasks = [asyncio.create_task(one) for one in those]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ended:
        if not isinstance(end, asyncio.CancelledError):
            raise AssertionError("a client stopped") from end


async def _until_outbox_is_empty(database_url: str, log: Log) -> None:
    started = monotonic()
    while events := await undelivered(database_url):
        if monotonic() > started + DELIVERY:
            why = f"the outbox still holds {events} events"
            return log.add(
                Failure(instance="", started=monotonic(), ended=monotonic(), what="relay", why=why)
            )
        await asyncio.sleep(0.05)
    return None
