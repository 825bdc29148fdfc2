from collections.abc import AsyncIterator

import msgspec
import pytest

from app.db.pool import Pool
from app.settings import Settings
from tests.integration.auth.services import CHEAP, AuthServices, open_auth_services


@pytest.fixture
def cheap(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, **CHEAP)


@pytest.fixture
async def auth(pool: Pool, cheap: Settings) -> AsyncIterator[AuthServices]:
    async with open_auth_services(pool, cheap) as opened:
        yield opened
