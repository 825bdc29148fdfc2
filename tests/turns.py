"""The turn of an operation (app/limits/concurrency_limiter.py) as a context manager."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from app.limits.concurrency_limiter import Turn


@asynccontextmanager
async def taken(turn: Turn) -> AsyncIterator[None]:
    """Raises Overloaded."""
    if not turn.try_start():
        await turn.wait()
    try:
        yield
    finally:
        turn.done()


async def start_all(running: AsyncExitStack, turn: Turn, number: int) -> None:
    """So many operations, which end with the stack. Raises Overloaded."""
    for _ in range(number):
        await running.enter_async_context(taken(turn))
