"""The turn of an operation (app/limits/concurrency_limiter.py) as a context manager."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
