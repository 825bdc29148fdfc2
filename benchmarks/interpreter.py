"""Accuracy and latency of the interpretation of natural-language questions."""

import argparse
import csv
import gc
import json
import platform
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from app.domain.dno import Alias, DirectoryEntry
from app.interpreter.interpret import interpret
from app.interpreter.vocabulary import Vocabulary
from benchmarks import machine

HERE = Path(__file__).parent.parent
CASES = HERE / "tests/unit/interpreter/cases.jsonl"
REGISTRY = HERE / "tests/unit/interpreter/registry.csv"
ALIASES = HERE / "app/interpreter/aliases.csv"
SURE = 0.9


def main() -> None:
    arguments = _arguments()
    started = time.perf_counter()
    entries = read_registry(arguments.registry)
    aliases = read_aliases(arguments.aliases, entries)
    read = time.perf_counter()
    vocabulary = Vocabulary.of(entries, aliases)
    built = time.perf_counter()
    print(f"{platform.python_implementation()} {platform.python_version()}, {machine.hardware()}")
    print(f"{len(entries)} operators, {len(aliases)} aliases, read in {1e3 * (read - started):.0f} ms,")
    print(f"vocabulary of {len(vocabulary.forms)} forms built in {1e3 * (built - read):.0f} ms\n")
    cases = read_cases(arguments.cases)
    slugs = {entry.id: entry.slug for entry in entries}
    answers = [answer(case, vocabulary, slugs) for case in cases]
    _report(cases, answers, verbose=arguments.failures)
    _latency(cases, vocabulary, arguments.rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="?", type=Path, default=CASES)
    parser.add_argument("registry", nargs="?", type=Path, default=REGISTRY)
    parser.add_argument("--aliases", type=Path, default=ALIASES)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--failures", action="store_true", help="print each misinterpreted sentence")
    return parser.parse_args()


def read_registry(path: Path) -> list[DirectoryEntry]:
    with path.open(encoding="utf-8", newline="") as file:
        return [_entry(row) for row in csv.DictReader(file)]


def _entry(row: dict[str, str]) -> DirectoryEntry:
    points = [int(count) for column, count in row.items() if column.startswith("connection_points") and count]
    return DirectoryEntry(
        id=uuid5(NAMESPACE_URL, row["slug"]),
        slug=row["slug"],
        name=row["name"],
        official_name=row.get("official_name") or None,
        region=row.get("region") or None,
        city=row.get("city") or None,
        postal_code=row.get("postal_code") or None,
        transmission=row.get("transmission") == "true",
        closed_network=row.get("closed_network") == "true",
        connection_points=sum(points) if points else None,
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
        mastr_nr=row.get("mastr_nr") or None,
        bdew_code=row.get("bdew_code") or None,
        acer_code=row.get("acer_code") or None,
        vnb_id=row.get("vnb_id") or None,
    )


def read_aliases(path: Path, entries: Iterable[DirectoryEntry]) -> list[Alias]:
    ids = {entry.slug: entry.id for entry in entries}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Alias(row["alias"], ids[row["dno_slug"]], row["source"]) for row in rows if row["dno_slug"] in ids
    ]


def read_cases(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [case for line in lines if "query" in (case := json.loads(line))]


def answer(case: dict[str, Any], vocabulary: Vocabulary, slugs: dict[UUID, str]) -> dict[str, Any]:
    found = interpret(case["query"], vocabulary, date.fromisoformat(case["today"]))
    return {
        "data_type": found.data_type,
        "topic": found.subject,
        "dno": slugs[found.dno_id] if found.dno_id else None,
        "year": found.year,
        "voltage_level": found.voltage_level,
        "confidence": found.confidence,
        "candidates": [slugs[one] for one in found.candidates],
        "language": found.language,
    }


def is_correct(case: dict[str, Any], given: dict[str, Any]) -> bool:
    """By what `answer` has of it; candidates in any order."""
    return all(
        given[field] == wanted or (field == "candidates" and sorted(given[field]) == sorted(wanted))
        for field, wanted in case["expect"].items()
        if field in given
    )


def _report(cases: list[dict[str, Any]], answers: list[dict[str, Any]], *, verbose: bool) -> None:
    right = [is_correct(case, given) for case, given in zip(cases, answers, strict=True)]
    sure = [r for r, given in zip(right, answers, strict=True) if given["confidence"] > SURE]
    off_topic = [
        given
        for case, given in zip(cases, answers, strict=True)
        if case["expect"].get("data_type") is None and case["expect"].get("topic") is None
    ]
    answered = sum(given["data_type"] is not None or given["confidence"] >= 0.5 for given in off_topic)
    print(f"exact match                  {sum(right)}/{len(right)} = {sum(right) / len(right):.3f}")
    print(f"correct with confidence > {SURE} {sum(sure)}/{len(sure)} = {sum(sure) / max(1, len(sure)):.3f}")
    print(f"off-topic answered           {answered}/{len(off_topic)}\n")
    by_tag: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for case, r in zip(cases, right, strict=True):
        for tag in case.get("tags", ()):
            by_tag[tag][r] += 1
    for tag, counts in sorted(by_tag.items()):
        print(f"  {tag:<20} {counts[True]:>5} of {counts.total()}")
    for case, given, r in zip(cases, answers, right, strict=True):
        if verbose and not r:
            shown = {**given, "candidates": given["candidates"][:4]}
            print(f"\n{case['id']} {case['query']}\n  wanted {case['expect']}\n  given  {shown}")


def _latency(cases: list[dict[str, Any]], vocabulary: Vocabulary, rounds: int) -> None:
    """Wall-clock time and CPU time, which does not depend on other processes."""
    gc.collect()
    gc.freeze()
    clock: list[int] = []
    processor: list[int] = []
    for _ in range(rounds):
        for case in cases:
            today = date.fromisoformat(case["today"])
            began, worked = time.perf_counter_ns(), time.thread_time_ns()
            interpret(case["query"], vocabulary, today)
            processor.append(time.thread_time_ns() - worked)
            clock.append(time.perf_counter_ns() - began)
    print(f"\n{'':10} {'clock':>10} {'processor':>10}   of {len(clock)} sentences")
    for percent in (50, 90, 99, 99.9, 100):
        shown = (
            sorted(taken)[min(len(taken) - 1, int(len(taken) * percent / 100))]
            for taken in (clock, processor)
        )
        print(f"{f'p{percent}':10} " + " ".join(f"{nanoseconds / 1e6:>7.3f} ms" for nanoseconds in shown))


if __name__ == "__main__":
    main()
