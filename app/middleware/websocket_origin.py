"""Checks the origin of WebSocket handshakes, which CORS does not cover."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth.cookies import listed_origins
from app.errors import AppError, Code
from app.middleware.cors import is_open
from app.settings import Settings


class WebSocketOrigin:
    """A page of another origin may open a WebSocket where it may read without cookies, or if it is listed. Cookies count from listed ones only."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._origins = listed_origins(settings)
        self._is_open = is_open(settings)

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
        return self._is_open or not origin or own or origin in self._origins
