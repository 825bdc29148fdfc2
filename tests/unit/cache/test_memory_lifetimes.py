"""L1: when an entry, a proof and an invalidation end, to the exact moment and byte; and its metrics."""

from collections.abc import Callable, Sequence
from math import inf

import pytest
from prometheus_client import REGISTRY

from app.cache import memory as module
from app.cache.memory import OVERHEAD, TAG, Memory
from tests.unit.cache import clock as clocks
from tests.unit.cache.clock import Clock

ENTRY = OVERHEAD + 100  # bytes of one entry of `keep`


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return clocks.install(monkeypatch, module)


def opened(entries: int = 100, lifetime: float = 60) -> Memory:
    memory = Memory(max_bytes=entries * ENTRY, lifetime=lifetime)
    memory.switch_on()
    return memory


def keep(memory: Memory, key: str, *, until: float = inf, answer: bool = False, since: int = -1) -> bool:
    moment = memory.now() if since < 0 else since
    return memory.keep(key, key, size=100, tags=(key,), until=until, since=moment, answer=answer)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_before_it_is_switched_on_it_is_empty_and_not_enabled(clock: Clock) -> None:
    memory = Memory(10_000, 60)
    assert (memory.bytes, len(memory), memory.enabled, memory.now()) == (0, 0, False, 0)
    assert not memory.received_all_since(memory.now())


def test_an_entry_ends_at_its_expiry(clock: Clock) -> None:
    memory = opened()
    keep(memory, "a", until=1010)
    clock.now = 1009.9
    assert memory.get("a") is not None
    clock.now = 1010
    assert memory.get("a") is None
    assert len(memory) == 0


def test_an_entry_ends_with_the_lifetime_of_the_memory(clock: Clock) -> None:
    memory = opened(lifetime=60)
    keep(memory, "long", until=5000)
    keep(memory, "short", until=1059)
    long, short = memory.get("long"), memory.get("short")
    assert long is not None
    assert short is not None
    assert (long.until, short.until) == (1060, 1059)


def test_a_value_that_has_expired_is_not_kept(clock: Clock) -> None:
    memory = opened()
    assert not keep(memory, "a", until=1000)
    assert keep(memory, "a", until=1000.1)


def test_a_proof_ends_at_its_time_and_entries_stay_for_the_next(clock: Clock) -> None:
    memory = opened()
    keep(memory, "a")
    memory.valid_until = 1005
    clock.now = 1004.9
    assert memory.enabled
    assert memory.get("a") is not None
    clock.now = 1005
    assert not memory.enabled
    assert memory.get("a") is None
    assert not memory.received_all_since(memory.now())
    memory.valid_until = 1010
    assert memory.enabled
    assert memory.get("a") is not None


def test_it_is_switched_on_until_a_proof_ends(clock: Clock) -> None:
    memory = Memory(10_000, 60)
    memory.switch_on(1005)
    assert memory.enabled
    clock.now = 1005
    assert not memory.enabled
    memory.switch_on()
    clock.now = 10**9
    assert memory.enabled


def test_while_switched_off_it_is_not_enabled_whatever_the_proof(clock: Clock) -> None:
    memory = opened()
    memory.switch_off()
    assert memory.valid_until == -inf
    memory.valid_until = inf
    assert not memory.enabled
    assert not keep(memory, "a")


def test_to_switch_it_on_again_keeps_its_entries(clock: Clock) -> None:
    memory = opened()
    keep(memory, "a")
    memory.switch_on()
    assert memory.get("a") is not None


def test_clear_removes_entries_and_their_bytes(clock: Clock) -> None:
    memory = opened(3)
    for _ in range(2):
        for key in "abc":
            assert keep(memory, key)
        assert memory.bytes == 3 * ENTRY
        memory.clear()
        assert (memory.bytes, len(memory)) == (0, 0)
        assert memory.get("a") is None
    assert memory.invalidate(["a"]) == 0


def test_all_was_received_since_a_moment_unless_a_clear_came_after_it(clock: Clock) -> None:
    memory = opened()
    before = memory.now()
    memory.invalidate(["a"])
    assert memory.received_all_since(before)
    memory.clear()
    assert not memory.received_all_since(before)
    assert memory.received_all_since(memory.now())


