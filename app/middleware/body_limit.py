"""Limits the size of each request body, and of all bodies in memory."""

import re
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, Code, Overloaded
from app.http.headers import Headers, first
from app.settings import Settings

# Bytes of a body that are accepted even if the total is exceeded: most bodies are shorter.
SMALL = 16 * 1024
# Load profiles and imports, which are read part by part and not held.
_LOAD_PROFILE: Final = re.compile(r"/api/v1/dnos/[^/]+/atypical-use/[^/]+/?")
_IMPORT: Final = re.compile(r"/api/v1/import/[^/]+/?")
_UPLOAD: Final = re.compile(r"(?:/[a-z]{2})?/work/import/?")


class BodyLimit:
    """Rejects a body over the limit with 413, by its Content-Length or as soon as too many bytes are received; with 503
    while the bodies of all current requests together exceed their limit.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._limit = settings.max_request_body_bytes
        self._streamed = (
            (_LOAD_PROFILE, settings.max_load_profile_bytes),
            (_IMPORT, settings.max_import_bytes),
            (_UPLOAD, settings.max_import_bytes),
        )
        self._max_held = settings.max_held_body_bytes
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit, streamed = self._limit_of(scope["path"])
        if _announced(scope["headers"]) > limit:
            raise _too_large(limit)
        received = held = 0

        async def receive_bounded() -> Message:
            nonlocal received, held
            message = await receive()
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                received += size
                if streamed:  # the part before has been read
                    self.held -= held
                    held = 0
                held += size
                self.held += size
                if received > limit:
                    raise _too_large(limit)
                if self.held > self._max_held and received > SMALL:
                    raise Overloaded(
                        "The server holds too many large requests; please try again.", retry_after=1
                    )
            return message

        try:
            await self.app(scope, receive_bounded, send)
        finally:
            self.held -= held

    def _limit_of(self, path: str) -> tuple[int, bool]:
        """And whether the body is read part by part."""
        if path.startswith("/api/") or "/work/" in path:
            for pattern, limit in self._streamed:
                if pattern.fullmatch(path):
                    return limit, True
        return self._limit, False


def _announced(headers: Headers) -> int:
    value = first(headers, b"content-length")
    return int(value) if value is not None and value.isdigit() and len(value) < 20 else 0


def _too_large(limit: int) -> AppError:
    return AppError(f"The request's body is larger than {limit} bytes.", Code.PAYLOAD_TOO_LARGE, limit=limit)
