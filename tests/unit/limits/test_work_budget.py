"""The budget of one operation in isolation: clocks, turns, and the error when it is used up."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from app.errors import LimitExceeded
from app.limits import work_budget
from app.limits.work_budget import MAX_BY_WALL_CLOCK, WorkBudget, in_turns, metered
from app.settings import Settings


def busy(seconds: float) -> None:
    """Computes for so much CPU time."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_only_cpu_time_is_counted_not_waiting() -> None:
    budget = WorkBudget(Settings())

    async def work() -> None:
        busy(0.03)
        await asyncio.sleep(0.3)
        busy(0.03)

    await metered(work(), budget)
    assert 0.03 < budget.cpu_time < 0.25


async def test_work_of_other_operations_is_not_counted() -> None:
    mine, others = WorkBudget(Settings()), WorkBudget(Settings())

    async def work(turns: int, seconds: float) -> None:
        for _ in range(turns):
            busy(seconds)
            await asyncio.sleep(0)

    await asyncio.gather(metered(work(10, 0.001), mine), metered(work(10, 0.03), others))
    assert mine.cpu_time < 0.2 < others.cpu_time


async def test_a_step_that_waited_for_a_processor_does_not_count_as_long() -> None:
    budget = WorkBudget(Settings())

    async def work() -> None:
        time.sleep(0.8)

    await metered(work(), budget)
    budget.check()
    assert budget.cpu_time <= MAX_BY_WALL_CLOCK


async def test_a_long_computation_between_two_awaits_ends_at_its_next_check() -> None:
    budget = WorkBudget(Settings(limit_cpu_time=0.05))
    looks: list[int] = []

    async def work() -> None:
        for number in range(10_000):
            looks.append(number)
            busy(0.01)
            budget.check()

    with pytest.raises(LimitExceeded) as raised:
        await metered(work(), budget)
    assert raised.value.details == {"limit": "LIMIT_CPU_TIME", "maximum": 0.05}
    assert len(looks) < 100


def test_once_a_limit_is_passed_every_further_count_fails_with_that_limit() -> None:
    budget = WorkBudget(Settings(limit_objects=10))
    with pytest.raises(LimitExceeded):
        budget.add_objects(11)
    for count in (budget.add_objects, budget.add_bytes):
        for more in (0, 1):
            with pytest.raises(LimitExceeded) as raised:
                count(more)
            assert raised.value.details["limit"] == "LIMIT_OBJECTS"


def test_an_amount_above_the_limit_is_rejected_before_it_is_counted_one_by_one() -> None:
    budget = WorkBudget(Settings(limit_objects=10))
    budget.check_objects(10)
    with pytest.raises(LimitExceeded):
        budget.check_objects(11)


@pytest.mark.parametrize(
    ("objects", "answer_bytes", "cpu_time", "units"),
    [(5, 0, 0.0, 5), (5, 512 * 9, 0.0, 9), (5, 512 * 9, 0.02, 1000), (0, 0, 0.0, 0)],
)
def test_units_are_the_largest_of_the_measures(
    objects: int, answer_bytes: int, cpu_time: float, units: int
) -> None:
    budget = WorkBudget(Settings())
    budget.objects, budget.answer_bytes, budget.cpu_time = objects, answer_bytes, cpu_time
    assert budget.units == units


def test_records_from_below_the_memory_are_charged_as_cpu_time() -> None:
    budget = WorkBudget(Settings())
    budget.cpu_time = 0.02
    budget.add_reads(1000)
    assert budget.units == 1000 + 3000
    assert budget.may_be_worth(3000, 0.001)
    assert not budget.may_be_worth(3100, 0.001)


async def test_other_operations_run_between_the_items_of_a_long_computation() -> None:
    budget = WorkBudget(Settings(limit_cpu_time=100))
    done: list[str] = []

    async def computation() -> None:
        async for number in in_turns(range(50), budget):
            busy(0.005)
            done.append(str(number))

    async def other() -> None:
        await asyncio.sleep(0)
        done.append("other")

    await asyncio.gather(metered(computation(), budget), other())
    assert done.index("other") < 25
    assert [number for number in done if number != "other"] == [str(number) for number in range(50)]


async def test_a_long_computation_ends_at_the_limit_of_cpu_time() -> None:
    budget, done = WorkBudget(Settings(limit_cpu_time=0.05)), 0

    async def computation() -> None:
        nonlocal done
        async for _ in in_turns(range(1000), budget):
            busy(0.005)
            done += 1

    with pytest.raises(LimitExceeded):
        await metered(computation(), budget)
    assert done < 100


