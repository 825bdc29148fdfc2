"""L1 stays within its bytes, and rejects fills that began before an invalidation."""

import gc
import tracemalloc
from math import inf
from time import monotonic, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.cache import memory as module
from app.cache.memory import OVERHEAD, TAG, Memory


@pytest.fixture
def memory() -> Memory:
    opened = Memory(max_bytes=10 * (OVERHEAD + 100), lifetime=60)
    opened.switch_on()
    return opened


def keep(memory: Memory, key: str, *tags: str, since: int | None = None, until: float = inf) -> bool:
    moment = memory.now() if since is None else since
    return memory.keep(key, f"value of {key}", size=100, tags=tags or (key,), until=until, since=moment)


def test_a_kept_value_is_found_with_its_tags(memory: Memory) -> None:
    assert keep(memory, "a", "one", "two")
    entry = memory.get("a")
    assert entry is not None
    assert (entry.value, entry.tags) == ("value of a", ("one", "two"))
    assert entry.until <= monotonic() + 60


def test_none_is_a_value_too(memory: Memory) -> None:
    memory.keep("a", None, size=10, tags=("a",), until=inf, since=memory.now())
    entry = memory.get("a")
    assert entry is not None
    assert entry.value is None


def test_any_tag_of_a_value_evicts_it(memory: Memory) -> None:
    keep(memory, "a", "one", "two")
    keep(memory, "b", "two", "three")
    keep(memory, "c", "three")
    assert memory.invalidate(["two"]) == 2
    assert (memory.get("a"), memory.get("b")) == (None, None)
    assert memory.get("c") is not None


def test_a_fill_that_began_before_an_invalidation_is_rejected(memory: Memory) -> None:
    before = memory.now()
    memory.invalidate(["a"])
    assert not keep(memory, "a", since=before)
    assert keep(memory, "b", since=before)
    assert keep(memory, "a")


def test_a_fill_that_began_before_a_clear_is_rejected(memory: Memory) -> None:
    before = memory.now()
    memory.clear()
    assert not keep(memory, "a", since=before)
    assert not memory.received_all_since(before)


def test_while_off_it_finds_nothing_and_keeps_nothing_also_of_fills_that_end_later(memory: Memory) -> None:
    keep(memory, "a")
    memory.switch_off()
    during = memory.now()
    assert memory.get("a") is None
    assert not keep(memory, "b")
    memory.switch_on()
    assert not keep(memory, "c", since=during)
    assert keep(memory, "d")


def test_responses_requested_once_evict_neither_records_nor_repeated_responses() -> None:
    memory = Memory(max_bytes=100 * (OVERHEAD + 100), lifetime=60)
    memory.switch_on()
    for number in range(40):
        keep(memory, f"record {number}")
    for number in range(10):
        answer(memory, f"asked again {number}")
        assert memory.get(f"asked again {number}") is not None
    for number in range(1000):
        answer(memory, f"asked once {number}")
        assert memory.bytes <= 100 * (OVERHEAD + 100)
    assert all(memory.get(f"record {number}") for number in range(40))
    assert all(memory.get(f"asked again {number}") for number in range(10))
    assert sum(memory.get(f"asked once {number}") is not None for number in range(1000)) <= 12


def test_repeated_responses_have_a_share_and_no_more_while_records_need_the_rest() -> None:
    memory = Memory(max_bytes=100 * (OVERHEAD + 100), lifetime=60)
    memory.switch_on()
    for number in range(200):
        answer(memory, f"answer {number}")
        memory.get(f"answer {number}")
    # As long as nothing else needs the space, they may use all of it.
    assert sum(memory.get(f"answer {number}") is not None for number in range(200)) > 80
    for number in range(60):
        keep(memory, f"record {number}")
    assert sum(memory.get(f"record {number}") is not None for number in range(60)) >= 50
    for number in range(200, 400):
        answer(memory, f"answer {number}")
        memory.get(f"answer {number}")
    assert sum(memory.get(f"record {number}") is not None for number in range(60)) >= 50


def test_each_tag_counts_towards_the_bytes(memory: Memory) -> None:
    keep(memory, "a", *(f"tag {number}" for number in range(5)))
    assert memory.bytes == OVERHEAD + 100 + 4 * TAG


def test_the_counted_bytes_are_the_bytes_allocated() -> None:
    """Measured, with tags of their own and values of a hundred bytes."""
    memory = Memory(max_bytes=2**30, lifetime=60)
    memory.switch_on()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(2000):
            tags = tuple(f"tag:{number}:{tag}" for tag in range(1 + number % 3))
            memory.keep(
                f"key {number}", b"%100d" % number, size=100, tags=tags, until=inf, since=memory.now()
            )
        measured = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0.8 * measured < memory.bytes < 2 * measured


