"""Which operations run, wait and are rejected, with free capacity and under overload."""

import asyncio
import gc
import math
from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic

import pytest
import uvloop
from prometheus_client import REGISTRY

from app.errors import Overloaded
from app.limits.concurrency_limiter import AT_LEAST, ITERATION, ConcurrencyLimiter, Turn
from app.limits.expensive_operations import ExpensiveOperations, ExpensiveTurn
from app.limits.service_time import MIN_OPERATIONS, UNLIMITED, ServiceTime
from app.observability import counting
from tests import waiting


async def until(condition: Callable[[], bool]) -> None:
    """Without a pause: time-outs of the limiter must not pass meanwhile."""
    await waiting.until(condition, pause=0)


class Operations:
    """Operations that run until `finish`; `started` are their numbers in the order of their starts."""

    def __init__(self, limiter: ConcurrencyLimiter) -> None:
        self._limiter = limiter
        self._finished = asyncio.Event()
        self.started: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self, number: int) -> None:
        before = self._limiter.running + self._limiter.waiting
        self.tasks += [asyncio.create_task(self._run(len(self.tasks) + new)) for new in range(number)]
        await until(lambda: self._limiter.running + self._limiter.waiting == before + number)

    async def finish(self) -> list[BaseException | None]:
        self._finished.set()
        return await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _run(self, number: int) -> None:
        async with self._limiter:
            self.started.append(number)
            await self._finished.wait()


async def test_operations_start_in_the_order_of_their_arrival() -> None:
    limiter = ConcurrencyLimiter(2, 10, 10, 10)
    operations = Operations(limiter)
    await operations.start(6)
    assert (limiter.running, limiter.waiting) == (2, 4)
    assert await operations.finish() == [None] * 6
    assert operations.started == list(range(6))
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_a_cancelled_caller_leaves_the_queue() -> None:
    limiter = ConcurrencyLimiter(1, 2, 10, 10)
    operations = Operations(limiter)
    await operations.start(3)
    operations.tasks[1].cancel()
    await until(lambda: limiter.waiting == 1)
    outcome = await operations.finish()
    assert isinstance(outcome[1], asyncio.CancelledError)
    assert operations.started == [0, 2]
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_the_turn_of_a_cancelled_caller_goes_to_the_next() -> None:
    limiter = ConcurrencyLimiter(1, 2, 10, 10)
    operations = Operations(limiter)
    await operations.start(3)
    operations.tasks[0].cancel()
    await asyncio.sleep(0)  # the next one is granted its place; its task has not resumed yet
    operations.tasks[1].cancel()
    await until(lambda: operations.started == [0, 2])
    await operations.finish()
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_no_operation_waits_longer_than_the_maximum_queue_time() -> None:
    limiter = ConcurrencyLimiter(1, 2, 0.05, 10)
    operations = Operations(limiter)
    await operations.start(2)
    with pytest.raises(Overloaded):
        await operations.tasks[1]
    assert await operations.finish() == [None, operations.tasks[1].exception()]
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_each_operation_is_rejected_at_its_own_time_by_one_timer() -> None:
    limiter = ConcurrencyLimiter(1, 3, 100, 10)
    operations = Operations(limiter)
    await operations.start(3)
    queue = limiter._waiting
    timer = queue.timer
    assert timer is not None
    timer.cancel()
    queue[0].until = 0  # as if its time were up
    limiter._end_waits(queue)
    with pytest.raises(Overloaded):
        await operations.tasks[1]
    assert limiter.waiting == 1
    assert queue.timer is not None
    assert queue.timer.when() == queue[0].until
    assert [outcome is None for outcome in await operations.finish()] == [True, False, True]
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_the_queue_is_as_long_as_can_be_served_in_time() -> None:
    limiter = ConcurrencyLimiter(10, 400, max_queue_time=2, target_service_time=1)
    limiter.service_time.add_sample(0.1)
    operations = Operations(limiter)
    await operations.start(30)
    assert (limiter.running, limiter.waiting) == (10, 20)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    await operations.finish()


async def test_under_overload_fewer_operations_wait_and_run() -> None:
    limiter = ConcurrencyLimiter(40, 20, max_queue_time=100, target_service_time=1)
    limiter.service_time.add_sample(0.1)
    operations = Operations(limiter)
    await operations.start(60)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    assert limiter.waiting == 5, "the operations that have waited longest are rejected at once"
    outcome = await operations.finish()
    assert [index for index, error in enumerate(outcome) if error] == list(range(40, 55))
    again = Operations(limiter)
    await again.start(15)
    assert (limiter.running, limiter.waiting) == (10, 5)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    await again.finish()


