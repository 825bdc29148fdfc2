"""Charges to the rate limit beyond the one unit of the middleware: batches, expensive operations, work done."""

from math import ceil

from starlette.types import Scope

from app.http.rate_limit import rate_limit_error
from app.http.request_state import RequestState, request_state
from app.limits.rate_limiter.policy import Verdict
from app.settings import Settings


class RateLimitCharges:
    def __init__(self, settings: Settings) -> None:
        self.units_per_request: int = settings.rate_limit_cost

    async def charge_batch(self, operations: int, scope: Scope) -> None:
        """Charges one request per operation; the middleware has charged the first. Raises TooMany."""
        if operations > 1:
            state = request_state(scope)
            key, policy = state.budget
            _apply(await state.resources.limiter.take(key, operations - 1, policy), state)

    async def charge_cost(self, requested: int, scope: Scope) -> None:
        """Charges an operation whose estimated cost is that of several requests. Raises TooMany."""
        state = request_state(scope)
        key, policy = state.budget
        _apply(await state.resources.limiter.charge(key, requested, policy), state)

    def charge_work(self, units: int, paid: int, scope: Scope, *, reject: bool = False) -> None:
        """Charges work beyond the cost that was paid. It is known only after execution, so it may exceed what remains.

        `reject`: raise TooMany if nothing remains then.
        """
        if units <= self.units_per_request:  # as each change for each subscriber
            return
        requests = ceil(units / self.units_per_request) - max(ceil(paid / self.units_per_request), 1)
        if requests <= 0:
            return
        state = request_state(scope)
        key, policy = state.budget
        verdict = state.resources.limiter.owe(key, requests, policy)
        if verdict is not None:
            state.verdict = verdict
            if reject and not verdict.remaining:
                raise rate_limit_error(Verdict(policy, False, 0, policy.window))


def _apply(verdict: Verdict | None, state: RequestState) -> None:
    if verdict is not None:
        state.verdict = verdict
        if not verdict.allowed:
            raise rate_limit_error(verdict)
