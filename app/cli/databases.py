"""Runs a command with reachable, migrated databases."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.cli.migrate import bring_up_to_date
from app.dev.stack import open_stack
from app.settings import Settings

T = TypeVar("T")


def with_databases(settings: Settings, work: Callable[[Settings], Awaitable[T]]) -> T:
    """Uses the configured databases, those of a running server, or embedded ones for the duration of the work."""

    async def ready(settings: Settings) -> T:
        await bring_up_to_date(settings)
        return await work(settings)

    with open_stack(settings, join=True) as stack:
        return asyncio.run(ready(stack.settings))
