"""Limits by name, and the decision about one request with its headers."""

from math import ceil

from app.observability import metrics
from app.observability.counting import Count

Headers = list[tuple[bytes, bytes]]


class Policy:
    """So many units in so many seconds; a limit of 0 is none."""

    __slots__ = (
        "by_grant",
        "by_local",
        "by_redis",
        "header",
        "interval",
        "limit",
        "lines",
        "name",
        "refused",
        "seconds",
        "state",
        "window",
    )

    def __init__(self, name: str, limit: int, window: float) -> None:
        self.name = name
        self.limit = limit
        self.window = window
        self.interval = window / limit if limit else 0.0
        self.seconds = _whole_seconds(self.interval)
        # The parts of the headers that stay the same.
        self.header = f'"{name}";q={limit};w={round(window)}'.encode()
        self.state = f'"{name}";r='.encode()
        self.lines = b"ratelimit-policy: %s\r\nratelimit: %s" % (self.header, self.state)
        self.by_grant = Count(metrics.RATE_LIMIT, name, "grant", "allowed")
        self.by_redis = Count(metrics.RATE_LIMIT, name, "redis", "allowed")
        self.by_local = Count(metrics.RATE_LIMIT, name, "local", "allowed")
        self.refused = {
            by: Count(metrics.RATE_LIMIT, name, by, "refused") for by in ("grant", "redis", "local")
        }


class Verdict:
    """The headers are those of draft-ietf-httpapi-ratelimit-headers-10; made only when they are read.

    There `t` is the time until additional quota is made available. A bucket fills up unit by unit, so that is soon.
    """

    __slots__ = ("allowed", "policy", "remaining", "retry_after")

    def __init__(self, policy: Policy, allowed: bool, remaining: int, retry_after: float) -> None:
        self.policy = policy
        self.allowed = allowed
        # Units that were taken in advance may be held beside a bucket that has filled up again meanwhile.
        self.remaining = min(remaining, policy.limit)
        self.retry_after = retry_after

    @property
    def limit(self) -> int:
        return self.policy.limit

    @property
    def headers(self) -> Headers:
        """Retry-After is not among them: it belongs to the error response, as with every other 429 or 503."""
        policy = self.policy
        if not policy.limit:
            return []
        state = b"%s%d;t=%d" % (policy.state, self.remaining, self._seconds())
        return [(b"ratelimit-policy", policy.header), (b"ratelimit", state)]

    @property
    def header_bytes(self) -> bytes:
        """All of them as lines of HTTP/1.1, for the fast path, which writes responses itself."""
        policy = self.policy
        if not policy.limit:
            return b""
        seconds = self._seconds()
        lines = b"%s%d;t=%d\r\n" % (policy.lines, self.remaining, seconds)
        return lines if self.allowed else b"%sretry-after: %d\r\n" % (lines, seconds)

    def _seconds(self) -> int:
        """Until more quota is available, at the latest; of a rejection, until a retry can succeed."""
        return self.policy.seconds if self.allowed else max(_whole_seconds(self.retry_after), 1)


def _whole_seconds(seconds: float) -> int:
    # Less a thousandth, so that what rounding made of "1 s" does not become 2.
    return max(ceil(seconds - 0.001), 0)
