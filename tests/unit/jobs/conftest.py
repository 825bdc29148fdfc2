"""An instance without servers, and the pauses of a job, for every test that requests them."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.jobs.instance import Instance, open_instance
from tests.unit.jobs.periodic import Pauses


@pytest.fixture
async def one() -> AsyncIterator[Instance]:
    async with open_instance() as made:
        yield made


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    return Pauses(monkeypatch)
