"""Work that can be cancelled only before a certain point."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def shield_once(work: Coroutine[Any, Any, T], *, begun: Callable[[], bool]) -> T:
    """Once `begun` is true, a cancellation is raised only after `work` has ended, with a result or an error; so all of
    its steps need time-outs of their own.
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
        task.exception()  # marks it as retrieved
    raise cancelled
