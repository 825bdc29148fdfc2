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


async def filled(max_waiting: int, *origins: Origin) -> "tuple[Visits, list[asyncio.Task[None]]]":
    """A queue in which these wait, and one more is served."""
    visits = Visits(FairQueue(1, max_waiting))
    await visits.come(Origin("served"))
    return visits, await visits.come(*origins)


@pytest.mark.parametrize(
    ("waiting", "newcomer", "displaced"),
    [
        ([A, A], A, None),  # its own is the longest line
        ([A, B], C, None),  # each has one
        ([A, A, B], C, 1),  # the latest of the longest line
        ([A, B, B], A, None),  # one more than the newcomer has
        ([A, B, B, B], A, 3),
        ([OWNER, OWNER, OWNER], A, None),  # a proven origin is displaced by none that is not
        ([A, B, OWNER], OWNER, None),  # only the first of a proven origin is preferred
        ([A, A, A, OWNER], OWNER, 2),
        ([A, OWNER, OWNER, OWNER], B, None),  # the longest line that is not proven counts
        ([A, A, OWNER, OWNER, OWNER], B, 1),
        ([A, B], OWNER, 0),
        ([OWNER, OWNER], Origin("other", proven=True), 1),
        ([OWNER], Origin("other", proven=True), None),
    ],
)
async def test_who_is_displaced_from_a_full_queue(
    waiting: list[Origin], newcomer: Origin, displaced: int | None
) -> None:
    visits, tasks = await filled(len(waiting), *waiting)
    (last,) = await visits.come(newcomer)
    await asyncio.sleep(0)
    ended = [task for task in (*tasks, last) if task.done()]
    assert ended == [last if displaced is None else tasks[displaced]]
    refusal = ended[0].exception()
    assert isinstance(refusal, Overloaded)
    assert refusal.message == "Too many people are signing in; please try again soon."
    assert refusal.retry_after == 1
    assert visits.queue._waiting == len(waiting)
    for _ in range(len(waiting) + 1):
        await visits.next()
    assert len(visits.order) == len(waiting) + 1
    assert (visits.queue._waiting, visits.queue._free, dict(visits.queue._lines)) == (0, 1, {})


async def test_a_queue_that_is_not_full_displaces_no_origin() -> None:
    visits, tasks = await filled(3, A, A)
    tasks += await visits.come(B)
    assert not any(task.done() for task in tasks)
    assert visits.queue._waiting == 3


async def test_a_cancelled_waiter_frees_its_place() -> None:
    visits, tasks = await filled(2, A, A)
    tasks[0].cancel()
    await asyncio.wait([tasks[0]])
    assert visits.queue._waiting == 1
    (new,) = await visits.come(A)
    assert not new.done()
    for _ in range(2):
        await visits.next()
    assert visits.order[1:] == [A, A]
    await visits.next()
    assert visits.queue._free == 1
