"""uvicorn's response cycle with HTTP/1.0 framing, and callbacks for the connection timer."""

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.http.direct_writer import RECEIVE_WRITER


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
                # A part of it must not look like the whole, however it is cut off.
                self._reset_on_close(True)
        elif message["type"] == "http.response.body":
            if self._until_close:
                self.expected_content_length = len(message.get("body", b""))
                if not message.get("more_body", False):
                    self._reset_on_close(False)
            if not message.get("more_body", False) and not self.keep_alive and self.response_started:
                # Closed by the protocol, which may still have to read the rest of the request.
                self.keep_alive = True
                self.on_last()
        await super().send(message)
        self.on_write()
        if RECEIVE_WRITER in message:
            message[RECEIVE_WRITER](self)

    def _reset_on_close(self, on: bool) -> None:
        """Whether the connection, when it is closed from now on, is reset: its client then reads an error instead of an end."""
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            with suppress(OSError, ValueError):  # it is closed already; the latter from uvloop
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", on, 0))

    def reset_if_cut_off(self) -> None:
        """To be called before the connection is aborted: its last bytes may not have reached the socket yet."""
        if self._until_close and self.transport.get_write_buffer_size():
            self._reset_on_close(True)

    @property
    def can_write(self) -> bool:
        return not (self.disconnected or self.response_complete or self.flow.write_paused)

    def write_now(self, data: bytes) -> None:
        self.transport.write(_chunk(data) if self.chunked_encoding else data)
        self.on_write()


# Parts that are written at once go to many connections.
@lru_cache(maxsize=4)
def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _nothing() -> None:
    pass


def _has_length(message: Any) -> bool:
    return any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
