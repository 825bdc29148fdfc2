"""Who pays for a request, and what a request over its limit is refused with."""

from collections.abc import Mapping
from typing import Any

from app.domain.account import ANONYMOUS
from app.errors import TooMany
from app.limits.rate_limiter.policy import Policy, Verdict


def payer(state: Mapping[str, Any]) -> tuple[str, Policy]:
    """Whose budget a request draws on, and under which policy."""
    found: tuple[str, Policy] = state["resources"].limiter.subject(
        state.get("principal", ANONYMOUS), state.get("payer") or state["address"]
    )
    return found


def refusal(verdict: Verdict) -> TooMany:
    policy = verdict.policy
    return TooMany(
        f"More than {policy.limit} in {policy.window:.0f} seconds; please wait a little.",
        retry_after=verdict.retry_after,
        policy=policy.name,
        limit=policy.limit,
        retryAfter=round(verdict.retry_after, 3),
    )
