"""Records the time-outs that code sets."""

import asyncio

import pytest


def record_timeouts(monkeypatch: pytest.MonkeyPatch, *, expire: bool = False) -> list[float]:
    """In seconds, in the order in which they are set. `expire`: each ends at once."""
    seconds: list[float] = []
    timeout = asyncio.timeout

    def recorded(delay: float) -> asyncio.Timeout:
        seconds.append(delay)
        return timeout(0 if expire else delay)

    monkeypatch.setattr(asyncio, "timeout", recorded)
    return seconds