async def test_the_limits_of_overload_end_some_time_after_the_last_rejection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limiter = ConcurrencyLimiter(4, 0, max_queue_time=1, target_service_time=0.1)
    operations = Operations(limiter)
    await operations.start(4)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    assert limiter.overloaded
    now = limiter.overloaded_until
    monkeypatch.setattr("app.limits.concurrency_limiter.monotonic", lambda: now + 0.001)
    assert not limiter.overloaded
    await operations.finish()


def test_an_unknown_service_time_limits_nothing() -> None:
    service_time = ServiceTime()
    assert service_time.within(0.1) == UNLIMITED
    service_time.add_sample(0.01)
    assert service_time.within(0.1) == 10
    service_time.add_sample(10)
    assert service_time.within(0.1) == MIN_OPERATIONS


def test_the_service_time_is_processor_time_while_there_is_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, worked = 100.0, 5.0
    monkeypatch.setattr("app.limits.service_time.monotonic", lambda: clock)
    monkeypatch.setattr("app.limits.service_time.thread_time", lambda: worked)
    service_time = ServiceTime()
    service_time.done()  # the first measurement
    for _ in range(10):
        clock, worked = clock + 0.021, worked + 0.01
        service_time.done()
    assert service_time.within(1) == 100
    clock, worked = clock + 60, worked + 30
    service_time.done()
    assert service_time.within(1) == 100, "a minute with one operation is no measurement of its service time"


async def test_a_rejected_wait_is_freed_without_the_garbage_collector() -> None:
    """The error that ended a wait is not referenced by the frames of the wait."""
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
        before = raised()  # other tests may hold some
        try:
            waits = [asyncio.create_task(wait()) for _ in range(5)]
            await asyncio.sleep(0)
            assert limiter.waiting == 5
            limiter._max_queued = 0
            limiter._shed()  # as when other operations are rejected
            await asyncio.gather(*waits)
            await asyncio.gather(*(wait() for _ in range(5)))  # rejected at once
            limiter._max_queued = 10
            limiter.overloaded_until = 0
            await asyncio.gather(*(wait() for _ in range(5)))  # timed out
            del waits
            assert raised() == before
        finally:
            gc.enable()


async def test_callers_with_credentials_have_the_next_turn_and_a_queue_of_their_own() -> None:
    """However many anonymous operations run, wait and are rejected."""
    limiter = ConcurrencyLimiter(4, 6, 10, 10)
    operations = Operations(limiter)
    await operations.start(10)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    order: list[tuple[str, int]] = []

    async def identified(name: str) -> None:
        limiter.preferred.reject_if_full()
        async with limiter.preferred:
            order.append((name, len(operations.started)))

    waiting = limiter.waiting
    tasks = [asyncio.create_task(identified(name)) for name in "ab"]
    await until(lambda: limiter.waiting == waiting + 2)
    outcomes = await operations.finish()
    await asyncio.gather(*tasks)
    assert order == [("a", 4), ("b", 4)]
    assert sum(isinstance(outcome, Overloaded) for outcome in outcomes) == 4  # displaced by the later ones
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


def gauges() -> tuple[float | None, float | None]:
    counting.flush()
    return (
        REGISTRY.get_sample_value("dno_graphql_operations_running"),
        REGISTRY.get_sample_value("dno_graphql_operations_waiting"),
    )


async def test_running_and_waiting_operations_are_counted() -> None:
    limiter = ConcurrencyLimiter(2, 10, 10, 10)
    before = gauges()
    assert None not in before
    operations = Operations(limiter)
    await operations.start(5)
    async with ConcurrencyLimiter(1, 1, 1, 1).preferred:
        assert gauges() == (before[0] + 3, before[1] + 3)  # type: ignore[operator]
    operations.tasks[4].cancel()
    await until(lambda: operations.tasks[4].done())
    assert gauges() == (before[0] + 2, before[1] + 2)  # type: ignore[operator]
    await operations.finish()
    assert gauges() == before


