"""SURVIVORS.md: the figures of each package and each surviving mutant with its reason."""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

from tests.mutation.results import PackageResult, load

PAGE = Path(__file__).with_name("SURVIVORS.md")


def write(packages: Sequence[str]) -> None:
    results = [result for package in packages if (result := load(package)).tried]
    lines = [
        "# Mutants that no test kills",
        "",
        "Written by `python -m tests.mutation report` from `results/*.json`, where reasons are edited.",
        "Decision 0046 describes how mutants are made and tried.",
        "",
        "| Package | Mutants | Tried | Killed | Timed out | Survived | Killed or timed out | 95 % interval |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *map(_row, results),
    ]
    for result in results:
        lines += ["", f"## {result.package}", "", f"Seed {result.seed}, commit {result.commit}.", ""]
        lines += ["| Where | Code | Mutant | Reason |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {each.file.removeprefix(result.package + '/')}:{each.line} | {_code(each.before)}"
            f" | {_code(each.after)} | {each.reason or 'not looked at'} |"
            for each in sorted(result.survivors, key=lambda each: (each.file, each.line))
        ]
    PAGE.write_text("\n".join(lines) + "\n")


def _row(result: PackageResult) -> str:
    survived = len(result.survivors)
    detected = (result.tried - survived) / result.tried
    low, high = _interval(detected, result.tried, result.mutants - result.not_applicable)
    return (
        f"| {result.package} | {result.mutants} | {result.tried} | {result.killed} | {result.timed_out}"
        f" | {survived} | {detected:.1%} | {low:.1%}–{high:.1%} |"
    )


def _interval(share: float, tried: int, of: int) -> tuple[float, float]:
    """Wilson's score interval, narrowed where the sample is much of the whole."""
    z = 1.96 * sqrt(max(0.0, (of - tried) / max(1, of - 1)))
    middle = (share + z * z / (2 * tried)) / (1 + z * z / tried)
    half = z * sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried)) / (1 + z * z / tried)
    return middle - half, middle + half


def _code(text: str) -> str:
    cleaned = text.replace("|", "\\|").replace("`", "'")
    return f"`{cleaned}`" if cleaned else "(nothing)"
