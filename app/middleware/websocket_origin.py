"""Checks the origin of WebSocket handshakes, which CORS does not cover."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import AppError, Code
from app.settings import Settings


class WebSocketOrigin:
    """A page of another origin may open a WebSocket only if `allowed_origins` lists it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._origins = frozenset(origin.rstrip("/").lower() for origin in settings.allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._may(Headers(scope=scope)):
            raise AppError(
                "This origin may not open a socket here; the setting ALLOWED_ORIGINS lists who may.",
                Code.FORBIDDEN,
            )
        await self.app(scope, receive, send)

    def _may(self, headers: Headers) -> bool:
        origin = headers.get("origin", "").lower()
        own = origin.partition("://")[2] == headers.get("host", "").lower()
        return not origin or own or origin in self._origins or "*" in self._origins
