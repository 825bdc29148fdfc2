"""Long computations leave the event loop to others, and have the results of short ones."""

import asyncio
import time
from collections.abc import Generator

from hypothesis import given
from hypothesis import strategies as st

from app import stepwise
from app.stepwise import RUN, run_at_once, run_stepwise, sort_stepwise


@given(st.lists(st.tuples(st.integers(0, 9), st.text(max_size=2)), max_size=40), st.integers(1, 7))
def test_a_sort_in_steps_has_the_order_of_a_sort_at_once(items: list[tuple[int, str]], run: int) -> None:
    stepwise.RUN = run  # type: ignore[misc]
    try:
        assert run_at_once(sort_stepwise(items)) == sorted(items)
    finally:
        stepwise.RUN = RUN  # type: ignore[misc]


async def test_other_tasks_run_between_the_steps() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def steps() -> Generator[None, None, int]:
        for _ in range(20):
            began = time.perf_counter()
            while time.perf_counter() - began <= stepwise.STEP:
                pass
            yield
        return 7

    task = asyncio.create_task(other())
    assert await run_stepwise(steps()) == 7
    task.cancel()
    assert turns >= 20
