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

    async def run() -> T:
        try:
            return await work
        finally:
            if not ended.done():
                ended.set_result(None)

    task = loop.create_task(run())
    try:
        await ended  # asyncio.wait would take one more iteration of the event loop
    except asyncio.CancelledError:
        await _end(task, begun)
        work.close()  # it may not have begun
        raise
    return task.result()


async def _end(task: "asyncio.Task[Any]", begun: Callable[[], bool]) -> None:
    """Waits until the task has ended; it is cancelled unless it has begun."""
    while not task.done():
        if not begun():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # marks it as retrieved
