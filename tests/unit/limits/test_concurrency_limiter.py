"""Who is let in when there is enough for all, and who when there is not."""

import asyncio
import gc
from collections.abc import Callable

import pytest

from app.errors import Overloaded
from app.limits.concurrency_limiter import ConcurrencyLimiter
from app.limits.service_time import ANY, LEAST, ServiceTime


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


class Crowd:
    """Operations that stay until they are told to go; `entered` are their numbers in the order of their turns."""

    def __init__(self, limiter: ConcurrencyLimiter) -> None:
        self._slots = limiter
        self._go = asyncio.Event()
        self.entered: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def come(self, number: int) -> None:
        before = self._slots.running + self._slots.waiting
        self.tasks += [asyncio.create_task(self._stay(len(self.tasks) + new)) for new in range(number)]
        await until(lambda: self._slots.running + self._slots.waiting == before + number)

    async def leave(self) -> list[BaseException | None]:
        self._go.set()
        return await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _stay(self, number: int) -> None:
        async with self._slots:
            self.entered.append(number)
            await self._go.wait()


async def test_first_come_first_served() -> None:
    limiter = ConcurrencyLimiter(2, 10, 10, 10)
    crowd = Crowd(limiter)
    await crowd.come(6)
    assert (limiter.running, limiter.waiting) == (2, 4)
    assert await crowd.leave() == [None] * 6
    assert crowd.entered == list(range(6))
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_a_place_in_the_queue_is_given_up_with_the_caller() -> None:
    limiter = ConcurrencyLimiter(1, 2, 10, 10)
    crowd = Crowd(limiter)
    await crowd.come(3)
    crowd.tasks[1].cancel()
    await until(lambda: limiter.waiting == 1)
    outcome = await crowd.leave()
    assert isinstance(outcome[1], asyncio.CancelledError)
    assert crowd.entered == [0, 2]
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_a_turn_that_comes_as_the_caller_leaves_is_handed_on() -> None:
    limiter = ConcurrencyLimiter(1, 2, 10, 10)
    crowd = Crowd(limiter)
    await crowd.come(3)
    crowd.tasks[0].cancel()
    await asyncio.sleep(0)  # its place goes to the next, who does not know it yet
    crowd.tasks[1].cancel()
    await until(lambda: crowd.entered == [0, 2])
    await crowd.leave()
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_nobody_waits_longer_than_is_worth_it() -> None:
    limiter = ConcurrencyLimiter(1, 2, 0.05, 10)
    crowd = Crowd(limiter)
    await crowd.come(2)
    with pytest.raises(Overloaded):
        await crowd.tasks[1]
    assert await crowd.leave() == [None, crowd.tasks[1].exception()]
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_as_many_wait_as_can_be_done_in_time() -> None:
    limiter = ConcurrencyLimiter(10, 400, max_queue_time=2, target_service_time=1)
    limiter.service_time.learn(0.1)
    crowd = Crowd(limiter)
    await crowd.come(30)
    assert (limiter.running, limiter.waiting) == (10, 20)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    await crowd.leave()


async def test_once_all_is_full_few_wait_and_few_run() -> None:
    limiter = ConcurrencyLimiter(40, 20, max_queue_time=100, target_service_time=1)
    limiter.service_time.learn(0.1)
    crowd = Crowd(limiter)
    await crowd.come(60)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    assert limiter.waiting == 5, "those who have waited longest are told at once"
    outcome = await crowd.leave()
    assert [index for index, error in enumerate(outcome) if error] == list(range(40, 55))
    again = Crowd(limiter)
    await again.come(15)
    assert (limiter.running, limiter.waiting) == (10, 5)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    await again.leave()


async def test_when_nobody_had_to_be_refused_for_a_while_all_is_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limiter = ConcurrencyLimiter(4, 0, max_queue_time=1, target_service_time=0.1)
    crowd = Crowd(limiter)
    await crowd.come(4)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    assert limiter.overloaded
    now = limiter.overloaded_until
    monkeypatch.setattr("app.limits.concurrency_limiter.monotonic", lambda: now + 0.001)
    assert not limiter.overloaded
    await crowd.leave()


def test_what_is_not_known_bounds_nothing() -> None:
    pace = ServiceTime()
    assert pace.within(0.1) == ANY
    pace.learn(0.01)
    assert pace.within(0.1) == 10
    pace.learn(10)
    assert pace.within(0.1) == LEAST


def test_the_price_is_the_processors_time_while_there_is_something_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, worked = 100.0, 5.0
    monkeypatch.setattr("app.limits.service_time.monotonic", lambda: clock)
    monkeypatch.setattr("app.limits.service_time.thread_time", lambda: worked)
    pace = ServiceTime()
    pace.done()  # the first look
    for _ in range(10):
        clock, worked = clock + 0.021, worked + 0.01
        pace.done()
    assert pace.within(1) == 100
    clock, worked = clock + 60, worked + 30
    pace.done()
    assert pace.within(1) == 100, "a minute with one operation says nothing about its price"


async def test_a_refused_wait_is_free_without_the_garbage_collector() -> None:
    """What a waiting request was refused with is not held by the frames in which it waited."""
    limiter = ConcurrencyLimiter(1, 10, 0.01, 1.0)

    async def wait() -> None:
        try:
            async with limiter:
                raise AssertionError
        except Overloaded:
            pass

    def raised() -> int:
        return sum(isinstance(thing, Overloaded) for thing in gc.get_objects())

    async with limiter:
        gc.collect()
        gc.disable()
        try:
            waits = [asyncio.create_task(wait()) for _ in range(5)]
            await asyncio.sleep(0)
            assert limiter.waiting == 5
            limiter._queue = 0
            limiter._shed()  # as when others are refused
            await asyncio.gather(*waits)
            await asyncio.gather(*(wait() for _ in range(5)))  # refused at once
            limiter._queue = 10
            limiter.overloaded_until = 0
            await asyncio.gather(*(wait() for _ in range(5)))  # timed out
            del waits
            assert raised() == 0
        finally:
            gc.enable()


async def test_callers_with_credentials_have_the_next_turn_and_a_queue_of_their_own() -> None:
    """However many anonymous operations run, wait, and are refused."""
    limiter = ConcurrencyLimiter(4, 6, 10, 10)
    crowd = Crowd(limiter)
    await crowd.come(10)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    order: list[tuple[str, int]] = []

    async def known(name: str) -> None:
        limiter.preferred.reject_if_full()
        async with limiter.preferred:
            order.append((name, len(crowd.entered)))

    waiting = limiter.waiting
    tasks = [asyncio.create_task(known(name)) for name in "ab"]
    await until(lambda: limiter.waiting == waiting + 2)
    outcomes = await crowd.leave()
    await asyncio.gather(*tasks)
    assert order == [("a", 4), ("b", 4)]
    assert (
        sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 4
    )  # refused by those who came later
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_the_queue_of_callers_with_credentials_is_bounded_as_well() -> None:
    limiter = ConcurrencyLimiter(1, 2, 10, 10)
    go = asyncio.Event()

    async def stay() -> None:
        async with limiter.preferred:
            await go.wait()

    tasks = [asyncio.create_task(stay()) for _ in range(6)]
    await until(lambda: sum(task.done() for task in tasks) == 3)
    go.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(outcome, Overloaded) for outcome in outcomes) >= 3
    assert (limiter.running, limiter.waiting) == (0, 0)
