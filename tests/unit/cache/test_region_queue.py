"""Counters of a region's reads, by layer."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from prometheus_client import REGISTRY

from app.cache.region import Region
from app.cache.region_queue import RegionQueue
from app.observability import counting

COUNTERS = ("dno_cache_hits_total", "dno_cache_negative_hits_total", "dno_cache_misses_total")


async def fetch(pool: Any, keys: Sequence[str]) -> dict[str, int]:
    return {}


def new_region() -> Region[str, int]:
    return Region(f"region {uuid4()}", int, str, fetch, lambda _, __: 60)


def counted(region: Region[str, int], layer: str) -> tuple[float | None, ...]:
    counting.flush()
    labels = {"region": region.name, "layer": layer}
    return tuple(REGISTRY.get_sample_value(name, labels) for name in COUNTERS)


def test_finds_are_counted_by_region_and_layer() -> None:
    region = new_region()
    queue = RegionQueue(region)
    assert (counted(region, "l1"), counted(region, "l2")) == ((0, 0, 0), (0, 0, 0))
    queue.memory.count(5, 2, 3)
    queue.below.count(7, 0, 1)
    queue.below.count(0, 0, 0)
    assert (counted(region, "l1"), counted(region, "l2")) == ((5, 2, 3), (7, 0, 1))


def test_rejected_leases_and_batches_are_counted_by_region() -> None:
    region = new_region()
    queue = RegionQueue(region)
    queue.leases_refused.inc()
    queue.batches.observe(3)
    queue.batches.flush()
    assert REGISTRY.get_sample_value("dno_cache_lease_refusals_total", {"region": region.name}) == 1
    assert REGISTRY.get_sample_value("dno_loader_batch_size_sum", {"loader": region.name}) == 3


def test_a_new_queue_is_empty_and_encodes_records_of_its_region() -> None:
    queue = RegionQueue(new_region())
    assert (queue.waiting, queue.statements) == ([], 0)
    decoded = queue.codec.decode(queue.codec.encode(7, 60))
    assert decoded is not None
    assert decoded.value == 7
