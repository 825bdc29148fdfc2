"""The pauses of a job that runs again and again, and its lock: no time passes, no server is needed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.settings import Settings

RUNS = 60


class Pauses:
    """The requested pauses; after `RUNS` of them the job is cancelled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requested: list[float] = []
        self.between: Callable[[], None] = lambda: None
        monkeypatch.setattr(asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.requested.append(seconds)
        if len(self.requested) >= RUNS:
            raise asyncio.CancelledError
        self.between()

    def lie_around(self, expected: float, spread: float) -> bool:
        """All are within `spread` of it, and they differ: instances are not in step."""
        low, high = expected * (1 - spread), expected * (1 + spread)
        return (
            low <= min(self.requested) < expected * (1 - spread / 2)
            and expected * (1 + spread / 2) < max(self.requested) <= high
        )


class Lock:
    """The names of the requested locks; each is acquired where `leading` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: Any) -> None:
        self.names: list[str] = []
        self.leading = True
        for module in modules:
            monkeypatch.setattr(module, "leader_lock", self._lock)

    @asynccontextmanager
    async def _lock(self, name: str, settings: Settings) -> AsyncIterator[bool]:
        assert isinstance(settings, Settings)
        self.names.append(name)
        yield self.leading
