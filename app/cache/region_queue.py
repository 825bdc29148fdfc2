"""Per region: reads that wait for a statement, and counters."""

from typing import Any

from app.cache.codec import Codec
from app.cache.in_flight_reads import InFlightRead
from app.cache.region import Region
from app.observability.counting import Count, Timings
from app.observability.metrics import (
    CACHE_HITS,
    CACHE_LEASE_REFUSALS,
    CACHE_MISSES,
    CACHE_NEGATIVE_HITS,
    LOADER_BATCH,
)


class RegionQueue:
    """Reads of one region that wait for a statement, and its counters, whose lookup by label is slow."""

    def __init__(self, region: Region[Any, Any]) -> None:
        self.region = region
        self.codec: Codec[Any] = Codec(region.type)
        self.waiting: list[InFlightRead] = []
        self.statements = 0
        self.batches = Timings(LOADER_BATCH, region.name)
        self.leases_refused = CACHE_LEASE_REFUSALS.labels(region.name)
        self.memory = Finds(region.name, "l1")
        self.below = Finds(region.name, "l2")


class Finds:
    """Counters of hits, misses and negative hits (a cached absence)."""

    def __init__(self, region: str, layer: str) -> None:
        self._hits = Count(CACHE_HITS, region, layer)
        self._absent = Count(CACHE_NEGATIVE_HITS, region, layer)
        self._misses = Count(CACHE_MISSES, region, layer)

    def count(self, found: int, absent: int, missing: int) -> None:
        self._hits.value += found
        self._absent.value += absent
        self._misses.value += missing
