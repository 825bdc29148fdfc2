"""CORS: what pages of other origins may read.

Every origin may read without cookies, because the data is open; ALLOWED_ORIGINS lists those that may send cookies, too. Without
such a list the headers are the same for all requests, so that caches at the edge have one response for all origins.
"""

import re
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth.cookies import listed_origins
from app.errors import AppError, Code
from app.http.errors import respond
from app.http.request_state import header, joined_header
from app.http.response_start import add_headers, on_response_start, vary_by
from app.settings import Settings

_ANY: Final = "*"
METHODS: Final = "DELETE, GET, HEAD, POST, PUT"
# For a preflight that names none; the headers that a preflight names are granted.
REQUEST_HEADERS: Final = (
    "Accept",
    "Apollo-Require-Preflight",
    "Authorization",
    "Content-Type",
    "If-None-Match",
    "Last-Event-ID",
    "X-GraphQL-Event-Stream-Token",
    "X-Request-Id",
    "X-Requested-With",
)
# Browsers show pages only the simplest headers, and these. tests/integration/graph/test_cors.py compares them with responses.
EXPOSED: Final = (
    "Allow",
    "Content-Disposition",
    "Content-Encoding",
    "Date",
    "ETag",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)
_LIFETIME: Final = b"7200"  # of a preflight, in seconds; no browser keeps one for longer
_NAMES: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:[ \t]*,[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
_LONGEST_NAMES: Final = 2048

Headers = list[tuple[bytes, bytes]]


class Cors:
    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._origins = listed_origins(settings)
        self._exposed = (b"access-control-expose-headers", ", ".join(EXPOSED).encode())
        self._of_any = [(b"access-control-allow-origin", b"*"), self._exposed] if is_open(settings) else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        origin = header(scope, b"origin")
        if (
            scope["method"] == "OPTIONS"
            and origin is not None
            and header(scope, b"access-control-request-method") is not None
        ):
            await self._preflight(scope, origin)(scope, receive, send)
            return
        if headers := self._granted(origin):
            on_response_start(scope, lambda message: add_headers(message, headers))
        if self._origins:
            on_response_start(scope, _vary_by_origin)
        await self.app(scope, receive, send)

    def _granted(self, origin: bytes | None) -> Headers:
        if origin is not None and origin.decode("latin-1").lower() in self._origins:
            return [
                (b"access-control-allow-origin", origin),
                (b"access-control-allow-credentials", b"true"),
                self._exposed,
            ]
        return self._of_any

    def _preflight(self, scope: Scope, origin: bytes) -> Response:
        granted = [each for each in self._granted(origin) if each != self._exposed]
        if not granted:
            return respond(
                scope,
                AppError(
                    "Pages of this origin may read nothing here; ALLOWED_ORIGINS lists who may.",
                    Code.FORBIDDEN,
                ),
                {"vary": "Origin"},
            )
        response = Response(status_code=204)
        response.raw_headers = [
            *granted,
            (b"access-control-allow-methods", METHODS.encode()),
            (b"access-control-allow-headers", _requested(scope)),
            (b"access-control-max-age", _LIFETIME),
            (b"vary", b"Origin, Access-Control-Request-Headers"),
        ]
        return response


def _vary_by_origin(message: Message) -> None:
    """What depends on the origin must not be stored for another one."""
    vary_by(message, b"Origin")


def _requested(scope: Scope) -> bytes:
    """The headers that the preflight names: none of them gives a page rights that it has not without CORS."""
    names = joined_header(scope, b"access-control-request-headers").strip()
    if len(names) <= _LONGEST_NAMES and _NAMES.fullmatch(names):
        return names
    return ", ".join(REQUEST_HEADERS).encode()


def is_open(settings: Settings) -> bool:
    """Whether pages of every origin may read without cookies."""
    return settings.cross_origin_reading or _ANY in settings.allowed_origins
