"""`map` records which tests run which lines; `run PACKAGE…` tries mutants; `report` writes SURVIVORS.md."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.mutation import coverage_map, report
from tests.mutation.coverage_map import CoverageMap
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.results import SEED, Outcome, PackageResult, load, sample, save
from tests.mutation.runner import Runner

PACKAGES = [
    *("app/domain", "app/limits", "app/auth", "app/cache", "app/jobs"),
    *("schema/http", "schema/execution", "loaders"),
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    mapping = commands.add_parser("map", help="run the tests once and record which lines each runs")
    mapping.add_argument(
        "tests", nargs="*", help=f"files or folders; by default {' '.join(coverage_map.TESTS)}"
    )
    run = commands.add_parser("run", help="try the mutants of packages or files")
    run.add_argument("paths", nargs="*", default=PACKAGES, metavar="PACKAGE")
    run.add_argument(
        "--sample", type=int, default=0, help="so many of each package, chosen at random; 0 is all"
    )
    run.add_argument("--seed", type=int, default=SEED)
    run.add_argument(
        "--seconds", type=float, default=30, help="of tests for one mutant, as they were recorded"
    )
    run.add_argument("--survivors", action="store_true", help="only those that survived the last run")
    run.add_argument("--continue", action="store_true", dest="goes_on", help="after those of the last run")
    commands.add_parser("report", help="write SURVIVORS.md from the results")
    asked = parser.parse_args()
    if asked.command == "map":
        return coverage_map.record(asked.tests)
    if asked.command == "run":
        for path in asked.paths:
            _run(path, asked)
    report.write(PACKAGES)
    return 0


def _run(package: str, asked: argparse.Namespace) -> None:
    every = [mutant for file in sorted(Path(package).rglob("*.py")) for mutant in mutants_of(file)]
    before = load(package)
    chosen = _survivors(every, before) if asked.survivors else sample(every, asked.sample, asked.seed)
    result = PackageResult(package, _commit(), asked.seed, len(every))
    if asked.survivors:
        # Those that are no longer in the code leave the count.
        result.killed = before.killed
        result.timed_out = before.timed_out
        result.tried = before.killed + before.timed_out
        result.not_applicable = before.not_applicable
    if asked.goes_on and (before.mutants, before.seed) == (result.mutants, result.seed):
        result = before
        chosen = chosen[before.tried + before.not_applicable :]
    reasons = {(each.file, each.before, each.after, each.number): each.reason for each in before.survivors}

    def finished(mutant: Mutant, outcome: Outcome) -> None:
        result.count(mutant, outcome, reasons)
        print(
            f"{time.strftime('%T')} {outcome.state:14} {mutant.name[:200]}  [{outcome.test or outcome.tests}]",
            flush=True,
        )
        if not asked.survivors:  # a run that ends early must not drop those that it has not tried
            save(result)

    tests = CoverageMap({mutant.file for mutant in chosen})
    runner = Runner(chosen, tests, seconds_of_tests=asked.seconds, finished=finished)
    arguments = [
        "-q",
        "-p",
        "no:cacheprovider",
        "--no-header",
        "-Wignore::pytest.PytestAssertRewriteWarning",
        *runner.files,
    ]
    if pytest.main(arguments, plugins=[runner]) not in (0, 5):
        sys.exit(f"{package}: the tests could not be collected")
    save(result)


def _survivors(every: list[Mutant], before: PackageResult) -> list[Mutant]:
    names = {(each.file, each.before, each.after, each.number) for each in before.survivors}
    return [mutant for mutant in every if (mutant.file, mutant.before, mutant.after, mutant.number) in names]


def _commit() -> str:
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
