"""Short runs with a fixed seed, as CI has time for; `python -m tests.consistency` runs long ones.

Each kind of fault happens once, under that way of running the servers under which it means most.
"""

from pathlib import Path

import pytest

from tests.consistency.__main__ import report
from tests.consistency.clients import REVISIONS
from tests.consistency.operations import RECORD, Outcome, Read, Subscription, Write, read_log
from tests.consistency.run import Plan, run
from tests.consistency.seed import LEVELS
from tests.servers import PostgresPair
from tests.varnish import MISSING

REFUSALS = (
    "too_few_replicas",
    "failed_save",
    "replica_of_an_absent_primary",
    "no_permission",
    "out_of_memory",
)
KINDS = {
    "one": (
        "freeze_redis",
        "kill_redis",
        "flush_redis",
        "replace_redis_by_one_with_stale_keys",
        "demote_behind_one_address",
        "two_redis",
        "lag_channel",
        "reset_redis_connections",
        "cut_off_from_redis",
        "cut_off_from_postgres",
        "lose_replies_of_postgres",
        *(f"redis_refuses_writes_{refusal}" for refusal in REFUSALS),
    ),
    "sentinel": (
        "sentinel_failover",
        "sentinel_primary_killed",
        "sentinel_primary_frozen",
        "sentinel_away",
        "restart_postgres",
        "postgres_read_only",
        "postgres_failover_old_stays",
        "postgres_failover_old_stops",
    ),
    "cluster": (
        "cluster_failover",
        "cluster_primary_killed",
        "cluster_primary_away",
        "cluster_primary_restarted",
        "kill_instance",
        "kill_instance_between_commit_and_publish",
        "freeze_instance",
        "freeze_relay",
        "bulk_statement",
    ),
    "edge": ("restart_edge", "edge_refuses_purges"),
}
TOPOLOGIES = [
    pytest.param(name, marks=pytest.mark.skipif(name == "edge" and bool(MISSING), reason=MISSING))
    for name in KINDS
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("topology", TOPOLOGIES)
async def test_every_promise_is_kept_whatever_fails(
    postgres_pair: PostgresPair, tmp_path: Path, topology: str
) -> None:
    plan = Plan(
        seconds=20,
        instances=2,
        seed=1,
        topology=topology,
        kinds=KINDS[topology],
        each_once=True,
        pause=0.5,
        brevity=0.5,
    )
    verdict = await run(plan, tmp_path, postgres_pair)
    assert not verdict.violations, report(plan, verdict)
    assert bool(verdict.at_edge.purged) is bool(verdict.at_edge.reads) is (topology == "edge")
    assert verdict.faults.keys() >= set(KINDS[topology])
    # Of the families: tariffs for each level, the time-of-use tariff, and a price of the price sheet; and one levy.
    entries = plan.operators * (len(LEVELS) + 2) + 1
    records = list(read_log(tmp_path / RECORD))
    assert len({record.entry for record in records if isinstance(record, Read)}) == entries
    assert len({record.entry for record in records if isinstance(record, Write)}) >= entries
    writes = [each for each in records if isinstance(each, Write)]
    assert {each.what for each in writes} == {"write", "import", *REVISIONS}
    done = {each.what for each in writes if each.outcome is Outcome.DONE}
    # Of the others a few are refused and a few not answered, of how many in all depends on the machine.
    assert done == {"write", "import", *REVISIONS} if topology == "one" else done >= {"write", "import"}
    subscriptions = [record for record in records if isinstance(record, Subscription)]
    assert len({one.entry for each in subscriptions for one in each.deliveries}) >= entries
