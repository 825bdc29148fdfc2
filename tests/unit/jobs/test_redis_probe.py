"""Redis is probed while it is trusted."""

import asyncio
from math import inf

import pytest

from app.jobs.redis_probe import RedisProbe
from tests.unit.jobs.instance import Instance
from tests.unit.jobs.periodic import RUNS, Pauses


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    return Pauses(monkeypatch)


async def test_redis_is_probed_in_each_interval_while_it_is_trusted(
    one: Instance, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed: list[int] = []

    async def identify() -> str:
        probed.append(len(pauses.requested))
        return "server"

    monkeypatch.setattr(one.shared, "identify", identify)
    one.shared.valid_until = inf

    def trust_from_the_third_pause_to_the_fifth() -> None:
        if len(pauses.requested) == 3:
            one.shared.trust()
        if len(pauses.requested) == 6:
            one.shared.distrust("a test")

    pauses.between = trust_from_the_third_pause_to_the_fifth
    with pytest.raises(asyncio.CancelledError):
        await RedisProbe(one.shared, every=0.75).run()
    assert pauses.requested == [0.75] * RUNS
    assert probed == [3, 4, 5]
