"""Writers, readers and a failing Redis in thousands of orders: no reader gets a value that an answered write replaced."""

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
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.servers import PrivateValkey
from tests.waiting import until

KEYS = range(4)


class Model:
    """A database with slow readers, an outbox, and for each instance the versions that it has returned."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.versions = dict.fromkeys(KEYS, 0)
        self.outbox: list[str] = []
        self.region: Region[int, int] = Region(
            f"model{seed}", int, lambda key: f"model{seed}:{key}", self._fetch, lambda _, __: 60
        )

    async def _fetch(self, _: object, keys: Sequence[int]) -> dict[int, int]:
        await self.pause(0.003)
        seen = {key: self.versions[key] for key in keys if self.versions[key]}
        await self.pause(0.006)
        return seen

    async def pause(self, most: float) -> None:
        await asyncio.sleep(self.random.choice((0, self.random.uniform(0, most))))

    async def write(self, one: TableCaches, answered: dict[int, int]) -> None:
        key = self.random.choice(KEYS)
        tag = self.region.tag(key)
        self.versions[key] += 1
        version = self.versions[key]
        self.outbox.append(tag)
        if self.random.random() < 0.9:  # else it was psql, or a process that died before it invalidated
            await one.invalidator.invalidate([tag])
            answered[key] = max(answered[key], version)

    async def read(self, one: TableCaches, answered: dict[int, int]) -> None:
        keys = self.random.sample(KEYS, self.random.choice((1, 2, 4)))
        before = {key: answered[key] for key in keys}
        found: dict[int, Any] = await one.read_through.get_many(self.region, keys, ReadSet())
        for key in keys:
            assert (found[key] or 0) >= before[key], f"{key}: {found[key]} after {before[key]} was answered"

    async def relay(self, instances: Sequence[TableCaches]) -> None:
        while True:
            for one in instances:
                distrust_count = one.shared.distrust_count
                if await one.shared.identify() is not None:
                    await self._deliver(one)
                    if not self.outbox:
                        one.shared.trust(distrust_count)
            await asyncio.sleep(0.005)

    async def _deliver(self, one: TableCaches) -> None:
        taken = list(self.outbox)
        if taken and await one.invalidator.invalidate(taken):
            del self.outbox[: len(taken)]


async def listen(one: TableCaches) -> None:
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


async def freeze_repeatedly(model: Model, valkey: PrivateValkey) -> None:
    while True:
        await asyncio.sleep(model.random.uniform(0.05, 0.2))
        valkey.pause()
        await asyncio.sleep(model.random.choice((0.01, 0.05, 0.15)))
        valkey.resume()


@pytest.mark.parametrize("failing", [False, True], ids=["healthy", "freezing"])
@pytest.mark.parametrize("seed", range(2))
async def test_no_reader_gets_a_value_that_an_answered_write_has_replaced(
    seed: int, failing: bool, valkey: PrivateValkey
) -> None:
    model = Model(seed)
    settings = Settings(redis_url=valkey.url, redis_timeout=0.03, lease_timeout=0.01, breaker_timeout=0.02)
    async with table_caches(settings) as one, table_caches(settings) as other:
        instances = (one, other)
        # Each instance must see its own answered writes at once, those of the other one a moment later.
        answered = [dict.fromkeys(KEYS, 0) for _ in instances]

        async def client(number: int) -> None:
            mine = number % 2
            for _ in range(150):
                act = model.write if model.random.random() < 0.15 else model.read
                await act(instances[mine], answered[mine])
                await model.pause(0.004)

        background = [asyncio.create_task(listen(each)) for each in instances]
        background.append(asyncio.create_task(model.relay(instances)))
        if failing:
            background.append(asyncio.create_task(freeze_repeatedly(model, valkey)))
        try:
            await asyncio.gather(*(client(number) for number in range(12)))
            await _settle(model, instances)
            for each in instances:
                found = await each.read_through.get_many(model.region, KEYS, ReadSet())
                assert {key: version or 0 for key, version in found.items()} == model.versions
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            valkey.resume()


async def _settle(model: Model, instances: Sequence[TableCaches]) -> None:
    await until(
        lambda: not model.outbox and all(one.shared.trusted and one.memory.enabled for one in instances)
    )
    await asyncio.sleep(0.05)