def test_each_invalidation_is_a_later_moment(clock: Clock) -> None:
    memory = opened()
    memory.invalidate(["a"])
    between = memory.now()
    memory.invalidate(["b"])
    assert memory.now() > between
    assert keep(memory, "a", since=between)
    assert not keep(memory, "b", since=between)


def test_the_latest_invalidation_of_a_tag_counts(clock: Clock) -> None:
    memory = opened()
    memory.invalidate(["a"])
    between = memory.now()
    memory.invalidate(["a"])
    assert not keep(memory, "a", since=between)


def test_a_tag_invalidated_again_is_forgotten_last(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOMENTS", 4)
    memory = opened()
    for tag in ("again", "1", "2", "3"):
        memory.invalidate([tag])
    before = memory.now()
    memory.invalidate(["again"])
    memory.invalidate(["4"])  # the fifth tag: the three oldest are forgotten
    assert not keep(memory, "again", since=before)
    assert keep(memory, "3", since=before)


def test_as_many_tags_as_are_remembered_outdate_no_other_fill(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOMENTS", 4)
    memory = opened()
    before = memory.now()
    for tag in "1234":
        memory.invalidate([tag])
    assert keep(memory, "other", since=before)
    memory.invalidate(["5"])
    assert not keep(memory, "other", since=before)
    # Half of them are remembered; of the others only the moment of the latest.
    assert len(memory._invalidated) == 2
    assert keep(memory, "other", since=before + 3)
    assert not keep(memory, "other", since=before + 2)


def test_a_response_may_take_an_eighth_and_a_record_all_of_the_bytes(clock: Clock) -> None:
    memory = Memory(max_bytes=80_000, lifetime=60)
    memory.switch_on()

    def fits(size: int, *, answer: bool) -> bool:
        moment = memory.now()
        return memory.keep(
            "key", "", size=size - OVERHEAD, tags=("a",), until=inf, since=moment, answer=answer
        )

    assert fits(10_000, answer=True)
    assert not fits(10_001, answer=True)
    assert fits(80_000, answer=False)
    assert not fits(80_001, answer=False)


@pytest.mark.parametrize(("tags", "size"), [(0, 0), (1, 0), (2, TAG), (5, 4 * TAG)])
def test_each_tag_after_the_first_has_a_size(clock: Clock, tags: int, size: int) -> None:
    memory = opened()
    names = tuple(map(str, range(tags)))
    memory.keep("a", "", size=100, tags=names, until=inf, since=memory.now())
    assert memory.bytes == ENTRY + size


def test_the_bytes_are_used_to_the_last(clock: Clock) -> None:
    memory = opened(10)
    for number in range(10):
        keep(memory, str(number))
    assert len(memory) == 10
    keep(memory, "10")
    assert len(memory) == 10
    assert memory.get("0") is None


def test_new_responses_fill_their_eighth_to_the_last_byte(clock: Clock) -> None:
    memory = opened(80)
    for number in range(20):
        keep(memory, str(number), answer=True)
    assert len(memory) == 10
    assert memory.get("9") is None
    assert memory.get("10") is not None


def test_a_used_record_that_gets_a_second_chance_stays_among_the_records(clock: Clock) -> None:
    """Repeated responses cannot evict it while the records are within their half."""
    memory = opened(100)
    for number in range(50):
        keep(memory, f"record {number}")
    for number in range(50):
        keep(memory, f"more {number}")
    for number in range(50):
        memory.get(f"record {number}")
    for number in range(400):
        keep(memory, f"answer {number}", answer=True)
        memory.get(f"answer {number}")
    assert sum(memory.get(f"record {number}") is not None for number in range(50)) == 50


def test_a_second_chance_is_given_once(clock: Clock) -> None:
    memory = opened(3)
    for key in "abc":
        keep(memory, key)
    memory.get("a")
    keep(memory, "d")  # evicts b
    assert set(memory._entries) == {"a", "c", "d"}
    for key in "ef":
        keep(memory, key)
    assert set(memory._entries) == {"a", "e", "f"}
    keep(memory, "g")
    assert set(memory._entries) == {"e", "f", "g"}


def test_the_segments_sum_up_to_all_bytes(clock: Clock) -> None:
    memory = opened(24)
    for number in range(60):
        keep(memory, f"{number}", answer=number % 2 == 0)
        if number % 3 == 0:
            memory.get(f"{number}")
        assert memory.bytes == sum(segment.bytes for segment in memory._segments) == len(memory) * ENTRY
        assert sum(len(segment.keys) for segment in memory._segments) == len(memory)
    memory.invalidate(map(str, range(60)))
    assert [segment.bytes for segment in memory._segments] == [0, 0, 0]
    assert not any(segment.keys for segment in memory._segments)


def test_trust_bytes_and_rejected_fills_are_metrics(clock: Clock) -> None:
    rejected = metric("dno_cache_refused_fills_total", layer="l1")
    memory = Memory(max_bytes=10 * ENTRY, lifetime=60)
    assert metric("dno_cache_trusted", layer="l1") == 0
    memory.switch_on()
    assert metric("dno_cache_trusted", layer="l1") == 1
    before = memory.now()
    keep(memory, "a")
    keep(memory, "b")
    assert metric("dno_cache_memory_bytes") == 2 * ENTRY
    memory.invalidate(["a"])
    assert metric("dno_cache_memory_bytes") == ENTRY
    assert not keep(memory, "a", since=before)
    assert metric("dno_cache_refused_fills_total", layer="l1") == rejected + 1
    memory.switch_off()
    assert metric("dno_cache_memory_bytes") == 0
    assert metric("dno_cache_trusted", layer="l1") == 0


def test_several_keys_are_read_as_each_alone(clock: Clock) -> None:
    memory = opened(lifetime=60)
    keep(memory, "a", until=1010)
    keep(memory, "b")
    clock.now = 1010
    found = memory.get_each(["a", "b", "absent", "a", "b"])
    assert [entry and entry.value for entry in found] == [None, "b", None, None, "b"]
    assert len(memory) == 1  # what has expired is evicted


def test_several_keys_are_read_only_while_the_proof_holds(clock: Clock) -> None:
    memory = opened()
    keep(memory, "a")
    memory.switch_on(valid_until=1005)
    assert memory.get_each(["a"]) != [None]
    clock.now = 1005
    assert memory.get_each(["a"]) == [None]
    assert len(memory) == 1


def test_entries_that_are_kept_together_end_at_different_moments_within_the_jitter(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter((0.0, 0.5, 1.0, 1.0))
    monkeypatch.setattr(module, "random", lambda: next(drawn))
    memory = Memory(max_bytes=100 * ENTRY, lifetime=60, jitter=0.1)
    memory.switch_on()
    keep(memory, "a")
    keep(memory, "b")
    keep(memory, "c")
    keep(memory, "d", until=1010)
    ends = [entry.until for entry in memory.get_each("abcd") if entry is not None]
    assert ends == [1060, 1057, 1054, 1010]


def test_all_of_several_are_read_with_their_tags_and_their_first_end(clock: Clock) -> None:
    memory = opened()
    keep(memory, "a", until=1030)
    keep(memory, "b", until=1020)
    keep(memory, "c")
    found = memory.get_all("cab")
    assert found is not None
    entries, values, end = found
    assert ([entry.tags for entry in entries], values, end) == (
        [("c",), ("a",), ("b",)],
        ["c", "a", "b"],
        1020,
    )
    assert memory.get_all(["a", "absent"]) is None
    clock.now = 1020
    assert memory.get_all("ab") is None
    assert memory.get_all("ac") is not None
    memory.switch_on(valid_until=1020)
    assert memory.get_all("ac") is None


def test_several_end_with_the_first_and_it_is_unknown_where_one_is_missing(clock: Clock) -> None:
    memory = opened()
    keep(memory, "a", until=1030)
    keep(memory, "b", until=1020)
    assert memory.end_of(["a", "b"]) == 1020
    assert memory.end_of(["a", "absent"]) is None
    assert memory.end_of([]) == inf


@pytest.mark.parametrize("read", [Memory.get_each, Memory.get_all])
def test_what_was_read_with_others_is_used_when_it_is_the_oldest(
    clock: Clock, read: Callable[[Memory, Sequence[str]], object]
) -> None:
    memory = opened(8)
    keep(memory, "a", answer=True)
    read(memory, ["a"])
    keep(memory, "b", answer=True)  # the probation segment holds one of them
    assert memory.get("a") is not None
