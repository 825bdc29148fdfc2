"""One timer for many deadlines: each cancels its own task, in time, and no other."""

import asyncio

import pytest

from app.limits.deadlines import Deadlines


def of(seconds: float) -> Deadlines:
    return Deadlines(seconds, asyncio.get_running_loop())


async def never() -> None:
    await asyncio.Event().wait()


async def test_a_block_that_takes_too_long_ends_with_a_timeout_error() -> None:
    deadlines = of(0.02)
    with pytest.raises(TimeoutError), deadlines.begin():
        await never()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0  # the task continues uncancelled
    await asyncio.sleep(0)
    assert len(deadlines) == 0


async def test_a_block_that_ends_in_time_leaves_no_deadline() -> None:
    deadlines = of(0.05)
    with deadlines.begin():
        await asyncio.sleep(0)
    assert len(deadlines) == 0
    with pytest.raises(ValueError, match="mine"), deadlines.begin():
        raise ValueError("mine")
    assert len(deadlines) == 0
    await asyncio.sleep(0.1)  # the timer fires, and finds no deadline


async def test_deadlines_are_separate_although_they_share_a_timer() -> None:
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


async def test_a_task_that_is_cancelled_from_outside_stays_cancelled() -> None:
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


async def test_a_task_that_is_also_cancelled_from_outside_at_the_deadline_stays_cancelled() -> None:
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


async def test_zero_seconds_mean_no_deadline() -> None:
    deadlines = of(0)
    with deadlines.begin():
        await asyncio.sleep(0.02)
    assert len(deadlines) == 0
