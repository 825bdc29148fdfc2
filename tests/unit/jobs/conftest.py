"""An instance without servers, for every test that requests it."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.jobs.instance import Instance, open_instance


@pytest.fixture
async def one() -> AsyncIterator[Instance]:
    async with open_instance() as made:
        yield made
