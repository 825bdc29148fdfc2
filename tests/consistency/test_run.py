"""A short run, as CI has time for; `python -m tests.consistency` runs a long one."""

from pathlib import Path

import pytest

from tests.consistency.__main__ import report
from tests.consistency.run import Plan, run
from tests.servers import PrivatePostgres, PrivateValkey


@pytest.mark.timeout(240)
async def test_every_promise_is_kept_whatever_fails(
    private_postgres: PrivatePostgres, valkey: PrivateValkey, tmp_path: Path
) -> None:
    plan = Plan(seconds=15, instances=2, seed=1, pause=1)
    verdict = await run(plan, tmp_path, private_postgres, valkey)
    assert not verdict.violations, report(plan, verdict)
    assert verdict.counts["Fault"] >= 3
