"""The tags that an operation has used, and the earliest expiry among them."""

from collections.abc import Collection
from math import inf
from typing import NamedTuple

from app.cache.read_set import ReadSet


class Part(NamedTuple):
    tags: Collection[str]


def test_it_starts_empty_and_cacheable_without_an_end() -> None:
    used = ReadSet()
    assert (used.tags, used.fetched, used.until, used.uncacheable) == (set(), set(), inf, None)


def test_the_earliest_expiry_counts() -> None:
    used = ReadSet()
    used.add("a")
    assert used.until == inf
    used.add("b", 7)
    used.add("c", 9)
    assert used.until == 7
    used.update(["d", "e"], 8)
    assert used.until == 7
    used.update(["f"])
    used.update([], 5)
    assert used.until == 5
    assert used.tags == set("abcdef")


def test_it_states_why_nothing_may_be_kept() -> None:
    used = ReadSet()
    used.never_keep("it depends on the viewer")
    assert used.uncacheable == "it depends on the viewer"


def test_tags_of_parts_are_united_when_they_are_read() -> None:
    used = ReadSet()
    assert not used.has_tags()
    used.update_with_parts([Part(("a", "b")), Part({"b", "c"})], 8)
    assert used.has_tags()
    assert used.until == 8
    used.add("d", 9)
    assert used.tags == set("abcd")
    used.update_with_parts([Part(("e",))], inf)
    assert (used.tags, used.until) == (set("abcde"), 8)
    other = ReadSet()
    other.update_with_parts([Part(("x",))], 7)
    used.merge(other)
    assert (used.tags, used.until) == (set("abcdex"), 7)


def test_it_counts_tags_and_each_part_as_one_at_least() -> None:
    used = ReadSet()
    used.update_with_parts([Part(("a", "b")), Part(("b", "c"))], inf)
    assert used.has_more_tags_than(1)
    assert used.has_more_tags_than(2)
    assert not used.has_more_tags_than(3)
    used.add("d")
    assert used.has_more_tags_than(3)
    assert not used.has_more_tags_than(4)


def test_what_does_not_come_from_records_is_a_bound_of_its_own() -> None:
    used = ReadSet()
    used.add("record", 5)
    assert (used.until, used.bound) == (5, inf)
    used.update(["others"], 9)
    assert (used.until, used.bound) == (5, 9)
    used.change_at(7)
    assert (used.until, used.bound) == (5, 7)
    other = ReadSet()
    other.add("record", 3)
    used.merge(other)
    assert (used.until, used.bound) == (3, 7)
    other.change_at(2)
    used.merge(other)
    assert (used.until, used.bound) == (2, 2)
