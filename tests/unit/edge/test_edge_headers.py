"""Headers for caches at the edge: made once, counted in L1, and not part of a cached request head."""

from math import inf

from app.cache.clock import monotonic
from app.cache.read_set import ReadSet
from app.http.cached_request_head import PER_RESPONSE
from app.http.cached_response import CachedResponse
from app.http.edge_headers import KINDS, EdgeHeaders
from app.settings import Settings

EVERY = tuple(KINDS)


def reads(*tags: str, changes: float = inf) -> ReadSet:
    read_set = ReadSet()
    read_set.update(tags)
    read_set.change_at(changes)
    return read_set


def test_every_header_is_set_by_each_response_itself() -> None:
    description = EdgeHeaders(Settings(edge_headers=EVERY)).describe(reads("directory"))
    assert description is not None
    assert {name for name, _ in description.headers} <= PER_RESPONSE
    assert {kind.encode() for kind in KINDS} < {name for name, _ in description.headers}


def test_they_count_in_the_size_of_a_cached_response() -> None:
    response = CachedResponse(b"12345", "application/json", None)
    assert response.size == 5
    response.edge = EdgeHeaders(Settings(edge_headers=("xkey",))).describe(
        reads(*(f"operator:{n}" for n in range(400)))
    )
    assert 3000 < response.size < 4300


def test_a_change_after_the_longest_time_that_a_response_is_stored_needs_no_computation() -> None:
    edge = EdgeHeaders(Settings(edge_headers=EVERY, edge_lifetime=100, memory_cache_lifetime=10))
    for seconds, moment in ((200, False), (50, True)):
        described = edge.describe(reads("directory", changes=monotonic() + seconds))
        assert described is not None
        assert (described.changes < inf) is moment
        assert (b"cdn-cache-control" in dict(described.headers)) is not moment


def test_what_depends_on_a_caller_or_an_account_is_for_no_edge() -> None:
    edge = EdgeHeaders(Settings(edge_headers=EVERY))
    of_viewer = reads("directory")
    of_viewer.never_keep("viewer")
    for read_set in (of_viewer, reads("directory", "user:1"), reads("api_key:1")):
        assert edge.describe(read_set) is None
    assert EdgeHeaders(Settings()).describe(reads("directory")) is None
