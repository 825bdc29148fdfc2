"""The circuit opens after repeated failures and allows one attempt per pause."""

from time import sleep

from app.cache.breaker import Breaker


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


def test_after_the_pause_one_attempt_is_allowed() -> None:
    breaker = Breaker(failures=1, pause=0.01)
    breaker.failed()
    sleep(0.02)
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.failed()
    assert not breaker.allows()
    sleep(0.02)
    assert breaker.allows()
    breaker.succeeded()
    assert breaker.allows()
    assert not breaker.open
