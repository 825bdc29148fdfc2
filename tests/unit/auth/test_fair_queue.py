"""One origin cannot fill the queue for the others; origins are served in turn."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from app.auth.fair_queue import FairQueue, Origin
from app.errors import Overloaded

A, B, C = Origin("a"), Origin("b"), Origin("c")
OWNER = Origin("owner", proven=True)


class Visits:
    """Origins that enter the queue, and the order in which they are served; each is served until `next`."""

    def __init__(self, queue: FairQueue) -> None:
        self.queue = queue
        self.order: list[Origin] = []

    async def come(self, *origins: Origin) -> "list[asyncio.Task[None]]":
        tasks = [asyncio.create_task(self._enter(origin)) for origin in origins]
        await asyncio.sleep(0)
        return tasks

    async def next(self) -> None:
        self.queue.leave()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _enter(self, origin: Origin) -> None:
        await self.queue.enter(origin)
        self.order.append(origin)


async def rejected(tasks: "list[asyncio.Task[None]]") -> int:
    await asyncio.sleep(0)
    return sum(task.done() and isinstance(task.exception(), Overloaded) for task in tasks)


async def test_origins_are_served_in_turn() -> None:
    visits = Visits(FairQueue(1, 10))
    await visits.come(A, A, A, A, B, C)
    for _ in range(5):
        await visits.next()
    assert visits.order == [A, A, B, C, A, A]


async def test_a_full_queue_drops_a_waiter_for_an_origin_that_has_fewer() -> None:
    visits = Visits(FairQueue(1, 4))
    flood = await visits.come(A, A, A, A, A, A)
    assert await rejected(flood) == 1
    await visits.come(B)
    assert await rejected(flood) == 2
    other = await visits.come(B)
    assert await rejected(flood) == 3
    assert await rejected(other) == 0
    # Both have two waiters by now: more of either are rejected.
    assert await rejected(await visits.come(A, B)) == 2


async def test_a_full_queue_drops_a_waiter_for_a_proven_origin() -> None:
    visits = Visits(FairQueue(1, 3))
    flood = await visits.come(*(Origin(str(number)) for number in range(4)))
    owners = await visits.come(OWNER, OWNER)
    assert (await rejected(flood), await rejected(owners)) == (1, 1)
    assert await rejected(await visits.come(B)) == 1


async def test_the_turn_of_a_cancelled_waiter_goes_to_the_next() -> None:
    visits = Visits(FairQueue(1, 10))
    _, leaving, staying = await visits.come(A, B, C)
    visits.queue.leave()  # B is next; its task has not resumed yet
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await staying
    assert visits.order == [A, C]
    waiting = (await visits.come(B))[0]
    waiting.cancel()
    await asyncio.sleep(0)
    await visits.next()
    await visits.come(C)
    assert visits.order == [A, C, C]


async def test_the_limit_of_concurrent_runs_is_used_and_kept() -> None:
    queue = FairQueue(2, 100)
    running = most = 0

    async def visit(origin: Origin) -> None:
        nonlocal running, most
        await queue.enter(origin)
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        queue.leave()

    visits: list[Coroutine[Any, Any, None]] = [visit(origin) for origin in (A, B, C) for _ in range(20)]
    await asyncio.gather(*visits)
    assert (most, queue._free, queue._waiting) == (2, 2, 0)
