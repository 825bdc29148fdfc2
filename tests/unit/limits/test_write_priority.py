"""How many requests begin in an iteration of the event loop while a write is being executed."""

from collections.abc import Callable
from functools import partial
from typing import Any

from app.limits.write_priority import WITH_WRITES, WritePriority


class Loop:
    """An event loop whose iterations are run by hand."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, call: Callable[[], None]) -> None:
        self.soon.append(call)

    def iterate(self) -> None:
        calls, self.soon = self.soon, []
        for call in calls:
            call()


def priority() -> tuple[WritePriority, Loop]:
    loop: Any = Loop()
    return WritePriority(loop), loop


def receive(priority: WritePriority, numbers: range) -> list[int]:
    """The numbers of the requests that have begun."""
    begun: list[int] = []
    for number in numbers:
        if priority.may_begin():
            begun.append(number)
        else:
            priority.wait(partial(begin, begun, number))
    return begun


def begin(begun: list[int], number: int) -> bool:
    begun.append(number)
    return True


def test_without_writes_all_requests_begin_at_once() -> None:
    requests, loop = priority()
    assert receive(requests, range(100)) == list(range(100))
    assert not loop.soon


def test_while_a_write_is_executed_some_requests_begin_in_each_iteration_in_their_order() -> None:
    requests, loop = priority()
    with requests:
        begun = receive(requests, range(3 * WITH_WRITES + 1))
        for iteration in range(1, 4):
            assert begun == list(range(iteration * WITH_WRITES))
            loop.iterate()
        assert begun == list(range(3 * WITH_WRITES + 1))
        loop.iterate()
        assert not loop.soon, "nothing is called when no request waits"
        assert len(receive(requests, range(WITH_WRITES))) == WITH_WRITES


def test_a_request_does_not_begin_before_those_that_wait() -> None:
    requests, loop = priority()
    with requests:
        first = receive(requests, range(WITH_WRITES + 1))
        loop.iterate()
        assert first == list(range(WITH_WRITES + 1))
        receive(requests, range(2 * WITH_WRITES))
    assert len(requests) > 0
    assert not requests.may_begin(), "also when the write has ended meanwhile"


def test_requests_of_clients_that_have_gone_take_no_turn() -> None:
    requests, loop = priority()
    gone: list[int] = []
    with requests:
        receive(requests, range(WITH_WRITES))
        for number in range(3 * WITH_WRITES):
            requests.wait(lambda number=number: gone.append(number) is not None)  # type: ignore[misc]
        begun = receive(requests, range(WITH_WRITES + 1))
        loop.iterate()
        assert len(gone) == 3 * WITH_WRITES
        assert begun == list(range(WITH_WRITES))


def test_when_the_last_write_has_ended_all_that_wait_begin() -> None:
    requests, loop = priority()
    with requests, requests:
        begun = receive(requests, range(10 * WITH_WRITES))
    assert begun == list(range(WITH_WRITES))
    loop.iterate()
    assert begun == list(range(10 * WITH_WRITES))
    loop.iterate()
    assert not loop.soon
    assert receive(requests, range(100)) == list(range(100))


def test_requests_that_begin_by_waiting_ones_are_counted_with_them() -> None:
    requests, loop = priority()
    begun: list[bool] = []
    with requests:
        receive(requests, range(WITH_WRITES))
        requests.wait(lambda: begun.append(requests.may_begin()) is None)
        loop.iterate()
        assert begun == [True]
        assert [requests.may_begin() for _ in range(WITH_WRITES)] == [True] * (WITH_WRITES - 2) + [False] * 2
