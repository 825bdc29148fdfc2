"""Work that a cancellation ends only until it has come to a certain point."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T], *, from_here: Callable[[], bool]) -> T:
    """Once `from_here` is true, a cancellation is raised only when `work` has ended, whatever came of it; so all in it
    must be bounded by time-outs of its own.
    """
    task = asyncio.get_running_loop().create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
            if not from_here():
                task.cancel()
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # seen
    raise cancelled