async def test_other_operations_run_before_a_long_one_continues() -> None:
    """A hundred of its tasks are ready at once; another operation does not wait until all of them are done."""
    budget = WorkBudget(Settings(limit_cpu_time=100))
    done: list[str] = []

    async def part() -> None:
        while budget.cpu_time > work_budget.TURN and budget.is_due():
            await asyncio.sleep(0)
        busy(0.005)
        done.append("part")

    async def other() -> None:
        await asyncio.sleep(0)
        done.append("other")

    parts: list[Awaitable[None]] = [metered(part(), budget) for _ in range(100)]
    await asyncio.gather(*parts, other())
    assert done.index("other") < 50


async def test_errors_and_cancellation_pass_through() -> None:
    budget = WorkBudget(Settings())

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        await metered(fails(), budget)
    cleaned = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    task = asyncio.create_task(metered(waits(), budget))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned.is_set()


@pytest.mark.parametrize(
    ("settings", "exceed", "limit", "message"),
    [
        (
            {"limit_objects": 1500},
            lambda b: b.add_objects(1501),
            "LIMIT_OBJECTS",
            "loads more than 1,500 objects",
        ),
        (
            {"limit_answer_bytes": 70_000},
            lambda b: b.add_bytes(70_001),
            "LIMIT_ANSWER_BYTES",
            "is answered with more than 70,000 bytes",
        ),
        (
            {"limit_statements": 1000},
            lambda b: b.check_statements(1001),
            "LIMIT_STATEMENTS",
            "needs more than 1,000 statements",
        ),
        (
            {"limit_cpu_time": 0.5},
            lambda b: (b.add_cpu(0.51), b.check()),
            "LIMIT_CPU_TIME",
            "computes for more than 0.5 seconds",
        ),
    ],
    ids=["objects", "bytes", "statements", "cpu"],
)
def test_the_error_names_the_limit_and_its_maximum(
    settings: dict[str, float], exceed: Callable[[WorkBudget], object], limit: str, message: str
) -> None:
    budget = WorkBudget(Settings(**settings))  # type: ignore[arg-type]
    with pytest.raises(LimitExceeded) as raised:
        exceed(budget)
    assert raised.value.message == f"The operation {message}; please ask for less."
    assert raised.value.details == {"limit": limit, "maximum": next(iter(settings.values()))}


@pytest.mark.parametrize("most", [10, 1000, 1500])
def test_exactly_as_many_objects_as_the_limit_are_allowed(most: int) -> None:
    for first in (0, 1, most - 1):
        budget = WorkBudget(Settings(limit_objects=most))
        budget.add_objects(first)
        budget.add_objects(most - first)
        with pytest.raises(LimitExceeded):
            budget.add_objects(1)


@pytest.mark.parametrize("most", [10, 65_536, 70_000])
def test_exactly_as_many_bytes_as_the_limit_are_allowed(most: int) -> None:
    def listed(budget: WorkBudget, size: int) -> None:
        budget.write_list(["x" * (size - 2)])

    for write in (WorkBudget.add_bytes, listed):
        for first in (3, most - 3):
            budget = WorkBudget(Settings(limit_answer_bytes=most))
            write(budget, first)
            write(budget, most - first)
            with pytest.raises(LimitExceeded):
                write(budget, 3)
        budget.restart()
        with pytest.raises(LimitExceeded):
            write(budget, 3)  # the first limit that was passed holds


def test_a_list_is_written_as_json_and_counted_with_its_brackets() -> None:
    budget = WorkBudget(Settings())
    assert budget.write_list(["1", "2"]) == "[1,2]"
    assert (budget.answer_bytes, budget.objects) == (5, 0)
    assert budget.write_uncounted_list(["1", "2"]) == "[1,2]"
    assert (budget.answer_bytes, budget.objects) == (10, 2)
    budget.restart()
    assert (budget.answer_bytes, budget.objects) == (0, 0)


def test_the_size_of_the_whole_response_replaces_the_count_of_its_parts() -> None:
    budget = WorkBudget(Settings(limit_answer_bytes=100))
    budget.add_bytes(90)
    budget.check_answer(100)
    assert budget.answer_bytes == 100
    with pytest.raises(LimitExceeded):
        budget.check_answer(101)


def test_exactly_as_many_statements_as_the_limit_are_allowed() -> None:
    WorkBudget(Settings(limit_statements=7)).check_statements(7)


@pytest.mark.parametrize(
    ("objects", "answer_bytes", "seconds", "more"),
    [
        (10, 5120, 10 * 20e-6, False),
        (11, 0, 0.0, True),
        (0, 5121, 0.0, True),
        (0, 0, 11 * 20e-6, True),
    ],
)
def test_units_may_exceed_the_estimate(objects: int, answer_bytes: int, seconds: float, more: bool) -> None:
    budget = WorkBudget(Settings())
    budget.objects, budget.answer_bytes = objects, answer_bytes
    assert budget.may_be_worth(10, seconds) is more


