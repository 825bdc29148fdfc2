"""Each request is weighed before anything is done for it."""

from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.account import ANONYMOUS
from app.errors import TooMany
from app.http.middleware.answering import add_headers, at_beginning
from app.http.middleware.rate_limiter import Policy, RateLimiter, Verdict

FREE = frozenset(("/", "/healthz", "/readyz", "/metrics", "/favicon.ico"))
FREE_FOLDERS = ("/assets/",)


class RateLimit:
    """Inside of ClientAddress and Session, whose findings say whose budget is drawn on.

    The verdict stays in the state: whoever charges more later puts the newer one in its place, and
    the answer's headers tell the last.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or is_free(scope["path"]):
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        limiter: RateLimiter = state["resources"].limiter
        key, policy = payer(state)
        verdict = state["verdict"] = await limiter.take(key, 1, policy)

        def begin(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(message, state["verdict"].headers)

        at_beginning(scope, begin)
        if not verdict.allowed:
            raise refusal(verdict)
        await self.app(scope, receive, send)


def payer(state: Mapping[str, Any]) -> tuple[str, Policy]:
    """Whose budget a request draws on, and under which policy."""
    found: tuple[str, Policy] = state["resources"].limiter.subject(
        state.get("principal", ANONYMOUS), state.get("payer") or state["address"]
    )
    return found


def is_free(path: str) -> bool:
    """Health, metrics and the files of pages."""
    return path in FREE or path.startswith(FREE_FOLDERS)


def refusal(verdict: Verdict) -> TooMany:
    policy = verdict.policy
    return TooMany(
        f"More than {policy.limit} in {policy.window:.0f} seconds; please wait a little.",
        retry_after=verdict.retry_after,
        policy=policy.name,
        limit=policy.limit,
        retryAfter=round(verdict.retry_after, 3),
    )
