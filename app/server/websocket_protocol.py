"""uvicorn's WebSocket with the timer of its connection, and a shutdown that the application takes part in."""

import asyncio
import random
import struct
from functools import lru_cache
from time import perf_counter
from typing import Any, Final, NamedTuple

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.server import ServerProtocol

from app.http.direct_writer import RECEIVE_WRITER
from app.limits.fair_share import FairShare
from app.observability import metrics as all_metrics
from app.observability.counting import Counts
from app.resources import Resources
from app.server.connection_timer import CLOSE_TIMEOUT, ConnectionTimer, State

# Of what a client sends wrongly; the library names bytes and its own states.
_REASONS: dict[int, str] = {
    CloseCode.PROTOCOL_ERROR: "This is no frame that RFC 6455 allows.",
    CloseCode.INVALID_DATA: "This text is not UTF-8.",
    CloseCode.MESSAGE_TOO_BIG: "This message is longer than a message may be.",
}
# After that so much is still read and dropped, for so long, as behind a refused request.
LINGER_BYTES, LINGER_SECONDS = 256 * 1024, 2.0
# One read may hold 40,000 frames, which take a second. So many bytes of it are parsed at once, for so many seconds; then
# others have their turn.
SLICE: Final = 1024
TURN: Final = 0.002

_counts = Counts(all_metrics.HTTP_CUT)


class _NoTimer:
    """Stands for uvicorn's timer of a closing WebSocket: the connection's own does its work."""

    def cancel(self) -> None:
        pass


class _Frames(ServerProtocol):
    def fail(self, code: CloseCode | int, reason: str = "") -> None:
        super().fail(code, _REASONS.get(code, reason))


class UpgradedConnection(NamedTuple):
    """What a WebSocket takes over from the HTTP protocol that has read the head of its handshake."""

    transport: asyncio.Transport
    timer: ConnectionTimer
    limit: FairShare
    address: str | None


