"""Writers, readers and a failing Redis in thousands of orders: nobody is served what an answered write replaced."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest

from app.cache.failures import FAILURES
from app.cache.message import decode
from app.cache.read_set import ReadSet
from app.cache.region import Region
from app.settings import Settings
from tests.integration.cache.instance import Instance, instance
from tests.servers import PrivateValkey

KEYS = range(4)


class World:
    """A database whose readers take their time, an outbox, and for each instance what it has answered."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.versions = dict.fromkeys(KEYS, 0)
        self.outbox: list[str] = []
        self.region: Region[int, int] = Region(
            f"world{seed}", int, lambda key: f"world{seed}:{key}", self._fetch, lambda _, __: 60
        )

    async def _fetch(self, _: object, keys: Sequence[int]) -> dict[int, int]:
        await self.pause(0.003)
        seen = {key: self.versions[key] for key in keys if self.versions[key]}
        await self.pause(0.006)
        return seen

    async def pause(self, most: float) -> None:
        await asyncio.sleep(self.random.choice((0, self.random.uniform(0, most))))

    async def write(self, one: Instance, answered: dict[int, int]) -> None:
        key = self.random.choice(KEYS)
        tag = self.region.tag(key)
        self.versions[key] += 1
        version = self.versions[key]
        self.outbox.append(tag)
        if self.random.random() < 0.9:  # else it was psql, or died before it could tell
            await one.invalidator.invalidate([tag])
            answered[key] = max(answered[key], version)

    async def read(self, one: Instance, answered: dict[int, int]) -> None:
        keys = self.random.sample(KEYS, self.random.choice((1, 2, 4)))
        before = {key: answered[key] for key in keys}
        found: dict[int, Any] = await one.cache.get_many(self.region, keys, ReadSet())
        for key in keys:
            assert (found[key] or 0) >= before[key], f"{key}: {found[key]} after {before[key]} was answered"

    async def relay(self, instances: Sequence[Instance]) -> None:
        while True:
            for one in instances:
                distrust_count = one.shared.distrust_count
                if await one.shared.identify() is not None:
                    await self._deliver(one)
                    if not self.outbox:
                        one.shared.trust(distrust_count)
            await asyncio.sleep(0.005)

    async def _deliver(self, one: Instance) -> None:
        taken = list(self.outbox)
        if taken and await one.invalidator.invalidate(taken):
            del self.outbox[: len(taken)]


async def listen(one: Instance) -> None:
    while True:
        try:
            async with one.shared.subscribe() as channel:
                one.memory.switch_on()
                while data := await channel.next(1):
                    message = decode(data)
                    assert message is not None
                    one.invalidator.evict(message.tags)
        except FAILURES:
            pass
        finally:
            one.memory.switch_off()
        await asyncio.sleep(0.005)


async def torment(world: World, valkey: PrivateValkey) -> None:
    while True:
        await asyncio.sleep(world.random.uniform(0.05, 0.2))
        valkey.pause()
        await asyncio.sleep(world.random.choice((0.01, 0.05, 0.15)))
        valkey.resume()


@pytest.mark.parametrize("failing", [False, True], ids=["healthy", "freezing"])
@pytest.mark.parametrize("seed", range(2))
async def test_nobody_reads_what_an_answered_write_has_replaced(
    seed: int, failing: bool, valkey: PrivateValkey
) -> None:
    world = World(seed)
    settings = Settings(redis_url=valkey.url, redis_timeout=0.03, lease_timeout=0.01, breaker_timeout=0.02)
    async with instance(settings) as one, instance(settings) as other:
        instances = (one, other)
        # Each knows what it has answered itself; what the other has, it may learn a moment later.
        answered = [dict.fromkeys(KEYS, 0) for _ in instances]

        async def client(number: int) -> None:
            mine = number % 2
            for _ in range(150):
                act = world.write if world.random.random() < 0.15 else world.read
                await act(instances[mine], answered[mine])
                await world.pause(0.004)

        background = [asyncio.create_task(listen(each)) for each in instances]
        background.append(asyncio.create_task(world.relay(instances)))
        if failing:
            background.append(asyncio.create_task(torment(world, valkey)))
        try:
            await asyncio.gather(*(client(number) for number in range(12)))
            await _settle(world, instances)
            for each in instances:
                found = await each.cache.get_many(world.region, KEYS, ReadSet())
                assert {key: version or 0 for key, version in found.items()} == world.versions
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            valkey.resume()


async def _settle(world: World, instances: Sequence[Instance]) -> None:
    async with asyncio.timeout(20):
        while world.outbox or not all(one.shared.trusted and one.memory.enabled for one in instances):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
