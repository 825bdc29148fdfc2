"""Converts exceptions of middleware and routes into responses."""

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from app.error_table import ERRORS
from app.errors import AppError, Code
from app.http.errors import pace, respond, respond_http, respond_unexpected
from app.http.response_start import on_response_start

log = structlog.get_logger("http")

ANSWERED = frozenset(("http.response.start", "websocket.close", "websocket.http.response.start"))


class Errors:
    """Outside of middleware that may reject requests, inside of middleware that must see every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent: set[str] = set()

        def begin(message: Message) -> None:
            sent.add(message["type"])

        on_response_start(scope, begin)
        try:
            await self.app(scope, receive, send)
        except (ClientDisconnect, WebSocketDisconnect):
            # The client is gone.
            return
        except Exception as error:
            if not sent.isdisjoint(ANSWERED):
                # The response has started, so the connection can only be aborted.
                raise
            if scope["type"] == "websocket" and ("websocket.accept" in sent or not _may_answer(scope)):
                await send({"type": "websocket.close", "code": _close_code(scope, error)})
            else:
                await pace(scope, error)
                await _response(scope, error)(scope, receive, send)


def _may_answer(scope: Scope) -> bool:
    """Whether the server can reject a handshake with a response body."""
    return "websocket.http.response" in scope.get("extensions", {})


def _response(scope: Scope, error: Exception) -> Response:
    if isinstance(error, AppError):
        return respond(scope, error)
    if isinstance(error, HTTPException):
        return respond_http(scope, error)
    return respond_unexpected(scope, error)


def _close_code(scope: Scope, error: Exception) -> int:
    if isinstance(error, AppError):
        return ERRORS[error.code].close_code
    log.error("unexpected error on a socket", path=scope["path"], exc_info=error)
    return ERRORS[Code.INTERNAL_SERVER_ERROR].close_code
