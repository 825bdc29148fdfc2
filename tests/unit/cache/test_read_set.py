"""The tags that an operation has used, and the earliest expiry among them."""

from math import inf

from app.cache.read_set import ReadSet


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
