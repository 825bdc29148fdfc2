"""Work that has begun is completed although its caller is cancelled."""

import asyncio
import gc
from typing import Any

import pytest

from app.limits.cancellation import shield_once
from tests.waiting import LIMIT


class Work:
    def __init__(self, error: Exception | None = None) -> None:
        self.begun = False
        self.proceed = asyncio.Event()
        self.completed = False
        self._error = error

    async def run(self) -> str:
        await self.proceed.wait()
        if self._error is not None:
            raise self._error
        self.completed = True
        return "result"

    def start(self) -> "asyncio.Task[str]":
        return asyncio.create_task(shield_once(self.run(), begun=lambda: self.begun))


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_result_and_the_error_of_the_work_are_passed_on() -> None:
    work, failing = Work(), Work(ValueError("of its own"))
    tasks = [work.start(), failing.start()]
    work.proceed.set()
    failing.proceed.set()
    assert await tasks[0] == "result"
    with pytest.raises(ValueError, match="of its own"):
        await tasks[1]


async def test_work_that_has_not_begun_is_cancelled_with_its_caller() -> None:
    work = Work()
    caller = work.start()
    await turns()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not work.completed


@pytest.mark.parametrize("error", [None, ValueError("of its own")])
async def test_work_that_has_begun_is_completed_before_its_caller_is_cancelled(
    error: Exception | None,
) -> None:
    unhandled: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    work = Work(error)
    caller = work.start()
    await turns()
    work.begun = True
    for _ in range(2):
        caller.cancel()
        await turns()
        assert not caller.done()
    work.proceed.set()
    await asyncio.wait([caller])
    assert caller.cancelled()
    assert work.completed is (error is None)
    del caller
    gc.collect()
    assert unhandled == [], "an error of the work counts as handled"


async def test_work_that_is_cancelled_before_its_first_step_ends_its_caller() -> None:
    made: list[asyncio.Task[Any]] = []

    def make(loop: asyncio.AbstractEventLoop, work: Any, **given: Any) -> asyncio.Task[Any]:
        made.append(asyncio.Task(work, loop=loop, **given))
        return made[-1]

    loop = asyncio.get_running_loop()
    work = Work()
    caller = work.start()
    loop.set_task_factory(make)
    try:
        loop.call_soon(
            lambda: made[0].cancel()
        )  # after the first step of the caller, before that of the work
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(caller, LIMIT)
    finally:
        loop.set_task_factory(None)
    assert made[0].cancelled()


@pytest.mark.filterwarnings("error")
async def test_work_that_never_began_leaves_nothing_behind_when_its_caller_is_cancelled() -> None:
    work = Work()
    caller = work.start()
    await asyncio.sleep(0)  # the first step of the caller
    caller.cancel()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    del caller
    gc.collect()
    assert not work.completed