async def test_a_rejection_has_a_message_and_a_wait() -> None:
    limiter = ConcurrencyLimiter(1, 0, 10, 10)
    async with limiter:
        for queue in (limiter, limiter.preferred):
            with pytest.raises(Overloaded) as refusal:
                queue.reject_if_full()
            assert refusal.value.message == "The server is full at the moment; please try again in a second."
            assert refusal.value.retry_after == 1
    limiter.reject_if_full()


async def test_a_rejection_begins_a_second_of_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("app.limits.concurrency_limiter.monotonic", lambda: now)
    limiter = ConcurrencyLimiter(8, 0, max_queue_time=1, target_service_time=0.5)
    limiter.service_time.add_sample(0.1)
    assert not limiter.overloaded
    operations = Operations(limiter)
    await operations.start(8)
    with pytest.raises(Overloaded):
        limiter.reject_if_full()
    assert limiter.overloaded_until == 101
    assert limiter.overloaded
    now = 101.0
    assert not limiter.overloaded
    await operations.finish()


async def test_under_overload_operations_are_admitted_up_to_the_lower_limit_only() -> None:
    limiter = ConcurrencyLimiter(20, 20, max_queue_time=100, target_service_time=1)
    limiter.service_time.add_sample(0.1)  # ten of them in a second
    limiter.overloaded_until = math.inf
    operations = Operations(limiter)
    await operations.start(15)
    assert (limiter.running, limiter.waiting) == (10, 5)
    finished = asyncio.Event()

    async def identified() -> None:
        async with limiter.preferred:
            await finished.wait()

    tasks = [asyncio.create_task(identified()) for _ in range(5)]
    await until(lambda: limiter.waiting == 10)
    for queue in (limiter, limiter.preferred):
        with pytest.raises(Overloaded):
            queue.reject_if_full()
    assert limiter.waiting == 10
    finished.set()
    assert await operations.finish() == [None] * 15
    await asyncio.gather(*tasks)
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_several_operations_are_admitted_when_the_overload_ends() -> None:
    limiter = ConcurrencyLimiter(20, 20, max_queue_time=100, target_service_time=1)
    limiter.service_time.add_sample(0.1)
    limiter.overloaded_until = math.inf
    operations = Operations(limiter)
    await operations.start(15)
    limiter.overloaded_until = 0
    operations.tasks[0].cancel()
    await until(lambda: operations.started == list(range(15)))
    assert (limiter.running, limiter.waiting) == (14, 0)
    await operations.finish()


async def test_a_free_place_is_used_at_once_although_the_queue_has_no_places() -> None:
    limiter = ConcurrencyLimiter(1, 0, 10, 10)
    limiter.reject_if_full()
    for queue in (limiter, limiter.preferred):
        async with queue:
            assert limiter.running == 1
    assert limiter.running == 0


def compute(seconds: float) -> None:
    until = monotonic() + seconds
    while monotonic() < until:
        pass


async def run_all(turns: Sequence[Turn], seconds: float = 0.0, pause: float = 0.0) -> list[int]:
    """One operation for each turn, all at once; in which iteration of the event loop each of them computed."""
    loop, iterations, began = asyncio.get_running_loop(), 0, []

    def count() -> None:
        nonlocal iterations
        iterations += 1
        if len(began) < len(turns):
            loop.call_soon(count)

    async def run(turn: Turn) -> None:
        async with turn:
            began.append(iterations)
            compute(seconds)
            await asyncio.sleep(pause)

    count()
    async with asyncio.timeout(60):
        await asyncio.gather(*(run(turn) for turn in turns))
    return began


@pytest.mark.parametrize("pause", [0.0, 0.0001])
async def test_however_few_run_at_a_time_all_of_them_are_executed(pause: float) -> None:
    limiter = ConcurrencyLimiter(4, 10_000, 60, 60)
    expensive = ExpensiveOperations(4, 10_000, max_queue_time=60, target_service_time=60)
    turns: list[Turn] = [limiter, limiter.preferred, ExpensiveTurn(expensive, limiter), expensive.preferred]
    limiter.service_time.add_sample(0.001)
    await run_all(turns * 250, pause=pause)
    assert (limiter.running, limiter.waiting, expensive.running, expensive.waiting) == (0, 0, 0, 0)


async def test_in_one_iteration_of_the_event_loop_operations_are_started_for_a_limited_time() -> None:
    limiter = ConcurrencyLimiter(1000, 1000, 60, 60)
    limiter.service_time.add_sample(0.002)
    most = max(Counter(await run_all([limiter] * 50, seconds=0.002)).values())
    assert most <= AT_LEAST  # a few at once in any case


