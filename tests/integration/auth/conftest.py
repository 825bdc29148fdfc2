from collections.abc import AsyncIterator

import msgspec
import pytest

from app.db.pool import Pool
from app.settings import Settings
from tests.integration.auth.gate import CHEAP, Gate, open_gate


@pytest.fixture
def cheap(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, **CHEAP)


@pytest.fixture
async def gate(pool: Pool, cheap: Settings) -> AsyncIterator[Gate]:
    async with open_gate(pool, cheap) as opened:
        yield opened
