"""Circuit breaker: after repeated failures calls are skipped, except one probe per pause."""

from time import monotonic


class Breaker:
    def __init__(self, failures: int, pause: float) -> None:
        self._limit = failures
        self._pause = pause
        self._failures = 0
        self._retry_at = 0.0

    @property
    def open(self) -> bool:
        return self._failures >= self._limit

    @property
    def failing(self) -> bool:
        """The last try has failed."""
        return self._failures > 0

    def allows(self) -> bool:
        """True for all calls while closed; while open, for one probe after each pause."""
        if not self.open:
            return True
        now = monotonic()
        if now < self._retry_at:
            return False
        self._retry_at = now + self._pause
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        self._retry_at = monotonic() + self._pause
