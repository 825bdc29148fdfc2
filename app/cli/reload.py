"""Tells when the code has changed, for those who are writing it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_ROOMS = ("app", "loaders", "schema")


async def changes(every: float = 0.5) -> AsyncIterator[Path]:
    """The file that changed last, each time one did."""
    before = _latest()
    while True:
        await asyncio.sleep(every)
        now = _latest()
        if now != before:
            yield now[1]
        before = now


def _latest() -> tuple[int, Path]:
    return max((path.stat().st_mtime_ns, path) for room in _ROOMS for path in (_ROOT / room).rglob("*.py"))