class Clock:
    """Seconds of computation, as the budget measures them."""

    def __init__(self, budget: WorkBudget) -> None:
        self.now = 50.0
        budget._clock = lambda: self.now

    def compute(self, seconds: float) -> None:
        self.now += seconds


async def test_steps_are_measured_from_their_begin_to_their_wait() -> None:
    budget = WorkBudget(Settings())
    clock = Clock(budget)

    async def part() -> str:
        clock.compute(0.001)
        await asyncio.sleep(0)
        clock.compute(0.0005)
        return "result"

    async def work() -> str:
        clock.compute(0.001)
        await asyncio.sleep(0)
        return await metered(part(), budget)  # part of this step

    running = asyncio.create_task(metered(work(), budget))
    for _ in range(5):
        await asyncio.sleep(0)
        clock.compute(10)  # of another task
    assert await running == "result"
    assert budget.cpu_time == pytest.approx(0.0025)
    assert budget._began is None
    budget.leave()
    assert budget.cpu_time == pytest.approx(0.0025)
    assert budget.cpu_spent() == budget.cpu_time
    budget.add_cpu(0.5)
    assert budget.cpu_time == pytest.approx(0.5025)


async def test_the_time_within_a_step_is_known_before_its_end() -> None:
    budget = WorkBudget(Settings())
    clock = Clock(budget)
    spent = []

    async def work() -> None:
        for _ in range(3):
            clock.compute(0.001)
            spent.append(budget.cpu_spent())

    await metered(work(), budget)
    assert spent == pytest.approx([0.001, 0.002, 0.003])
    assert budget.cpu_time == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("steps", "counted", "by_cpu_time"),
    [
        ([0.004], 0.004, False),
        ([0.006], 0.006, True),
        ([0.3], MAX_BY_WALL_CLOCK, True),
        ([0.003, 0.003], 0.006, True),
        ([0.004, 0.3], 0.004 + MAX_BY_WALL_CLOCK, True),
    ],
)
async def test_after_some_milliseconds_cpu_time_is_measured(
    steps: list[float], counted: float, by_cpu_time: bool
) -> None:
    budget = WorkBudget(Settings())
    clock = Clock(budget)

    async def work() -> None:
        for step in steps:
            clock.compute(step)
            await asyncio.sleep(0)

    await metered(work(), budget)
    assert (budget._clock is time.thread_time) is by_cpu_time
    # What the task computed itself is counted as well, once CPU time is measured.
    assert counted - 1e-9 <= budget.cpu_time < counted + 0.1


@pytest.mark.parametrize(("count", "size"), [("add_objects", 1000), ("add_bytes", 65_536)])
def test_the_clock_is_read_after_so_many_objects_or_bytes(count: str, size: int) -> None:
    budget = WorkBudget(Settings(limit_cpu_time=1, limit_objects=10**6, limit_answer_bytes=10**9))
    add = getattr(budget, count)
    for _ in range(2):
        add(size - 1)
        add(1)
    budget.add_cpu(1.001)
    add(size - 1)
    with pytest.raises(LimitExceeded) as raised:
        add(1)
    assert raised.value.details["limit"] == "LIMIT_CPU_TIME"


def test_exactly_the_limit_of_cpu_time_is_allowed() -> None:
    budget = WorkBudget(Settings(limit_cpu_time=1))
    budget.add_cpu(1)
    budget.check()


async def test_a_turn_ends_after_some_milliseconds_and_the_next_begins_in_the_event_loop() -> None:
    budget = WorkBudget(Settings())
    budget.cpu_time = work_budget.TURN
    assert not budget.is_due()
    budget.cpu_time += 0.001
    assert [budget.is_due(), budget.is_due()] == [True, True]
    await asyncio.sleep(0)
    assert not budget.is_due()
    budget.cpu_time += work_budget.TURN
    assert not budget.is_due()
    budget.cpu_time += 0.001
    assert budget.is_due()


async def test_a_closed_step_closes_its_work() -> None:
    budget = WorkBudget(Settings())
    closed = []

    async def work() -> None:
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        finally:
            closed.append(True)

    coroutine = metered(work(), budget)
    coroutine.send(None)
    coroutine.close()
    assert closed == [True]


async def test_an_error_that_is_raised_into_a_step_can_be_handled_by_its_work() -> None:
    budget = WorkBudget(Settings())
    results: list[object] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[str] = loop.create_future()
        loop.call_soon(failed.set_exception, ValueError("of the future"))
        try:
            await failed
        except ValueError as error:
            results.append(str(error))
        succeeded: asyncio.Future[str] = loop.create_future()
        loop.call_soon(succeeded.set_result, "value")
        results.append(await succeeded)

    async def nested() -> None:
        await metered(work(), budget)

    await metered(work(), budget)
    await metered(nested(), budget)
    assert results == ["of the future", "value"] * 2
