"""What a connection may take of us before it has asked: so much time, so many bytes, and one of so many places."""

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.server import ServerState

from app.http.places import places
from app.observability import metrics
from app.observability.counting import Counts

if TYPE_CHECKING:
    _Protocol = asyncio.Protocol
else:
    _Protocol = object

_counts = Counts(metrics.HTTP_CUT)

STATUSES = {
    "too_slow": b"408 Request Timeout",
    "too_large": b"431 Request Header Fields Too Large",
    "no_room": b"503 Service Unavailable\r\nretry-after: 1",
}
NOTHING_MORE = b"connection: close\r\ncontent-length: 0\r\n"
# A body in small chunks takes up to so many times its bytes; whoever sends more has something else in mind.
FRAMES = 8


class ReadPatience(_Protocol):
    """To be mixed into uvicorn's HTTP protocol, which waits for ever for the rest of a request, however long it is.

    The time runs from when a connection is made, or a request begins on one that is old, until the request has come
    whole. Between requests keep-alive has a time of its own.
    """

    loop: asyncio.AbstractEventLoop
    transport: Any
    flow: Any
    cycle: Any
    app_state: dict[str, Any]
    server_state: ServerState
    timeout_keep_alive_task: asyncio.TimerHandle | None
    _coming: asyncio.TimerHandle | None = None
    # Of the request that is coming: whether it has begun, whether its head has ended, and its bytes.
    _begun = False
    _in_head = False
    _bytes = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        settings = self.app_state["resources"].settings
        self._read_patience: float = settings.read_patience
        self._most_of_head: int = settings.request_head_bytes
        self._most: int = settings.request_head_bytes + FRAMES * settings.request_body_bytes
        if len(self.server_state.connections) > places(settings):
            self._cut("no_room")
        else:
            self._expect()

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        if self._begun and self._bytes > (self._most_of_head if self._in_head else self._most):
            self._cut("too_large")
            return
        super().data_received(data)
        if not self._begun:
            self._bytes = 0

    def on_message_begin(self) -> None:
        self._begun = self._in_head = True
        self._bytes = 0  # what came before in the same piece was of another request
        if self._coming is None:
            self._expect()
        super().on_message_begin()  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()  # type: ignore[misc]

    def on_message_complete(self) -> None:
        self._begun = False
        self._expect_nothing()
        super().on_message_complete()  # type: ignore[misc]

    def connection_lost(self, error: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(error)

    def _expect(self) -> None:
        self._coming = self.loop.call_later(self._read_patience, self._give_up)

    def _expect_nothing(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
            self._coming = None

    def _give_up(self) -> None:
        self._coming = None
        if self.transport.is_closing() or self._was_answered_early():
            return
        if self.flow.read_paused:
            self._expect()  # it is we who do not read: what came before is not answered yet
            return
        self._cut("too_slow")

    def _was_answered_early(self) -> bool:
        """Without a message ever having begun, for nothing was parsed."""
        return not self._begun and self.timeout_keep_alive_task is not None

    def _cut(self, reason: str) -> None:
        _counts[(reason,)].value += 1
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.response_started:
            self.transport.abort()  # into an answer that is under way nothing can be put
            return
        self.transport.write(b"HTTP/1.1 %s\r\n%s\r\n" % (STATUSES[reason], NOTHING_MORE))
        self.transport.close()
