"""`python -m tests.consistency --seconds 300 --instances 3 --seed 1`: exit status 1 if a promise was broken."""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.consistency.edge_judge import AtEdge
from tests.consistency.judge import Verdict, judge, percentile
from tests.consistency.operations import RECORD, read_log
from tests.consistency.run import Plan, run
from tests.consistency.topologies import TOPOLOGIES
from tests.servers import PostgresPair, private_folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.consistency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--instances", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--topology", choices=TOPOLOGIES, default="one")
    parser.add_argument("--kinds", default="", help="of faults, with commas between them; all if empty")
    parser.add_argument("--pause", type=float, default=3, help="seconds between two faults, on average")
    parser.add_argument("--subscribers", type=int, default=2, help="on each instance")
    parser.add_argument("--folder", type=Path, help="where the record and the servers' logs are kept")
    parser.add_argument("--judge", action="store_true", help="only judge the record that is in --folder")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="dno-consistency-"))
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(
        seconds=given.seconds,
        instances=given.instances,
        seed=given.seed,
        topology=given.topology,
        kinds=tuple(filter(None, given.kinds.split(","))),
        pause=given.pause,
        subscribers=given.subscribers,
    )
    verdict = judge(read_log(folder / RECORD)) if given.judge else _run(plan, folder)
    sys.stdout.write(f"{report(plan, verdict)}\nThe record and the logs: {folder}\n")
    return 1 if verdict.violations else 0


def _run(plan: Plan, folder: Path) -> Verdict:
    with private_folder() as servers:
        pair = PostgresPair(servers)
        try:
            return asyncio.run(run(plan, folder, pair))
        finally:
            pair.stop()


def report(plan: Plan, verdict: Verdict) -> str:
    kinds = Counter(violation.partition(":")[0] for violation in verdict.violations)
    lines = [
        f"{plan.seconds:g} s, {plan.topology}, {plan.instances} instances, seed {plan.seed}: "
        + ", ".join(f"{count} × {name.lower()}" for name, count in sorted(verdict.counts.items())),
        "Subscriptions ended by: " + ", ".join(f"{count} × {why}" for why, count in verdict.closed.items()),
        f"Until the other instances agreed, in ms (without waiting for a CPU, in brackets with it;"
        f" allowed without faults: {verdict.pace * 1000:.0f}):",
        *(_row(kind, verdict) for kind in verdict.delays),
        *_rows_of_edge(verdict.at_edge),
        *(f"  {count} × {kind}" for kind, count in kinds.most_common()),
        *(f"    {violation}" for violation in _some_of_each(verdict.violations)),
        "A promise was broken." if verdict.violations else "Every promise was kept.",
    ]
    return "\n".join(lines)


def _row(kind: str, verdict: Verdict) -> str:
    delays = verdict.delays[kind]
    figures = (f"{name} {percentile(delays, share) * 1000:5.0f}" for name, share in PERCENTILES.items())
    times = f"{verdict.faults[kind]} times" if kind in verdict.faults else ""
    longest = verdict.longest[kind] * 1000
    failed = f"  {verdict.failed[kind]} failed" if kind in verdict.failed else ""
    return f"  {kind:50} {times:9} {len(delays):7} delays  {'  '.join(figures)} ({longest:5.0f}){failed}"


def _rows_of_edge(found: AtEdge) -> Iterator[str]:
    if not found.reads:
        return
    yield f"Read through the edge {found.reads} times, in ms:"
    rows = [
        ("first purge confirmed", found.purged),
        *((f"older version, {kind}", seconds) for kind, seconds in found.old.items()),
    ]
    for name, seconds in rows:
        figures = (
            f"{short} {percentile(seconds, share) * 1000:5.0f}" for short, share in PERCENTILES.items()
        )
        yield f"  {name:60} {len(seconds):7} writes  {'  '.join(figures)}"
    yield f"  {found.after_purge} writes of which an older version was read after the first purge, and before the second"


def _some_of_each(violations: Sequence[str]) -> Iterator[str]:
    shown: Counter[str] = Counter()
    for violation in violations:
        shown[kind := violation.partition(":")[0]] += 1
        if shown[kind] <= SHOWN:
            yield violation


PERCENTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}
SHOWN = 10  # violations of each kind

if __name__ == "__main__":
    sys.exit(main())
