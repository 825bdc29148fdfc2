"""Servers, writers, readers, subscribers and faults, for a given time and seed."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tests.consistency.clients import Clients
from tests.consistency.faults import Faults
from tests.consistency.fleet import Fleet
from tests.consistency.judge import Bounds, Verdict, judge
from tests.consistency.operations import Log
from tests.consistency.seed import harvest, plant, untold
from tests.servers import PrivatePostgres, PrivateValkey


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    seconds: float
    instances: int
    seed: int
    operators: int = 3
    writers: int = 3
    readers: int = 2  # of each instance
    subscribers: int = 2  # of each instance
    pause: float = 3  # between two faults, on average


async def run(plan: Plan, folder: Path, postgres: PrivatePostgres, valkey: PrivateValkey) -> Verdict:
    random = Random(plan.seed)
    log = Log(folder / "operations.jsonl")
    prices = await plant(postgres.url, plan.operators)
    async with Fleet(postgres.url, valkey.url, folder) as fleet:
        await fleet.grow(plan.instances)
        clients = Clients(fleet, prices, log, random)
        await clients.learn_ids()
        faults = Faults(postgres, valkey, fleet, clients, prices, log, random)
        places = range(plan.instances)
        listening = [
            clients.listen_for_ever(place, f"subscriber {place}.{number}")
            for place in places
            for number in range(plan.subscribers)
        ]
        reading = [clients.read_for_ever(place) for place in places for _ in range(plan.readers)]
        writing = [clients.write_for_ever() for _ in range(plan.writers)]
        writing.append(clients.write_by_hand_for_ever(postgres.url))
        async with _together([*listening, *reading]):
            await asyncio.sleep(Bounds().settling)
            async with _together(writing):
                await faults.happen(plan.seconds, plan.pause)
            await _until_all_is_told(postgres.url)
            await asyncio.sleep(Bounds().telling + 1)
    for entry in await harvest(postgres.url, prices):
        log.add(entry)
    log.close()
    return judge(log.records)


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
            raise AssertionError("somebody did not go on") from end


async def _until_all_is_told(database_url: str) -> None:
    async with asyncio.timeout(30):
        while await untold(database_url):
            await asyncio.sleep(0.05)
