from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from tests.integration.cache.table_caches import TableCaches, table_caches
from tests.servers import PrivateValkey
from tests.waiting import PATIENT


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[TableCaches]:
    """The instance that makes the writes. Its leases do not expire while a busy machine delays the test."""
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), lease_lifetime=60) as opened:
        yield opened


@pytest.fixture
async def there(redis_url: str) -> AsyncIterator[TableCaches]:
    """Another instance on the same Redis."""
    async with table_caches(Settings(redis_url=redis_url, **PATIENT), lease_lifetime=60) as opened:
        yield opened


@pytest.fixture
async def fragile(valkey: PrivateValkey) -> AsyncIterator[TableCaches]:
    """An instance with a Redis of its own, for tests that stop or reconfigure it."""
    async with table_caches(Settings(redis_url=valkey.url)) as opened:
        yield opened
