"""Open subscriptions are bounded by the bytes of their documents and variables, in all and per caller."""

from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any

import pytest

from app.errors import Overloaded
from schema.http.open_subscriptions import OpenSubscriptions

# Of one subscription without variables: 4000 bytes, and four times the JSON of its variables, which is {}.
ONE = 4008
DOCUMENT = 1000


def operation(document_bytes: int = DOCUMENT) -> Any:
    return SimpleNamespace(document=SimpleNamespace(memory_use=SimpleNamespace(bytes=document_bytes)))


def admits(open_ones: OpenSubscriptions, caller: str, of: Any, variables: dict[str, Any]) -> bool:
    with suppress(Overloaded), open_ones.hold(caller, of, variables):
        return True
    return False


def test_a_subscription_counts_with_its_document_and_its_variables() -> None:
    open_ones = OpenSubscriptions(10**6)
    with open_ones.hold("a", operation(), {}):
        assert open_ones.bytes == ONE + DOCUMENT
        with open_ones.hold("a", operation(10), {"a": "é"}):  # {"a":"é"} is 10 bytes
            assert open_ones.bytes == ONE + DOCUMENT + 4000 + 4 * 10 + 10
        assert open_ones.bytes == ONE + DOCUMENT
    assert open_ones.bytes == 0


def test_a_document_counts_once_until_its_last_subscription_ends() -> None:
    open_ones, shared = OpenSubscriptions(10**6), operation()
    first, second = open_ones.hold("a", shared, {}), open_ones.hold("b", shared, {})
    with ExitStack() as of_first:
        of_first.enter_context(first)
        with second:
            assert open_ones.bytes == DOCUMENT + 2 * ONE
            of_first.close()
            assert open_ones.bytes == DOCUMENT + ONE
            with open_ones.hold("c", shared, {}):
                assert open_ones.bytes == DOCUMENT + 2 * ONE
    assert open_ones.bytes == 0
    with open_ones.hold("a", shared, {}):
        assert open_ones.bytes == DOCUMENT + ONE


def test_one_caller_may_hold_a_quarter() -> None:
    open_ones = OpenSubscriptions(4 * (2 * ONE + DOCUMENT))
    shared = operation()
    with open_ones.hold("a", shared, {}):
        with open_ones.hold("a", shared, {}):  # exactly the quarter
            assert not admits(open_ones, "a", shared, {})
            assert admits(open_ones, "b", shared, {})
        assert admits(open_ones, "a", shared, {})
        assert not admits(open_ones, "a", shared, {"a": 1})
    assert not admits(OpenSubscriptions(4 * (ONE + DOCUMENT) - 1), "a", shared, {})
    assert admits(OpenSubscriptions(4 * (ONE + DOCUMENT)), "a", shared, {})


def test_all_callers_together_hold_no_more_than_the_maximum() -> None:
    open_ones, shared = OpenSubscriptions(4 * (DOCUMENT + ONE)), operation()
    with ExitStack() as held:
        for number in range(4):
            held.enter_context(open_ones.hold(f"caller {number}", shared, {}))
        assert open_ones.bytes == DOCUMENT + 4 * ONE
        assert not admits(open_ones, "another", operation(DOCUMENT), {})
        assert admits(OpenSubscriptions(4 * (DOCUMENT + ONE)), "another", operation(DOCUMENT), {})
    assert open_ones.bytes == 0
    exact, full = OpenSubscriptions(4 * (DOCUMENT + ONE)), operation(DOCUMENT)
    with ExitStack() as held:
        for number in range(4):
            held.enter_context(exact.hold(f"caller {number}", operation(DOCUMENT), {}))
        assert exact.bytes == 4 * (DOCUMENT + ONE)  # exactly the maximum
        assert not admits(exact, "another", full, {})


def test_a_rejected_subscription_holds_nothing() -> None:
    open_ones = OpenSubscriptions(4 * ONE)
    with pytest.raises(Overloaded) as refused, open_ones.hold("a", operation(1), {}):
        pass
    assert refused.value.message == "There are too many large subscriptions; please try again later."
    assert refused.value.retry_after == 10
    assert open_ones.bytes == 0
    assert admits(open_ones, "a", operation(0), {})


def test_a_subscription_that_ends_with_an_error_releases_what_it_held() -> None:
    open_ones = OpenSubscriptions(4 * (DOCUMENT + ONE))
    for _ in range(3):
        with suppress(ValueError), open_ones.hold("a", operation(), {}):
            raise ValueError
    assert open_ones.bytes == 0
