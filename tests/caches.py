"""The caches of one instance, wired as in `app/resources.py`, without HTTP and without jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from app.cache.invalidator import Invalidator
from app.cache.memory import Memory
from app.cache.read_through import ReadThrough
from app.cache.redis import SharedCache, open_redis
from app.db.pool import Pool
from app.settings import Settings


@dataclass(eq=False)
class Caches:
    settings: Settings
    pool: Pool
    shared: SharedCache
    memory: Memory
    read_through: ReadThrough
    invalidator: Invalidator


C = TypeVar("C", bound=Caches)


@asynccontextmanager
async def open_caches(kind: type[C], settings: Settings, pool: Any) -> AsyncIterator[C]:
    """L1 is off and L2 is not trusted. `pool` may be None for regions that do not read PostgreSQL."""
    async with open_redis(settings) as shared:
        memory = Memory(settings.memory_cache_size, settings.memory_cache_lifetime)
        read_through = ReadThrough(memory, shared, pool, settings)
        try:
            yield kind(
                settings, pool, shared, memory, read_through, Invalidator(memory, read_through, shared)
            )
        finally:
            await read_through.close()
