"""Counts each request against a limit before work is done for it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.rate_limit import rate_limit_error
from app.http.request_state import request_state
from app.http.response_start import add_headers, on_response_start

FREE = frozenset(("/healthz", "/readyz", "/metrics", "/favicon.ico"))
FREE_FOLDERS = ("/assets/",)


class RateLimit:
    """Inside of ClientAddress and Session, which determine the budget.

    The verdict stays in the state: later charges replace it, and
    the response's headers show the latest.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_free(scope["path"]):
            await self.app(scope, receive, send)
            return
        state = request_state(scope)
        key, policy = state.budget
        verdict = state.verdict = await state.resources.limiter.take(key, 1, policy)

        def begin(message: Message) -> None:
            if message["type"] == "http.response.start" and state.verdict is not None:
                add_headers(message, state.verdict.headers)

        on_response_start(scope, begin)
        if not verdict.allowed:
            raise rate_limit_error(verdict)
        await self.app(scope, receive, send)


def is_free(path: str) -> bool:
    """Health, metrics and the files of pages."""
    return path in FREE or path.startswith(FREE_FOLDERS)
