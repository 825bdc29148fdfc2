"""The admission filter of caches."""

from app.seen_once import SeenOnce


def test_a_key_is_seen_before_from_its_second_use_on() -> None:
    seen = SeenOnce(10)
    assert [seen.seen_before("a") for _ in range(3)] == [False, True, True]
    assert not seen.seen_before("b")


def test_a_forgotten_key_is_new_again() -> None:
    seen = SeenOnce(10)
    seen.seen_before("a")
    seen.forget("a")
    assert not seen.seen_before("a")


def test_the_number_of_remembered_keys_is_bounded() -> None:
    seen = SeenOnce(3)
    for key in range(100):
        assert not seen.seen_before(key)
        assert len(seen) <= 3
