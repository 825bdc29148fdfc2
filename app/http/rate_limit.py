"""The error of a request over its rate limit."""

from app.errors import TooMany
from app.limits.rate_limiter.policy import Verdict


def rate_limit_error(verdict: Verdict) -> TooMany:
    policy = verdict.policy
    return TooMany(
        f"More than {policy.limit} in {policy.window:.0f} seconds; please wait a little.",
        retry_after=verdict.retry_after,
        policy=policy.name,
        limit=policy.limit,
        retryAfter=round(verdict.retry_after, 3),
    )
