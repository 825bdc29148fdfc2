"""Keys in Redis of a tag's value and of its lease."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from app.cache.redis import SharedCache
from app.domain import tags

# A slug comes from a request: any text.
slugs = st.text(max_size=20) | st.text("{}:*?[]\\\0", max_size=8)


def keys(slug: str, epoch: int = 7) -> list[bytes]:
    """Of the value and of the lease."""
    cache: Any = SimpleNamespace(generation=f"1.{epoch}")
    cache._key = lambda tag: SharedCache._key(cache, tag)
    return SharedCache._pairs(cache, [tags.slug(slug)])


@given(slugs)
def test_a_value_and_its_lease_are_always_on_one_node(slug: str) -> None:
    value, lease = keys(slug)
    assert key_slot(value) == key_slot(lease)


@given(slugs, slugs)
def test_no_two_tags_share_a_key(one: str, other: str) -> None:
    assert len({*keys(one), *keys(other)}) == (2 if one == other else 4)


@given(slugs)
def test_another_epoch_has_other_keys(slug: str) -> None:
    assert len({*keys(slug, 1), *keys(slug, 2), *keys(slug, 12)}) == 6