class WebSocket(WebSocketsSansIOProtocol):
    timer: ConnectionTimer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _Frames(max_size=self.config.ws_max_size, logger=self.logger)  # without extensions
        self._discarding = 0
        # Of the latest read, what is not parsed yet: the transport is paused until then.
        self._unparsed = bytearray()
        self._parsing: asyncio.Handle | None = None

    def take_over(
        self,
        connection: UpgradedConnection,
        headers: list[tuple[bytes, bytes]],
        handshake: bytes,
        rest: bytes,
    ) -> None:
        """`rest`: what came behind the handshake's head.

        `handshake` is what the library gets of the head; the application sees all `headers`, however many there are.
        """
        resources: Resources = self.app_state["resources"]
        settings = resources.settings
        self._connection_limit, self._address = connection.limit, connection.address
        self._check_every: float = settings.socket_check_interval
        self._read_timeout: float = settings.read_timeout
        self._write_timeout: float = settings.write_timeout
        self._headers = headers
        self._awaiting_pong = False
        self._early = b""
        self.timer = connection.timer
        self.timer.expire = self._expired
        self.timer.enter(State.UPGRADING, self._read_timeout)
        self.connection_made(connection.transport)
        connection.transport.set_protocol(self)
        self.data_received(handshake)
        if rest and self.handshake_initiated and not self.transport.is_closing():
            self.data_received(rest)

    def data_received(self, data: bytes) -> None:
        if self._discarding:
            self._discarding = max(0, self._discarding - len(data))
            if not self._discarding:
                self.transport.abort()
            return
        if self.handshake_initiated and not self.handshake_complete:
            # Too early: a client may not know yet that it will be understood. One read of it is kept.
            self._early += data
            self.transport.pause_reading()
            return
        if self.handshake_initiated:
            self._unparsed += data
            if self._parsing is None and not self.read_paused:
                self._parse()
            return
        super().data_received(data)
        if not self.handshake_initiated:
            # The library cannot read a head that app/server/websocket_handshake.py has written.
            self.transport.write(
                b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            )
            self.transport.close()
        self._note_close()

    def _parse(self) -> None:
        """Until a message waits for the application, or for a turn of the event loop."""
        self._parsing = None
        unparsed = self._unparsed
        until = perf_counter() + TURN
        while unparsed and not self.read_paused:
            if self._discarding or self.transport.is_closing():
                unparsed.clear()
                return
            part = bytes(unparsed[:SLICE])
            del unparsed[:SLICE]
            super().data_received(part)
            self._note_close()
            if unparsed and perf_counter() > until:
                self._read_on()
                return
        if not self.read_paused:
            self._read_on()

    def _read_on(self) -> None:
        """First what has been read already."""
        if self._unparsed:
            self.transport.pause_reading()  # uvicorn resumes it when the application closes
            self._parsing = self._parsing or self.loop.call_soon(self._parse)
        elif not (self.transport.is_closing() or self.transport.is_reading()):
            self.transport.resume_reading()

    async def receive(self) -> Any:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
        return message

    def handle_parser_exception(self) -> None:
        if self.conn.close_sent is None:
            self.transport.abort()  # the peer cannot be sent a close frame any more
        else:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": self.conn.close_sent.code})
            self._linger()

    def send_receive_event_to_app(self) -> None:
        """Text that is no UTF-8 is the client's fault; uvicorn would log an error with a traceback."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_utf8(self.frames):
            self.frames = []
            self.conn.fail(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope["headers"] = self._headers

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection_limit.leave(self._address, self)
        super().connection_lost(exc)
        self._unparsed.clear()
        self.timer.stop()

    def eof_received(self) -> None:
        """None: the transport closes."""
        self.timer.enter(State.CLOSING, CLOSE_TIMEOUT)

    def announce_shutdown(self) -> None:
        """The application is notified and closes when it is ready; `shutdown` cuts off what is left."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.SERVICE_RESTART})

    def shutdown(self) -> None:
        if not self.transport.is_closing():  # else it ends without another close frame
            super().shutdown()
        self._note_close()

    async def send(self, message: Any) -> None:
        if self.close_sent and self.handshake_complete:
            # Closed by the protocol after a missing pong or an invalid frame.
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.accept":
            self._settle()
            if RECEIVE_WRITER in message:
                message[RECEIVE_WRITER](self)
            if self._early and not self.transport.is_closing():
                early, self._early = self._early, b""
                self.transport.resume_reading()
                self.data_received(early)
        elif message["type"] == "websocket.close":
            if self.close_timer is not None:
                self.close_timer.cancel()
                self.close_timer = _NoTimer()  # type: ignore[assignment]
            self._read_on()  # to the close frame of the client
            self.timer.enter(State.CLOSING, CLOSE_TIMEOUT)
        elif message["type"] == "websocket.http.response.body" and self.close_sent:
            # Rejected with a response body: otherwise uvicorn reports an incomplete handshake.
            self.handshake_complete = True
            self.timer.enter(State.CLOSING, CLOSE_TIMEOUT)

    @property
    def can_write(self) -> bool:
        return self.writable.is_set() and not (
            self.close_sent or self.disconnected or self.transport.is_closing()
        )

    def write_now(self, data: bytes) -> None:
        """The frame is written past the library: without extensions it is its payload behind a length."""
        self.transport.write(_text_head(len(data)) + data)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if self.timer.state is not State.CLOSING:
            self.timer.enter(State.CLOSING, CLOSE_TIMEOUT)

    def handle_ping(self) -> None:
        said = b"".join(self.conn.data_to_send())
        if self.writable.is_set():  # a client that does not read what is sent to it gets no pongs either
            self.transport.write(said)

    def handle_cont(self, event: Any) -> None:
        """In one piece of memory, however small the fragments are."""
        if not isinstance(self.frames[0], bytearray):
            self.frames[0] = bytearray(self.frames[0])  # type: ignore[call-overload]
        self.frames[0] += event.data
        if event.fin:
            self.frames[0] = bytes(self.frames[0])
            self.send_receive_event_to_app()

    def handle_pong(self, event: Any) -> None:
        if bytes(event.data) == self.pending_ping_payload:
            self._awaiting_pong = False
            self.pending_ping_payload = None

    # Time-outs

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.timer.state is not State.CLOSING:
            self.timer.enter(State.STALLED, self._write_timeout)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.timer.state is State.STALLED:
            self._settle()

    def _settle(self) -> None:
        if self.transport.is_closing() or self.close_sent:
            self.timer.enter(State.CLOSING, CLOSE_TIMEOUT)
        elif self.handshake_complete:
            self.timer.enter(State.OPEN, self._check_every)
        else:
            self.timer.enter(State.UPGRADING, self._read_timeout)

    def _note_close(self) -> None:
        if self.timer.state is not State.CLOSING and (self.transport.is_closing() or self.close_sent):
            self.timer.enter(State.CLOSING, CLOSE_TIMEOUT)

    def _expired(self, state: State) -> None:
        if state is State.OPEN and not (self.transport.is_closing() or self.close_sent):
            self._ping()
        elif state is State.OPEN:
            self.timer.enter(State.CLOSING, CLOSE_TIMEOUT)
        else:
            if state is State.STALLED:
                _counts[("unread",)].value += 1
            self.transport.abort()

    def _ping(self) -> None:
        if self._awaiting_pong and (self.read_paused or self._unparsed):
            # The pong may be behind messages that wait for the application.
            self.timer.enter(State.OPEN, self._check_every)
            return
        if self._awaiting_pong:
            self.conn.fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
            self._flush_and_close()
            return
        self._awaiting_pong = True
        self.pending_ping_payload = struct.pack("!I", random.getrandbits(32))
        self.conn.send_ping(self.pending_ping_payload)
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.timer.state is State.OPEN:  # else that did not fit into the buffer
            self.timer.enter(State.OPEN, self._check_every)

    @property
    def expendable(self) -> bool:
        return self.timer.state is not State.OPEN

    def evict(self) -> None:
        _counts[("no_share",)].value += 1
        if self.handshake_complete and not (self.close_sent or self.transport.is_closing()):
            self.conn.send_close(
                CloseCode.TRY_AGAIN_LATER, "This address holds more than its share of connections."
            )
            self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.TRY_AGAIN_LATER})
            self._flush_and_close()
        else:
            self.transport.abort()

    def _linger(self) -> None:
        """Closes once the peer has closed, or after LINGER_SECONDS: a close with unread bytes would reset the connection and lose the close frame."""
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if not self.transport.is_closing():
            self._discarding = LINGER_BYTES
            self.transport.write_eof()
            self.transport.resume_reading()
        self.timer.enter(State.CLOSING, LINGER_SECONDS)

    def _flush_and_close(self) -> None:
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
        self.timer.enter(State.CLOSING, CLOSE_TIMEOUT)


@lru_cache(maxsize=64)
def _text_head(length: int) -> bytes:
    """Of a frame with a whole message (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    return (
        struct.pack("!BBH", 0x81, 126, length) if length < 2**16 else struct.pack("!BBQ", 0x81, 127, length)
    )


def _is_utf8(frames: list[bytes]) -> bool:
    try:
        b"".join(frames).decode()
    except UnicodeDecodeError:
        return False
    return True
