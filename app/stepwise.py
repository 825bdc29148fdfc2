"""Long computations in short steps, between which the event loop runs other tasks."""

import asyncio
from collections.abc import Generator, Sequence
from time import perf_counter
from typing import Any, Final, TypeVar

T = TypeVar("T")

# Seconds of computing after which other tasks run.
STEP: Final = 0.003
# Items of one step of a sort; steps double from merge to merge.
RUN: Final = 1000


async def run_stepwise(steps: Generator[None, None, T]) -> T:
    """The result of a generator that yields wherever it may be interrupted."""
    began = perf_counter()
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if perf_counter() - began > STEP:
            await asyncio.sleep(0)
            began = perf_counter()


def run_at_once(steps: Generator[None, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def sort_stepwise(items: Sequence[Any]) -> Generator[None, None, list[Any]]:
    """Sorted runs, merged two by two: sorting two sorted runs takes about one comparison for each item."""
    runs = []
    for start in range(0, len(items), RUN):
        runs.append(sorted(items[start : start + RUN]))
        yield
    while len(runs) > 1:
        merged = []
        for at in range(0, len(runs) - 1, 2):
            merged.append(sorted(runs[at] + runs[at + 1]))
            yield
        runs = merged + runs[len(merged) * 2 :]
    return runs[0] if runs else []
