from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from tests.integration.cache.instance import Instance, instance
from tests.servers import PrivateValkey

# Generous: these tests are about order, not about how fast a busy machine is.
PATIENT = {"redis_timeout": 2.0, "redis_connect_timeout": 2.0}


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[Instance]:
    """The instance that takes the writes."""
    async with instance(Settings(redis_url=redis_url, **PATIENT)) as opened:
        yield opened


@pytest.fixture
async def there(redis_url: str) -> AsyncIterator[Instance]:
    """Another instance on the same Redis."""
    async with instance(Settings(redis_url=redis_url, **PATIENT)) as opened:
        yield opened


@pytest.fixture
async def fragile(valkey: PrivateValkey) -> AsyncIterator[Instance]:
    """An instance whose Redis is about to suffer."""
    async with instance(Settings(redis_url=valkey.url)) as opened:
        yield opened
