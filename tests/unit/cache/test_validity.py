"""Until when the caches may be used: both proofs, what they bound, and the reason while they are outdated."""

from math import inf

import pytest

from app.cache import memory as memory_module
from app.cache import validity as module
from app.cache.memory import Memory
from app.cache.open_topology import open_topology
from app.cache.redis import SharedCache
from app.cache.validity import Validity
from app.settings import Settings
from tests.unit.cache import clock as clocks
from tests.unit.cache.clock import Clock

BOUND = 3.0
CHANNEL = "messages of other instances are late or missing"
DATABASE = "missed changes are caught up on"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return clocks.install(monkeypatch, module, memory_module)


@pytest.fixture
def memory() -> Memory:
    return Memory(10_000, 60)


@pytest.fixture
def shared() -> SharedCache:
    settings = Settings()
    return SharedCache(open_topology(settings), settings)


@pytest.fixture
def validity(clock: Clock, memory: Memory, shared: SharedCache) -> Validity:
    return Validity(memory, shared, BOUND)


def test_without_a_proof_neither_cache_is_valid(
    validity: Validity, memory: Memory, shared: SharedCache
) -> None:
    assert (memory.valid_until, shared.valid_until) == (-inf, -inf)
    assert validity.received_until == -inf
    assert validity.failed_proof is None
    assert validity.reason == DATABASE
    assert not validity.disproved


def test_a_proof_of_the_database_bounds_l2_and_both_proofs_bound_l1(
    validity: Validity, memory: Memory, shared: SharedCache
) -> None:
    validity.prove_database(999)
    assert (memory.valid_until, shared.valid_until) == (-inf, 1002)
    assert validity.reason == CHANNEL
    validity.prove_channel(998)
    assert validity.received_until == 998
    assert (memory.valid_until, shared.valid_until) == (1001, 1002)
    assert validity.reason is None
    validity.prove_channel(1000)
    assert (memory.valid_until, shared.valid_until) == (1002, 1002)


def test_an_older_proof_replaces_no_newer_one(
    validity: Validity, memory: Memory, shared: SharedCache
) -> None:
    for at in (1000, 990):
        validity.prove_database(at)
        validity.prove_channel(at)
        validity.prove_evicted(at)
    assert validity.received_until == 1000
    assert (memory.valid_until, shared.valid_until) == (1003, 1003)


def test_each_proof_is_outdated_after_the_bound(validity: Validity, clock: Clock) -> None:
    validity.prove_channel(1000)
    validity.prove_database(1001)
    clock.now = 1002.9
    assert validity.reason is None
    clock.now = 1003
    assert validity.reason == CHANNEL
    validity.prove_channel(1002)
    assert validity.reason is None
    clock.now = 1004
    assert validity.reason == DATABASE
    validity.failed_proof = "the outbox is not empty"
    assert validity.reason == "the outbox is not empty"


def test_a_proof_of_eviction_is_as_good_for_l1_and_not_for_l2(
    validity: Validity, memory: Memory, shared: SharedCache
) -> None:
    validity.prove_channel(1000)
    validity.prove_evicted(1000)
    assert (memory.valid_until, shared.valid_until) == (1003, -inf)
    assert validity.reason is None
    validity.prove_database(999)
    assert (memory.valid_until, shared.valid_until) == (1003, 1002)


def test_a_new_proof_of_the_database_ends_the_failed_one(validity: Validity) -> None:
    validity.failed_proof = "Redis is another one"
    validity.disprove_database(1000)
    validity.prove_database(1000)
    assert validity.failed_proof == "Redis is another one"
    validity.prove_database(1001)
    assert validity.failed_proof is None


def test_without_the_channel_l1_is_not_valid(validity: Validity, memory: Memory, shared: SharedCache) -> None:
    validity.prove_database(1000)
    validity.prove_channel(1000)
    validity.lose_channel()
    assert validity.received_until == -inf
    assert (memory.valid_until, shared.valid_until) == (-inf, 1003)
    assert validity.reason == CHANNEL


def test_a_disproof_ends_both_caches_and_every_proof_from_before_it(
    validity: Validity, memory: Memory, shared: SharedCache
) -> None:
    validity.prove_channel(1000)
    validity.prove_database(1000)
    validity.prove_evicted(1000)
    validity.disprove_database(1001)
    validity.disprove_database(1000)  # an older look does not weaken it
    assert validity.disproved
    assert (memory.valid_until, shared.valid_until) == (-inf, -inf)
    for at in (1000.5, 1001):
        validity.prove_database(at)
        validity.prove_evicted(at)
    assert (memory.valid_until, shared.valid_until) == (-inf, -inf)
    assert validity.reason == DATABASE
    validity.prove_evicted(1001.5)
    assert validity.disproved
    assert memory.valid_until == 1003
    validity.prove_database(1001.5)
    assert not validity.disproved
    assert shared.valid_until == 1004.5
