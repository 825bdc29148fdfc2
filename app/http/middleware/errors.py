"""What middleware and routes refuse, or fail at, becomes an answer."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Refusal, TooMany, Unauthenticated
from app.http.errors import respond, respond_unexpected

log = structlog.get_logger("http")

# RFC 6455 and its registry: what a socket is closed with.
POLICY_VIOLATION, INTERNAL_ERROR, TRY_AGAIN_LATER = 1008, 1011, 1013


class Errors:
    """Outside of everything that may refuse, inside of what must see every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] in ("http.response.start", "websocket.close")
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        except Exception as error:
            if started:
                # The answer is already under way; cutting it off is all that can be said.
                raise
            await _answer(scope, receive, send, error)


async def _answer(scope: Scope, receive: Receive, send: Send, error: Exception) -> None:
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": _close_code(scope, error)})
        return
    response = respond(scope, error) if isinstance(error, Refusal) else respond_unexpected(scope, error)
    await response(scope, receive, send)


def _close_code(scope: Scope, error: Exception) -> int:
    if isinstance(error, TooMany):
        return TRY_AGAIN_LATER
    if isinstance(error, (Unauthenticated, Refusal)):
        return POLICY_VIOLATION
    log.error("unexpected error on a socket", path=scope["path"], exc_info=error)
    return INTERNAL_ERROR
