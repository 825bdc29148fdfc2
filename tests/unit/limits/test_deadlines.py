"""One timer for many deadlines: each ends its own task, in time, and no other."""

import asyncio

import pytest

from app.limits.deadlines import Deadlines


def of(seconds: float) -> Deadlines:
    return Deadlines(seconds, asyncio.get_running_loop())


async def never() -> None:
    await asyncio.Event().wait()


async def test_what_takes_too_long_is_ended_and_says_so() -> None:
    deadlines = of(0.02)
    with pytest.raises(TimeoutError), deadlines.begin():
        await never()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0  # the task goes on as if nothing had been
    await asyncio.sleep(0)
    assert len(deadlines) == 0


async def test_what_is_done_in_time_leaves_nothing_behind() -> None:
    deadlines = of(0.05)
    with deadlines.begin():
        await asyncio.sleep(0)
    assert len(deadlines) == 0
    with pytest.raises(ValueError, match="mine"), deadlines.begin():
        raise ValueError("mine")
    assert len(deadlines) == 0
    await asyncio.sleep(0.1)  # the timer fires, and finds nobody


async def test_each_has_its_own_time_though_the_timer_is_one() -> None:
    deadlines = of(0.1)
    loop = asyncio.get_running_loop()
    took: list[float] = []

    async def one(pause: float) -> None:
        await asyncio.sleep(pause)
        began = loop.time()
        with pytest.raises(TimeoutError), deadlines.begin():
            await never()
        took.append(loop.time() - began)

    await asyncio.gather(*(one(number / 50) for number in range(5)))
    assert min(took) >= 0.099


async def test_who_is_cancelled_by_somebody_else_is_cancelled() -> None:
    deadlines = of(10)

    async def wait() -> None:
        with deadlines.begin():
            await never()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(deadlines) == 0


async def test_who_is_cancelled_at_the_deadline_by_somebody_else_too_is_cancelled() -> None:
    deadlines = of(0.02)

    async def wait() -> None:
        task = asyncio.current_task()
        assert task is not None
        with deadlines.begin():
            try:
                await never()
            finally:
                task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(wait())


async def test_no_seconds_are_no_deadline() -> None:
    deadlines = of(0)
    with deadlines.begin():
        await asyncio.sleep(0.02)
    assert len(deadlines) == 0
