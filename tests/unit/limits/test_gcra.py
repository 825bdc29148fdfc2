"""The generic cell rate algorithm in memory, with a clock that stands still."""

import pytest

from app.limits.rate_limiter.gcra import Gcra
from app.limits.rate_limiter.policy import Policy


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("app.limits.rate_limiter.gcra.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def ten_units() -> Gcra:
    """One every ten seconds."""
    return Gcra(Policy("test", 10, 100))


def test_units_are_taken_until_none_is_left_and_the_wait_is_that_for_the_next(clock: Clock) -> None:
    bucket = ten_units()
    assert bucket.left() == 10
    assert [bucket.take() for _ in range(10)] == [0.0] * 10
    assert bucket.left() == 0
    assert (bucket.take(), bucket.take()) == (10, 10), "a rejection takes nothing"
    clock.now += 4
    assert bucket.take() == 6
    clock.now += 6
    assert (bucket.take(), bucket.take()) == (0, 10)


def test_an_idle_bucket_is_full_and_never_more_than_full(clock: Clock) -> None:
    bucket = ten_units()
    bucket.take(10)
    clock.now += 500
    assert bucket.left() == 10
    assert bucket.take(10) == 0
    assert bucket.take() == 10


def test_a_weight_is_so_many_units(clock: Clock) -> None:
    bucket = ten_units()
    assert bucket.take(3) == 0
    assert bucket.left() == 7
    assert bucket.take(8) == 10
    assert bucket.left() == 7
    bucket.give_back()
    assert bucket.left() == 8
    bucket.give_back(2)
    assert bucket.left() == 10


def test_a_tenth_of_a_unit_is_tolerated(clock: Clock) -> None:
    bucket = ten_units()
    bucket.take(10)
    clock.now += 8.5
    assert bucket.left() == 0
    assert bucket.take() == 1.5
    clock.now += 0.5
    assert bucket.left() == 1
    assert bucket.take() == 0


def test_a_debt_is_taken_whatever_is_left_and_is_bounded_by_one_more_window(clock: Clock) -> None:
    bucket = ten_units()
    bucket.owe(3)
    assert bucket.left() == 7
    bucket.owe(10)
    assert bucket.left() == 0
    assert bucket.take() == 40
    bucket.owe(1000)
    assert bucket.take() == 110
    clock.now += 500
    bucket.owe(1)
    assert bucket.left() == 9


def test_without_a_limit_no_unit_is_left(clock: Clock) -> None:
    assert Gcra(Policy("test", 0, 100)).left() == 0
