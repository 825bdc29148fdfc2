"""`python -m tests.consistency --seconds 300 --instances 3 --seed 1`: exit status 1 if a promise was broken."""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.consistency.judge import Verdict
from tests.consistency.run import Plan, run
from tests.servers import PrivatePostgres, PrivateValkey, private_folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.consistency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--instances", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=3, help="seconds between two faults, on average")
    parser.add_argument("--subscribers", type=int, default=2, help="on each instance")
    parser.add_argument("--folder", type=Path, help="where the record and the servers' logs are kept")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="dno-consistency-"))
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        seconds=given.seconds,
        instances=given.instances,
        seed=given.seed,
        pause=given.pause,
        subscribers=given.subscribers,
    )
    with private_folder() as servers:
        postgres, valkey = PrivatePostgres(servers), PrivateValkey(servers)
        try:
            verdict = asyncio.run(run(plan, folder, postgres, valkey))
        finally:
            postgres.stop()
            valkey.stop()
    sys.stdout.write(f"{report(plan, verdict)}\nThe record and the logs: {folder}\n")
    return 1 if verdict.violations else 0


def report(plan: Plan, verdict: Verdict) -> str:
    kinds = Counter(violation.partition(":")[0] for violation in verdict.violations)
    lines = [
        f"{plan.seconds:g} s, {plan.instances} instances, seed {plan.seed}: "
        + ", ".join(f"{count} × {name.lower()}" for name, count in sorted(verdict.counts.items())),
        f"Until the other instances agreed ({len(verdict.delays)} cases): "
        + ", ".join(f"{name} {verdict.delay(share) * 1000:.0f} ms" for name, share in PERCENTILES.items()),
        *(f"  {count} × {kind}" for kind, count in kinds.most_common()),
        *(f"    {violation}" for violation in verdict.violations[:20]),
        "A promise was broken." if verdict.violations else "Every promise was kept.",
    ]
    return "\n".join(lines)


PERCENTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}

if __name__ == "__main__":
    sys.exit(main())
