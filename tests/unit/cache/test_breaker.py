"""The circuit opens after repeated failures and allows one attempt per pause."""

import pytest

from app.cache import breaker as module
from app.cache.breaker import Breaker
from tests.unit.cache import clock as clocks
from tests.unit.cache.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return clocks.install(monkeypatch, module)


def test_it_opens_after_the_set_number_of_failures_in_a_row() -> None:
    breaker = Breaker(failures=3, pause=60)
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert breaker.allows()
    breaker.failed()
    assert breaker.open
    assert not breaker.allows()


def test_a_new_breaker_is_closed(clock: Clock) -> None:
    breaker = Breaker(failures=1, pause=10)
    assert (breaker.open, breaker.failing, breaker.allows()) == (False, False, True)


def test_it_is_failing_from_the_first_failure_and_open_from_the_set_number(clock: Clock) -> None:
    breaker = Breaker(failures=2, pause=10)
    breaker.failed()
    assert (breaker.open, breaker.failing, breaker.allows()) == (False, True, True)
    breaker.failed()
    assert (breaker.open, breaker.failing, breaker.allows()) == (True, True, False)
    breaker.succeeded()
    assert (breaker.open, breaker.failing, breaker.allows()) == (False, False, True)


def test_one_attempt_is_allowed_at_the_end_of_each_pause(clock: Clock) -> None:
    breaker = Breaker(failures=1, pause=10)
    breaker.failed()
    clock.now = 1009.9
    assert not breaker.allows()
    clock.now = 1010
    assert [breaker.allows(), breaker.allows()] == [True, False]
    clock.now = 1019.9
    assert not breaker.allows()
    clock.now = 1020
    assert breaker.allows()
    clock.now = 1025
    breaker.failed()
    clock.now = 1034.9
    assert not breaker.allows()
    clock.now = 1035
    assert breaker.allows()


def test_failures_start_again_after_a_success(clock: Clock) -> None:
    breaker = Breaker(failures=2, pause=10)
    for _ in range(3):
        breaker.failed()
        breaker.succeeded()
    breaker.failed()
    assert not breaker.open


def test_a_successful_attempt_closes_it(clock: Clock) -> None:
    breaker = Breaker(failures=1, pause=10)
    breaker.failed()
    clock.now = 1010
    assert breaker.allows()
    breaker.succeeded()
    assert [breaker.allows(), breaker.allows()] == [True, True]
    assert not breaker.open
