"""Waiting for a condition, and time-outs long enough for a busy machine."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from time import monotonic
from typing import Any, Final

from app.db.pool import Pool

# Seconds. Only a test that fails takes so long: one that succeeds ends with its condition.
LIMIT: Final = 60.0
PAUSE: Final = 0.005

# For tests about something else: a slow Redis does not count as an outage.
PATIENT: Final = {"redis_timeout": 20.0, "redis_connect_timeout": 20.0}
# For tests that count hits and statements: heartbeats that are late do not switch caches off.
CACHING: Final = {**PATIENT, "max_missed_heartbeats": 100}
# For tests that count requests: none costs more because it computed for long, and no budget refills meanwhile.
COUNTED: Final = {**PATIENT, "rate_limit_cost": 10**9, "rate_limit_window": 3600.0}
# Only in this database: tests of other workers have theirs on the same server.
WAITS_FOR_LOCK: Final = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def until(
    condition: Callable[[], Any],
    seconds: float = LIMIT,
    *,
    pause: float = PAUSE,
    ignoring: tuple[type[Exception], ...] = (),
) -> Any:
    """The value of the condition once it is true; an AssertionError if it never is. It may be a coroutine function."""
    began = monotonic()
    while True:
        try:
            found = condition()
            if isawaitable(found):
                found = await found
            if found:
                return found
        except ignoring:
            pass
        assert monotonic() - began < seconds, f"this did not become true within {seconds:g} s"
        await asyncio.sleep(pause)


async def until_delivered(pool: Pool, seconds: float = LIMIT) -> None:
    """Waits until the outbox is empty, so that earlier events invalidate nothing later."""

    async def is_empty() -> bool:
        return not await pool.fetch("SELECT FROM outbox LIMIT 1")

    await until(is_empty, seconds)


async def until_equal(read: Callable[[], Any], expected: object, seconds: float = LIMIT) -> None:
    """Waits until `read`, which may be a coroutine function, returns the expected value."""
    last: object = None

    async def matches() -> bool:
        nonlocal last
        last = read()
        if isawaitable(last):
            last = await last
        return bool(last == expected)

    try:
        await until(matches, seconds)
    except AssertionError:
        raise AssertionError(f"still {last!r} instead of {expected!r} after {seconds:g} s") from None
