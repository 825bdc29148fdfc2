"""Counts kept as plain integers equal those of prometheus_client."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from app.observability import counting
from app.observability.counting import Count, Counts, Timings
from app.observability.process_metrics import ProcessMetrics


@pytest.fixture(autouse=True)
def _nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "_cells", [])


def samples(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "created" not in line]


def test_a_count_is_flushed_once() -> None:
    registry = CollectorRegistry()
    count = Count(Counter("things_total", "Things.", ["kind"], registry=registry), "a")
    count.value += 3
    counting.flush()
    counting.flush()
    count.value += 1
    counting.flush()
    assert registry.get_sample_value("things_total", {"kind": "a"}) == 4


def test_timings_come_out_as_if_observed_one_by_one() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    timings = Timings(Histogram("time_seconds", "Time.", ["x"], buckets=(0.1, 1, 5), registry=ours), "a")
    histogram = Histogram("time_seconds", "Time.", ["x"], buckets=(0.1, 1, 5), registry=theirs)
    for seconds in (0.05, 0.1, 0.5, 1, 4.5, 5, 100):
        timings.observe(seconds)
        histogram.labels("a").observe(seconds)
    counting.flush()
    counting.flush()
    assert samples(ours) == samples(theirs)


def test_the_number_of_label_values_is_bounded() -> None:
    registry = CollectorRegistry()
    counts = Counts(Counter("things_total", "Things.", ["kind"], registry=registry), limit=2)
    for kind in ("a", "b", "c", "d", "a"):
        counts[(kind,)].value += 1
    counting.flush()
    assert registry.get_sample_value("things_total", {"kind": "a"}) == 2
    assert registry.get_sample_value("things_total", {"kind": "other"}) == 2
    assert registry.get_sample_value("things_total", {"kind": "c"}) is None


def test_process_metrics_call_each_sampler_and_flush_its_counts() -> None:
    registry = CollectorRegistry()
    count = Count(Counter("things_total", "Things.", registry=registry))

    def sample() -> None:
        count.value += 1

    ProcessMetrics([sample]).write()
    assert registry.get_sample_value("things_total") == 1


WORKER = """
import asyncio, sys
from app.observability import counting, metrics
from app.observability.exposition import Exposition
count = counting.Count(metrics.OUTBOX_DELIVERED)
count.value += 2
metrics.CACHE_TRUSTED.labels("l2").set(float(sys.argv[1]))
print(asyncio.run(Exposition().text()).decode())
"""


def test_any_worker_reports_for_all_but_no_gauge_of_an_ended_one(tmp_path: Path) -> None:
    """Counters of an ended worker stay; its gauges do not."""

    def work(trusted: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", WORKER, trusted],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert 'dno_cache_trusted{layer="l2"} 0.0' in work("0")
    second = work("1")
    assert 'dno_cache_trusted{layer="l2"} 1.0' in second
    assert "dno_outbox_delivered_total 4.0" in second
