"""A short run of all attacks: what stays in memory is bounded, and no request of the probe client fails."""

from pathlib import Path

import pytest

from tests.hostile.attack import Target
from tests.hostile.attacks.catalogue import ATTACKS
from tests.hostile.run import MAX_MEMORY_THAT_STAYS, Cost, run_all, table
from tests.hostile.server import server_on


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("pool")
async def test_no_attack_leaves_much_behind_or_fails_the_probe_client(
    database_url: str, redis_url: str, folder: Path
) -> None:
    with server_on(database_url, redis_url, folder) as instance:
        target = Target("127.0.0.1", instance.port, scale=0.05, seconds=8, hold=0.5)
        costs = await run_all(ATTACKS, target, pause=0.3)
    assert len(costs) == len(ATTACKS)
    assert [cost.error for cost in costs if cost.error] == []
    assert [_name(cost) for cost in costs if cost.failed] == [], table(costs)
    assert [_name(cost) for cost in costs if cost.stays > MAX_MEMORY_THAT_STAYS] == [], table(costs)


def _name(cost: Cost) -> str:
    return cost.attack.name
