"""The generic cell rate algorithm (GCRA) within this process; gcra.lua is the same in Redis."""

from time import monotonic

from app.limits.rate_limiter.policy import Policy


class Gcra:
    """The generic cell rate algorithm in memory: for the messages of one socket, and for every key without Redis."""

    __slots__ = ("_full", "_interval", "_window")

    def __init__(self, policy: Policy) -> None:
        self._interval = policy.interval
        self._window = policy.window
        self._full = 0.0

    def take(self, weight: int = 1) -> float:
        """The seconds to wait; 0 means that it was taken."""
        now = monotonic()
        after = max(self._full, now) + weight * self._interval
        over = after - now - self._window
        if over > self._interval / 10:
            return over
        self._full = after
        return 0.0

    def give_back(self, weight: int = 1) -> None:
        self._full -= weight * self._interval

    def owe(self, weight: int) -> None:
        now = monotonic()
        full = max(self._full, now)
        self._full = max(full, min(full + weight * self._interval, now + 2 * self._window))

    def left(self) -> int:
        free = monotonic() + self._window - max(self._full, monotonic())
        return max(int(free / self._interval + 0.1), 0) if self._interval else 0
