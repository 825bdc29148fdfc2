"""Work that can be cancelled only before a certain point."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def shield_once(work: Coroutine[Any, Any, T], *, begun: Callable[[], bool]) -> T:
    """Once `begun` is true, a cancellation is raised only after `work` has ended, with a result or an error; so all of
    its steps need time-outs of their own.
    """
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def end() -> None:
        if not ended.done():
            ended.set_result(None)

    def end_unbegun(_: object) -> None:
        work.close()
        end()

    async def run() -> T:
        try:
            return await work
        finally:
            end()  # the end of the task is seen one iteration of the event loop later

    task = loop.create_task(run())
    # For one that is cancelled before its first step.
    task.add_done_callback(end_unbegun)
    try:
        await ended
    except asyncio.CancelledError:
        await _wait(task, begun)
        raise
    return task.result()


async def _wait(task: "asyncio.Task[Any]", begun: Callable[[], bool]) -> None:
    """Waits until the task has ended; it is cancelled unless it has begun."""
    while not task.done():
        if not begun():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # marks it as retrieved
