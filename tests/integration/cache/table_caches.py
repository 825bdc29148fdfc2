"""The caches of one instance, switched on, with reads of a `Table`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from app.cache.read_set import ReadSet
from app.settings import Settings
from tests.caches import Caches, open_caches
from tests.integration.cache.table import Table


class TableCaches(Caches):
    async def read(self, table: Table, *keys: str) -> dict[str, str | None]:
        return await self.read_through.get_many(table.region, keys, ReadSet())

    async def one(self, table: Table, key: str) -> str | None:
        return (await self.read(table, key))[key]

    def in_memory(self, table: Table, key: str) -> Any:
        entry = self.memory.get(table.tag(key))
        return entry and entry.value

    async def in_redis(self, table: Table, key: str) -> bytes | None:
        return (await self.shared.get_many([table.tag(key)])).get(table.tag(key))


@asynccontextmanager
async def table_caches(settings: Settings, pool: Any = None, **changes: Any) -> AsyncIterator[TableCaches]:
    """L1 is on and L2 is trusted, without jobs."""
    settings = msgspec.structs.replace(settings, **changes)
    async with open_caches(TableCaches, settings, pool) as caches:
        caches.shared.trust(caches.shared.distrust_count)
        caches.memory.switch_on()
        yield caches
