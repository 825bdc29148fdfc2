"""The local state of the bucket of each key, and its pending requests to Redis."""

import asyncio
from collections.abc import Iterator
from itertools import chain
from math import inf

from app.limits.rate_limiter.gcra import Gcra
from app.limits.rate_limiter.policy import Policy, Verdict


class Bucket:
    """The local state of one key."""

    __slots__ = (
        "asked",
        "asking",
        "low",
        "meter",
        "policy",
        "portion",
        "refused_until",
        "remaining",
        "seen",
        "tokens",
    )

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.tokens = 0  # granted in advance and not used yet
        self.seen = 0  # the tokens at the last sweep
        self.low = 0  # below this the next portion is requested
        self.portion = 0
        self.asked = -inf  # time of the last request to Redis
        self.asking = False
        self.remaining = policy.limit  # in Redis, as it said last
        self.refused_until = 0.0
        self.meter: Gcra | None = None


class PendingRequest:
    """What is requested for one key in the next round trip to Redis."""

    __slots__ = ("bucket", "owed", "returned", "waiting", "wanted")

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.waiting: list[tuple[int, asyncio.Future[Verdict]]] = []
        self.wanted = 0
        self.returned = 0
        self.owed = 0

    def arguments(self) -> Iterator[float]:
        """As gcra.lua reads them."""
        policy = self.bucket.policy
        weights = [-self.returned, *(weight for weight, _ in self.waiting)]
        return chain((policy.interval * 1e6, policy.limit, self.wanted, self.owed, len(weights)), weights)
