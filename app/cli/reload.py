"""Detects changes of the code, for development."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("app", "loaders", "schema")


async def changes(every: float = 0.5) -> AsyncIterator[Path]:
    """Yields the file that changed last, after each change."""
    before = _latest()
    while True:
        await asyncio.sleep(every)
        now = _latest()
        if now != before:
            yield now[1]
        before = now


def _latest() -> tuple[int, Path]:
    return max(
        (path.stat().st_mtime_ns, path) for package in _PACKAGES for path in (_ROOT / package).rglob("*.py")
    )
