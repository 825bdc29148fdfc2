"""uvicorn's response cycle with HTTP/1.0 framing, and callbacks for the connection timer."""

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class ResponseCycle(RequestResponseCycle):
    """`on_write` is called after each message, `on_last` before the last one of an answer that ends its connection."""

    on_write: Callable[[], None]
    on_last: Callable[[], None]
    _until_close = False

    async def run_asgi(self, app: Any) -> None:
        try:
            await super().run_asgi(app)
        finally:
            self.on_write = self.on_last = _nothing  # they hold the protocol, which holds this

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            if self.scope["http_version"] == "1.0" and not _has_length(message):
                # There are no chunks in HTTP/1.0: such an answer ends with its connection.
                self._until_close = True
                self.chunked_encoding = False
        elif message["type"] == "http.response.body":
            if self._until_close:
                self.expected_content_length = len(message.get("body", b""))
            if not message.get("more_body", False) and not self.keep_alive and self.response_started:
                # Closed by the protocol, which may still have to read the rest of the request.
                self.keep_alive = True
                self.on_last()
        await super().send(message)
        self.on_write()


def _nothing() -> None:
    pass


def _has_length(message: Any) -> bool:
    return any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
