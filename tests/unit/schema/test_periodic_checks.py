"""Signs of life of all connections by one timer."""

import asyncio
from contextlib import ExitStack
from functools import partial

from schema.http.periodic_checks import SLOTS, PeriodicChecks
from tests.waiting import until


def timers(checks: PeriodicChecks) -> int:
    """That are armed for it in the event loop."""
    return sum(
        checks._tick == handle._callback
        for handle in asyncio.get_running_loop()._scheduled
        if not handle.cancelled()
    )  # type: ignore[attr-defined]


async def test_all_connections_share_one_timer_and_each_is_called_once_in_a_period() -> None:
    checks, calls = PeriodicChecks(0.05), [0] * 500
    assert timers(checks) == 0

    def call(number: int) -> None:
        calls[number] += 1

    with ExitStack() as connections:
        for number in range(250):
            connections.enter_context(checks.calling(partial(call, number)))
        await until(lambda: calls[0] == 1)
        for number in range(250, 500):
            connections.enter_context(checks.calling(partial(call, number)))
        assert timers(checks) == 1
        # Those that came at the same time are called at the same time, and as often as each other.
        await until(lambda: calls[0] == 3)
        assert set(calls[:250]) == {3}
        assert len(set(calls[250:])) == 1
        assert 1 <= calls[-1] <= 3
    assert timers(checks) == 0
    assert [len(slot) for slot in checks._slots] == [0] * SLOTS


async def test_one_that_leaves_while_others_are_called_is_not_called_any_more() -> None:
    checks, called = PeriodicChecks(0.02), []
    second = ExitStack()

    def first() -> None:
        called.append("first")
        second.close()

    with checks.calling(first):
        second.enter_context(checks.calling(lambda: called.append("second")))
        await until(lambda: len(called) == 2)
    assert called == ["first", "first"]
