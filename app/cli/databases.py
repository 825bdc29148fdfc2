"""What a command finds before it begins: databases that answer, brought up to date."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.cli.migrate import bring_up_to_date
from app.dev.stack import open_stack
from app.settings import Settings

T = TypeVar("T")


def with_databases(settings: Settings, work: Callable[[Settings], Awaitable[T]]) -> T:
    """Those that are set, those of a running server, or our own for as long as the work takes."""

    async def ready(settings: Settings) -> T:
        await bring_up_to_date(settings)
        return await work(settings)

    with open_stack(settings, join=True) as stack:
        return asyncio.run(ready(stack.settings))
