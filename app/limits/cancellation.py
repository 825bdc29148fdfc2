"""Work that a cancellation may end only before it has come to a certain point."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def shield_once(work: Coroutine[Any, Any, T], *, begun: Callable[[], bool]) -> T:
    """Once `begun` is true, a cancellation is raised only when `work` has ended, whatever came of it; so all in it
    must be bounded by time-outs of its own.
    """
    task = asyncio.get_running_loop().create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
            if not begun():
                task.cancel()
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # seen
    raise cancelled
