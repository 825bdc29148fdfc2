"""Writes to an open connection without a task: for messages that many connections get at the same time."""

from typing import Final, Protocol

# The key of a callback in the message that starts a response or accepts a WebSocket: the server calls it with the connection's writer,
# unless something between changes what is sent.
RECEIVE_WRITER: Final = "dno.receive_writer"


class DirectWriter(Protocol):
    @property
    def can_write(self) -> bool:
        """False once it is closed, and while the client reads too slowly: then `send` of ASGI waits, and raises what there is to raise."""

    def write_now(self, data: bytes) -> None:
        """A part of the response, or the text of a WebSocket's message; only if `can_write`."""