def answer(memory: Memory, key: str) -> None:
    memory.keep(key, key, size=100, tags=(key,), until=inf, since=memory.now(), answer=True)


def test_it_is_off_until_the_channel_is_subscribed() -> None:
    assert not keep(Memory(10_000, 60), "a")


def test_fills_older_than_the_oldest_remembered_invalidation_are_rejected(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOMENTS", 10)
    before = memory.now()
    memory.invalidate(["first"])
    after = memory.now()
    for number in range(10):
        memory.invalidate([str(number)])
    assert not keep(memory, "first", since=before)
    assert not keep(memory, "unknown", since=before)
    assert keep(memory, "9 too", since=memory.now())
    assert not keep(memory, "9", since=after)


def test_no_value_outlives_its_expiry_or_the_lifetime_of_the_memory() -> None:
    memory = Memory(max_bytes=10_000, lifetime=0.02)
    memory.switch_on()
    keep(memory, "a")
    keep(memory, "b", until=monotonic() + 0.01)
    assert not keep(memory, "c", until=monotonic())
    sleep(0.03)
    assert memory.get("a") is None
    assert memory.get("b") is None
    assert memory.bytes == 0


def test_when_full_the_least_recently_used_value_is_evicted(memory: Memory) -> None:
    for number in range(10):
        keep(memory, str(number))
    memory.get("0")
    keep(memory, "new")
    assert memory.get("0") is not None
    assert memory.get("1") is None
    assert memory.get("new") is not None


def test_a_value_larger_than_all_of_it_is_not_kept(memory: Memory) -> None:
    keep(memory, "a")
    assert not memory.keep("b", "", size=10**6, tags=(), until=inf, since=memory.now())
    assert memory.get("a") is not None


def test_a_value_kept_again_is_counted_once(memory: Memory) -> None:
    keep(memory, "a", "one")
    keep(memory, "a", "two")
    assert memory.bytes == OVERHEAD + 100
    assert memory.invalidate(["one"]) == 0
    assert memory.invalidate(["two"]) == 1
    assert memory.bytes == 0


TAGS = st.sets(st.sampled_from("abcdef"), min_size=1, max_size=3)


class MemoryAgainstModel(RuleBasedStateMachine):
    """In any order of events, no value is found that is older than a change of its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = Memory(max_bytes=8 * (OVERHEAD + 10), lifetime=60)
        self.changes = dict.fromkeys("abcdef", 0)
        self.reads: list[tuple[int, dict[str, int]]] = []

    @rule(tags=TAGS)
    def begin_to_read(self, tags: set[str]) -> None:
        self.reads.append((self.memory.now(), {tag: self.changes[tag] for tag in tags}))

    @rule(key=st.integers(0, 12), size=st.integers(0, 50))
    def finish_reading(self, key: int, size: int) -> None:
        if self.reads:
            since, seen = self.reads.pop(0)
            self.memory.keep(key, seen, size=size, tags=tuple(seen), until=inf, since=since)

    @rule(tags=TAGS)
    def change(self, tags: set[str]) -> None:
        for tag in tags:
            self.changes[tag] += 1
        self.memory.invalidate(tags)

    @rule(tag=st.sampled_from("abcdef"))
    def miss_a_change_while_off(self, tag: str) -> None:
        self.memory.switch_off()
        self.changes[tag] += 1

    @rule()
    def join(self) -> None:
        self.memory.switch_on()

    @invariant()
    def nothing_found_is_stale(self) -> None:
        for key in range(13):
            entry = self.memory.get(key)
            assert entry is None or all(self.changes[tag] == seen for tag, seen in entry.value.items())

    @invariant()
    def it_keeps_within_its_bytes(self) -> None:
        assert 0 <= self.memory.bytes <= 8 * (OVERHEAD + 10)
        assert self.memory.bytes == sum(entry.size for entry in self.memory._entries.values())
        assert set(self.memory._keys) == {
            tag for entry in self.memory._entries.values() for tag in entry.tags
        }


TestMemoryAgainstModel = MemoryAgainstModel.TestCase


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2000)), max_size=60))
def test_any_sequence_of_sizes_stays_within_the_bytes(fills: list[tuple[int, int]]) -> None:
    memory = Memory(max_bytes=5000, lifetime=60)
    memory.switch_on()
    for key, size in fills:
        memory.keep(key, "", size=size, tags=(str(key % 3),), until=inf, since=memory.now())
        memory.get(key // 2)
        assert memory.bytes <= 5000
