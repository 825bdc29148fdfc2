"""Steps that run side by side: none is left behind when another fails or the operation is cancelled."""

import asyncio
from inspect import CORO_CLOSED, getcoroutinestate

import pytest

from app.limits.work_budget import WorkBudget
from app.settings import Settings
from schema.execution.side_by_side import run_side_by_side


async def step(begun: list[int], number: int) -> None:
    begun.append(number)
    await asyncio.sleep(0)


@pytest.fixture
def budget() -> WorkBudget:
    return WorkBudget(Settings())


async def test_all_steps_run(budget: WorkBudget) -> None:
    begun: list[int] = []
    await run_side_by_side((step(begun, number) for number in range(3)), budget)
    assert begun == [0, 1, 2]


async def test_steps_that_are_cancelled_before_they_have_begun_are_closed(budget: WorkBudget) -> None:
    begun: list[int] = []
    steps = [step(begun, number) for number in range(3)]
    running = asyncio.create_task(run_side_by_side(steps, budget))
    await asyncio.sleep(0)  # the steps have their tasks, and none has begun
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert begun == []
    assert {getcoroutinestate(each) for each in steps} == {CORO_CLOSED}


async def test_the_first_failure_cancels_the_others(budget: WorkBudget) -> None:
    begun: list[int] = []

    async def fails() -> None:
        raise ValueError("on purpose")

    others = [step(begun, number) for number in range(2)]
    with pytest.raises(ValueError, match="on purpose"):
        await run_side_by_side([others[0], fails(), others[1]], budget)
    assert {getcoroutinestate(each) for each in others} == {CORO_CLOSED}
