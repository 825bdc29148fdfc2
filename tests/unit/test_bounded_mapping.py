"""BoundedMapping against a model, and each of its bounds."""

from collections.abc import Iterable

import hypothesis.strategies as st
from hypothesis import given

from app.bounded_mapping import BoundedMapping

KEYS = st.integers(0, 8)


def length(key: int, value: str) -> int:
    return len(value)


def test_the_oldest_entry_is_evicted_beyond_the_number_of_entries() -> None:
    mapping: BoundedMapping[str, int] = BoundedMapping(2)
    mapping["a"], mapping["b"], mapping["c"] = 1, 2, 3
    assert list(mapping) == ["b", "c"]
    assert "a" not in mapping
    assert mapping.get("a") is None
    assert mapping.get("a", 0) == 0


def test_setting_and_touching_make_an_entry_the_newest_and_reading_does_not() -> None:
    mapping: BoundedMapping[str, int] = BoundedMapping(3)
    mapping["a"], mapping["b"], mapping["c"] = 1, 2, 3
    mapping["a"] = 4
    mapping.touch("b")
    assert mapping.get("c") == 3
    assert list(mapping) == ["c", "a", "b"]


def test_entries_are_evicted_until_each_total_is_within_its_limit() -> None:
    mapping: BoundedMapping[int, str] = BoundedMapping(100, (10, length), (3, lambda key, value: 1))
    mapping[1], mapping[2], mapping[3] = "xxx", "xxx", "xxx"
    assert mapping.totals == [9, 3]
    mapping[4] = "x"
    assert list(mapping) == [2, 3, 4]
    mapping[5] = "xxxxxxx"
    assert (list(mapping), mapping.totals) == ([4, 5], [8, 2])


def test_an_entry_larger_than_a_limit_is_not_kept() -> None:
    mapping: BoundedMapping[int, str] = BoundedMapping(100, (3, length))
    mapping[1] = "xxxx"
    assert (len(mapping), mapping.totals) == (0, [0])


@given(st.lists(st.tuples(st.sampled_from(["set", "discard", "touch", "clear"]), KEYS, st.text(max_size=6))))
def test_totals_are_those_of_the_entries(steps: Iterable[tuple[str, int, str]]) -> None:
    mapping: BoundedMapping[int, str] = BoundedMapping(4, (12, length))
    model: dict[int, str] = {}
    for step, key, value in steps:
        if step == "set":
            mapping[key] = value
            model.pop(key, None)
            model[key] = value
            while len(model) > 4 or sum(map(len, model.values())) > 12:
                del model[next(iter(model))]
        elif step == "discard":
            mapping.discard(key)
            model.pop(key, None)
        elif step == "clear":
            mapping.clear()
            model.clear()
        elif key in model:
            mapping.touch(key)
            model[key] = model.pop(key)
        assert list(mapping) == list(model)
        assert [mapping.get(each) for each in mapping] == list(model.values())
        assert mapping.totals == [sum(map(len, model.values()))]
