"""Operations that compute for long: how many of them run beside others, and which are expected to."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from app.errors import Overloaded
from app.limits.concurrency_limiter import ConcurrencyLimiter
from app.limits.expensive_operations import (
    BUSY,
    EXPENSIVE,
    MIN_RUNNING,
    SHARE,
    ExpensiveOperations,
    ExpensiveTurn,
    MeasuredWork,
)
from tests.turns import start_all, taken


async def test_beside_others_as_many_run_as_are_executed_in_a_part_of_the_target() -> None:
    limiter = ExpensiveOperations(40, 0, max_queue_time=1, target_service_time=0.1)
    limiter.service_time.add_sample(0.005)
    limiter.note_other()
    async with AsyncExitStack() as stack:
        await start_all(stack, limiter, round(SHARE * 0.1 / 0.005))
        with pytest.raises(Overloaded):
            await stack.enter_async_context(taken(limiter))
        with pytest.raises(Overloaded):
            await stack.enter_async_context(taken(limiter.preferred))
        limiter._other_at = 0.0
        await start_all(stack, limiter, 40 - limiter.running)
        assert limiter.running == 40
    assert limiter.running == 0


def test_cached_responses_are_others_as_long_as_more_of_them_are_found() -> None:
    limiter = ExpensiveOperations(40, 0, max_queue_time=1, target_service_time=0.1)
    limiter.note_cached(0)
    assert not limiter.beside_others
    limiter.note_cached(3)
    assert limiter.beside_others
    limiter._other_at = 0.0
    limiter.note_cached(3)
    assert not limiter.beside_others


async def test_what_is_executed_within_the_queue_time_waits_until_one_is_refused() -> None:
    limiter = ExpensiveOperations(40, 400, max_queue_time=2, target_service_time=0.1)
    limiter.service_time.add_sample(0.5)
    limiter.note_other()
    async with AsyncExitStack() as stack:
        await start_all(stack, limiter, MIN_RUNNING)
        waiting = [asyncio.create_task(limiter.__aenter__()) for _ in range(4)]
        await asyncio.sleep(0)
        assert limiter.waiting == 4
        with pytest.raises(Overloaded):
            await limiter.__aenter__()
        results = await asyncio.gather(*waiting[: 4 - MIN_RUNNING // 2], return_exceptions=True)
        assert {type(each) for each in results} == {Overloaded}, "those that waited longest"
        assert limiter.waiting == MIN_RUNNING // 2
        waiting[-1].cancel()


async def test_one_that_waits_while_nothing_is_computed_starts_when_its_time_is_up() -> None:
    limiter = ExpensiveOperations(40, 400, max_queue_time=100, target_service_time=0.1)
    limiter.service_time.add_sample(0.5)
    limiter.note_other()
    async with AsyncExitStack() as stack:
        await start_all(stack, limiter, MIN_RUNNING)  # their reads take long
        waiting = [asyncio.create_task(limiter.__aenter__()) for _ in range(2)]
        await asyncio.sleep(0)
        first, second = limiter._waiting
        first.until = second.until = 0  # as if their time were up
        second.mark -= BUSY * 100  # and as if this thread had computed for half of it
        limiter._end_waits(limiter._waiting)
        await waiting[0]
        with pytest.raises(Overloaded):
            await waiting[1]
        assert limiter.running == MIN_RUNNING + 1
        limiter.done()


async def test_the_turn_among_expensive_ones_is_given_back_when_all_places_are_taken() -> None:
    limiter, every = ExpensiveOperations(2, 0, 1, 1), ConcurrencyLimiter(1, 0, 1, 1)
    async with every:
        with pytest.raises(Overloaded):
            async with taken(ExpensiveTurn(limiter, every)):
                raise AssertionError
    assert limiter.running == 0
    async with taken(ExpensiveTurn(limiter, every)):
        assert (limiter.running, every.running) == (1, 1)
    assert (limiter.running, every.running) == (0, 0)


def test_the_expectation_follows_the_latest_executions_in_proportion_to_the_cost() -> None:
    work = MeasuredWork(20e-6)
    assert work.expected(1000) > EXPENSIVE > work.expected(1)
    for _ in range(30):
        work.add(1000, 0.001)
    assert work.expected(1000) == pytest.approx(0.001, rel=0.1)
    assert work.expected(10) == pytest.approx(0.00001, rel=0.1)
    work.add(0, 0.0)  # nothing that costs anything
