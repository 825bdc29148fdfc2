"""Steps of an operation that run side by side."""

from collections.abc import Coroutine, Iterable
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any

from graphql.pyutils import gather_with_cancel

from app.limits.work_budget import WorkBudget, metered


async def run_side_by_side(steps: Iterable[Coroutine[Any, Any, None]], budget: WorkBudget) -> None:
    """Until all have ended, or the first fails; the others are cancelled then."""
    steps = [*steps]
    try:
        await gather_with_cancel(*(metered(step, budget) for step in steps))
    except BaseException:
        # One that is cancelled before it has begun would be reported as never awaited.
        for step in steps:
            if getcoroutinestate(step) == CORO_CREATED:
                step.close()
        raise