async def test_those_that_wait_for_the_next_iteration_start_in_their_order() -> None:
    limiter = ConcurrencyLimiter(1000, 1000, 60, 60)
    limiter.service_time.add_sample(ITERATION)
    order: list[int] = []

    async def run(number: int) -> None:
        async with limiter:
            order.append(number)
            compute(ITERATION)

    tasks = [asyncio.create_task(run(number)) for number in range(2 * AT_LEAST)]
    await asyncio.sleep(0)
    assert limiter.waiting == AT_LEAST
    tasks += [asyncio.create_task(run(number)) for number in range(2 * AT_LEAST, 3 * AT_LEAST)]
    await asyncio.gather(*tasks)
    # Those that came later may have begun one iteration earlier, in which the others were admitted.
    assert [number for number in order if number < 2 * AT_LEAST] == list(range(2 * AT_LEAST))
    assert sorted(order) == list(range(3 * AT_LEAST))


async def test_a_few_operations_never_wait_for_each_other_however_long_they_compute() -> None:
    limiter = ConcurrencyLimiter(1000, 1000, 60, 60)
    limiter.service_time.add_sample(10 * ITERATION)
    began = await run_all([limiter] * AT_LEAST, seconds=ITERATION)
    assert len(set(began)) == 1


async def test_those_that_wait_for_the_next_iteration_are_bounded_as_those_that_run_and_wait() -> None:
    limiter = ConcurrencyLimiter(3, 2, 60, 60)
    limiter._starts_until, limiter._started = 0.0, AT_LEAST  # over
    waiting = [asyncio.create_task(limiter.wait()) for _ in range(6)]
    await asyncio.sleep(0)
    # Three may run and two wait: the last is rejected. From then on one waits less, and the first has waited longest.
    await until(lambda: waiting[0].done())
    assert [position for position, task in enumerate(waiting) if task.done()] == [0, 5]
    assert all(isinstance(task.exception(), Overloaded) for task in waiting if task.done())
    limiter._end_iteration()
    assert (limiter.running, limiter.waiting) == (3, 1)
    for _ in range(4):
        limiter.done()
        await asyncio.sleep(0)
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_requests_that_are_let_pass_together_are_bounded_before_their_tasks_begin() -> None:
    limiter = ConcurrencyLimiter(2, 3, 10, 10)
    for queue in (limiter, limiter.preferred):
        for _ in range(5):
            queue.expect_one()
    with pytest.raises(Overloaded):
        limiter.expect_one()
    await asyncio.sleep(0)  # their tasks have begun, and none has become an operation
    limiter.expect_one()
    limiter.preferred.expect_one()


def test_an_operation_that_waited_only_for_the_event_loop_is_not_rejected() -> None:
    """As when the process was not given a processor for longer than operations may wait. The server's event loop runs timers first."""
    uvloop.run(operations_that_wait_while_the_process_is_stalled())


async def operations_that_wait_while_the_process_is_stalled() -> None:
    limiter = ConcurrencyLimiter(100, 10, 0.01, 10)

    async def run(seconds: float) -> None:
        async with limiter:
            compute(seconds)

    async def stall() -> None:
        assert limiter.waiting == 3  # for the next iteration, which comes too late
        compute(0.05)

    await asyncio.gather(run(2 * ITERATION), *(run(0) for _ in range(AT_LEAST + 2)), stall())
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_an_operation_that_waited_for_others_is_rejected_when_its_time_is_up() -> None:
    limiter = ConcurrencyLimiter(10, 1000, 0.05, 10)
    limiter.service_time.add_sample(ITERATION)

    async def run() -> None:
        async with limiter:
            compute(ITERATION)

    outcomes = await asyncio.gather(*(run() for _ in range(100)), return_exceptions=True)
    assert outcomes[0] is None
    assert isinstance(outcomes[-1], Overloaded)
    assert (limiter.running, limiter.waiting) == (0, 0)


async def test_requests_that_end_before_their_operations_start_take_no_places() -> None:
    limiter = ConcurrencyLimiter(2, 3, 10, 10)
    for queue in (limiter, limiter.preferred):
        for _ in range(50):  # in one iteration of the event loop
            queue.reject_if_full()
