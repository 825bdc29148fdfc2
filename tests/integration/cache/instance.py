"""What one instance of the server has of caches, without the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from app.cache.invalidator import Invalidator
from app.cache.memory import Memory
from app.cache.read_set import ReadSet
from app.cache.read_through import ReadThrough
from app.cache.redis import SharedCache, open_redis
from app.settings import Settings
from tests.integration.cache.table import Table


@dataclass
class Instance:
    memory: Memory
    shared: SharedCache
    cache: ReadThrough
    invalidator: Invalidator

    async def read(self, table: Table, *keys: str) -> dict[str, str | None]:
        return await self.cache.get_many(table.region, keys, ReadSet())

    async def one(self, table: Table, key: str) -> str | None:
        return (await self.read(table, key))[key]

    def in_memory(self, table: Table, key: str) -> Any:
        entry = self.memory.get(table.tag(key))
        return entry and entry.value

    async def in_redis(self, table: Table, key: str) -> bytes | None:
        return (await self.shared.get_many([table.tag(key)])).get(table.tag(key))


@asynccontextmanager
async def instance(settings: Settings, pool: Any = None, **changes: Any) -> AsyncIterator[Instance]:
    settings = msgspec.structs.replace(settings, **changes)
    async with open_redis(settings) as shared:
        shared.trust(shared.distrust_count)
        memory = Memory(settings.memory_cache_size, settings.memory_cache_lifetime)
        memory.switch_on()
        cache = ReadThrough(memory, shared, pool, settings)
        try:
            yield Instance(memory, shared, cache, Invalidator(memory, cache, shared))
        finally:
            await cache.close()
