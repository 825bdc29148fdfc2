"""uvicorn's HTTP protocol, with a framing of its own, one timer for each connection and a connection limit.

Of uvicorn's own protocol the head's parser, the scope and the response cycle are used. Where a request begins and ends is
decided here, one request after the other: pipelined requests wait until the response before them is complete.
How long anything may take is decided by one timer (app/server/connection_timer.py).
"""

import struct
from asyncio import Event, Task
from collections.abc import Callable
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http.cached_request_head import HeadCandidate
from app.http.request_state import begin_request
from app.limits.fair_share import LimitReached
from app.observability import metrics as all_metrics
from app.observability.counting import Counts
from app.resources import Resources
from app.server.connection_timer import CLOSE_TIMEOUT, ConnectionTimer, State
from app.server.error_responses import DETAILS, error_response
from app.server.request_body import Body, BodyByLength, ChunkedBody, MalformedBody
from app.server.request_head import (
    Framing,
    RejectedHead,
    RequestLine,
    authority_of,
    check_beginning,
    check_fields,
    check_lines,
    fields_of,
)
from app.server.response_cycle import ResponseCycle
from app.server.server_state import ServerState
from app.server.websocket_handshake import handshake
from app.server.websocket_protocol import UpgradedConnection, WebSocket

END = b"\r\n\r\n"
CRLF = b"\r\n"
# Bytes of pipelined requests that are buffered before reading is paused.
MAX_PIPELINED_BYTES = 64 * 1024
# A chunked body may take so many times its bytes, framing included.
FRAMES = 8
# The same in bytes, for the largest bodies: those of imports.
FRAME_BYTES = 2**20
# Bytes and seconds that are still read and dropped after an error response: closing a socket with unread bytes
# resets it, and the client may lose the response. Many clients read it only after they have sent the whole body, so that
# files as large as those of imports are read.
LINGER_BYTES, LINGER_SECONDS = 64 * 2**20, 2.0
# Bytes per second at which a client still counts as reading. TCP takes them in bursts, so this is half of what a client
# must read on average to be safe; a response of 8 MiB takes nine minutes at most.
MIN_RATE = 16 * 1024

_counts = Counts(all_metrics.HTTP_CUT)
all_metrics.HTTP_CUT.labels("no_room")  # from zero, so that Prometheus sees the first one as an increase


class HttpProtocol(HttpToolsProtocol):
    timer: ConnectionTimer
    server_state: ServerState
    cycle: ResponseCycle | None  # type: ignore[assignment]  # None before the first request that takes the normal path

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        resources: Resources = self.app_state["resources"]
        settings = resources.settings
        self._addresses = resources.addresses
        self._connection_limit = resources.connections
        self._max_head_bytes: int = settings.max_request_head_bytes
        self._max_request_bytes: int = settings.max_request_head_bytes + max(
            FRAMES * settings.max_request_body_bytes,
            2 * settings.max_load_profile_bytes,
            settings.max_import_bytes + FRAME_BYTES,
        )
        self._answer_timeout: float = max(settings.answer_timeout, 3 * settings.socket_check_interval)
        self._seconds = {
            State.NEW: settings.read_timeout,
            State.HEAD: settings.read_timeout,
            State.BODY: settings.read_timeout,
            State.ANSWERING: self._answer_timeout,
            State.IDLE: settings.keep_alive_timeout,
            State.STALLED: settings.write_timeout,
            State.UPGRADING: settings.read_timeout,
            State.CLOSING: CLOSE_TIMEOUT,
        }
        self._keep_alive: float = settings.keep_alive_timeout
        self._address: str | None = None
        self._peer: str | None = None
        # Of the request that is coming: its head as far as it has come, then where its body ends.
        self._partial: bytearray | None = None
        self._body: Body | None = None
        self._bytes = 0
        self._parsed_keep_alive = False
        # Of the request that is being answered.
        # A refusal that is held back, and what waits for an equal request, is called.
        self._answering: Task[None] | Callable[..., object] | None = None
        self._pipelined = b""
        # The last response is being sent, or has been: no further request is read.
        self._last = False
        # The client has ended its side and still reads (half-closed).
        self._ended = False
        self._discarding = 0
        # Bytes that the client had not taken when it was last looked, and the seconds until the next look.
        self._untaken, self._look_seconds = 0, CLOSE_TIMEOUT

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else None
        # None: the connection of a proxy carries many clients, and each request's head names its own.
        self._address = self._addresses.of_peer(self._peer)
        self.timer = ConnectionTimer(self.loop, State.NEW, self._seconds[State.NEW], self._expired)
        try:
            self._connection_limit.admit(self._address, self)
        except LimitReached as error:
            self._cut(error.reason, 503)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection_limit.leave(self._address, self)
        super().connection_lost(exc)
        self.timer.stop()

    def data_received(self, data: bytes) -> None:
        cycle = self.cycle
        if self._answering is None and self._body is None and (cycle is None or cycle.response_complete):
            if self._last:
                self._discard(data)
            elif self._partial is not None:
                self._continue_head(data)
            else:
                self._begin(data)
        elif self._body is not None:
            self._take_body(data)
        elif self._discarding:
            self._discard(data)
        else:
            self._queue_pipelined(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn's returns None
        """Whether the transport stays open: for requests that are complete, as the client may only have ended its side.

        One that is gone looks the same. Once a response has begun it is taken for that, so that streams end.
        """
        cycle = self.cycle
        begun = self._answering is None and (cycle is None or cycle.response_started)
        if begun or self._body is not None or self._state() is not State.ANSWERING:
            self._enter_unread(State.CLOSING, CLOSE_TIMEOUT)
            return False
        self._ended = True
        self._keep_alive = 0.0
        self._seconds = {**self._seconds, State.IDLE: 0.0, State.HEAD: 0.0, State.BODY: 0.0}
        return True

    # Where a request begins and ends

    def _begin(self, data: bytes) -> None:
        end = data.find(END) + len(END)
        head, rest = data[:end], data[end:]
        if self._respond_at_once(head, rest):
            return
        if data[:1] in b"\r\n":  # empty lines before a request are no part of it
            request = data.lstrip(CRLF)
            self._bytes += len(data) - len(request)
            if self._bytes > self._max_head_bytes:
                self._reject(431, "There are too many empty lines.", "too_large")
            elif request:
                self._begin(request)
            return
        if len(END) <= end:
            self._take_request(head, rest)
            return
        self._partial = bytearray()
        self._continue_head(data)

    def _continue_head(self, data: bytes) -> None:
        partial = self._partial
        assert partial is not None
        seen = max(0, len(partial) - len(END) + 1)
        partial += data
        end = partial.find(END, seen) + len(END)
        if end < len(END):
            if self._bytes + len(partial) > self._max_head_bytes:
                self._reject(431, "The head of the request is too large.", "too_large")
                return
            try:
                check_beginning(partial, seen)
            except RejectedHead as error:
                self._reject(error.status, error.reason, "malformed")
                return
            self._settle()
            return
        self._partial = None
        self._take_request(bytes(partial[:end]), bytes(partial[end:]))

    def _take_request(self, head: bytes, rest: bytes) -> None:
        try:
            line, framing = self._read_head(head)
            handshake_head = handshake(self.url, self.headers) if framing.upgrade else b""
        except RejectedHead as error:
            reason = "too_large" if error.status == 431 else "malformed"
            self._reject(error.status, error.reason, reason)
            return
        self._bytes = 0
        if framing.upgrade:
            self._upgrade(handshake_head, rest)
            return
        if line.method == b"OPTIONS" and line.target == b"*":
            self._reject(204, "", "")
            return
        if framing.length is None:
            self._body = ChunkedBody()
        elif framing.length:
            self._body = BodyByLength(framing.length)
        self._start(head, line, framing)
        if self._body is None:
            if rest:
                self._queue_pipelined(rest)
            self._settle()
        else:
            self._take_body(rest)

    def _read_head(self, head: bytes) -> tuple[RequestLine, Framing]:
        """Checked by app/server/request_head.py and by the parser; both must accept it."""
        if self._bytes + len(head) > self._max_head_bytes:
            raise RejectedHead(431, "The head of the request is too large.")
        line = check_lines(head)
        # A new one for each head: where the body ends is not for it to decide.
        self.parser = httptools.HttpRequestParser(self)
        try:
            self.parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            pass  # which is decided below
        except httptools.HttpParserInvalidMethodError:
            raise RejectedHead(501, "There is no such method.") from None
        except httptools.HttpParserError:
            check_fields(line, fields_of(head))  # for a better reason
            raise RejectedHead(400, "The head of the request is malformed.") from None
        framing = check_fields(line, self.headers)
        if line.target != b"*" or line.method != b"OPTIONS":
            authority, target = authority_of(line.target)
            self.url = target
            if authority is not None:
                self.headers[:] = [header for header in self.headers if header[0] != b"host"]
                self.headers.append((b"host", authority))
        return line, framing

    def _start(self, head: bytes, line: RequestLine, framing: Framing) -> None:
        path, _, query_string = self.url.partition(b"?")
        scope = self.scope
        scope["method"] = line.method.decode()
        scope["http_version"] = line.version
        text = path.decode()
        scope["path"] = self.root_path + (unquote(text) if "%" in text else text)
        scope["raw_path"] = self.root_path.encode() + path
        scope["query_string"] = query_string
        keep_alive = self._parsed_keep_alive and line.version == "1.1" and not self._last
        cycle = ResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=Event(),
            expect_100_continue=framing.expects_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.on_write = self._note_write
        cycle.on_last = self._note_last
        if self._body is None:
            cycle.more_body = False
            cycle.message_event.set()
        self.cycle = cycle
        if keep_alive:
            begin_request(scope["state"]).head_candidate = self._head_candidate(head)
        self._start_asgi_task(cycle, self.app)

    def _respond_at_once(self, head: bytes, rest: bytes) -> bool:
        """For a server that caches the heads of requests: whether the request has been taken over."""
        return False

    def _head_candidate(self, head: bytes) -> HeadCandidate | None:
        """For a server that caches the heads of requests."""
        return None

    def _take_body(self, data: bytes) -> None:
        cycle = self.cycle
        assert self._body is not None
        assert cycle is not None
        self._bytes += len(data)
        try:
            piece = self._body.take(data)
        except MalformedBody as malformed:
            self._reject(
                malformed.status, malformed.reason, "too_large" if malformed.status == 431 else "malformed"
            )
            return
        if piece.body and not cycle.response_complete:
            cycle.body += piece.body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()
        if not piece.done:
            if self._bytes > self._max_request_bytes:
                self._reject(431, "The body takes too many bytes.", "too_large")
            else:
                self._settle()
            return
        self._body = None
        self._bytes = 0
        cycle.more_body = False
        cycle.message_event.set()
        if cycle.response_complete:
            self._settle()
            if piece.rest:
                self.data_received(piece.rest)
        else:
            if piece.rest:
                self._queue_pipelined(piece.rest)
            self._settle()

    def _queue_pipelined(self, data: bytes) -> None:
        """Pipelined requests are answered one after the other."""
        self._pipelined += data
        if len(self._pipelined) > MAX_PIPELINED_BYTES:
            self.flow.pause_reading()

    def _process_pipelined(self) -> None:
        if self._pipelined and not self.transport.is_closing():
            data, self._pipelined = self._pipelined, b""
            self.flow.resume_reading()
            self.data_received(data)

    def _discard(self, data: bytes) -> None:
        self._discarding -= len(data)
        if self._discarding <= 0:
            self._close()

    # Callbacks of uvicorn's parser

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._parsed_keep_alive = self.parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """Only heads are parsed."""

    def on_message_complete(self) -> None:
        """Only heads are parsed."""

    def _upgrade(self, head: bytes, rest: bytes) -> None:
        self.connections.discard(self)
        protocol = self.ws_protocol_class(  # type: ignore[call-arg, misc]
            config=self.config, server_state=self.server_state, app_state=self.app_state
        )
        assert isinstance(protocol, WebSocket)
        self._connection_limit.replace(self._address, self, protocol)
        self.parser = None  # type: ignore[assignment]  # it holds this protocol
        connection = UpgradedConnection(self.transport, self.timer, self._connection_limit, self._address)
        protocol.take_over(connection, self.headers, head, rest)

    # How an answer ends

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self._settle()
            return
        self.flow.resume_reading()
        if self._last:
            if self._ended or (self._body is None and not self._pipelined):
                self._close()
            else:
                self._linger()
            return
        self._settle()
        if self._body is None:
            self._process_pipelined()

    def _note_write(self) -> None:
        timer = self.timer
        if timer.state is State.ANSWERING:
            timer.enter(State.ANSWERING, self._answer_timeout)

    def _note_last(self) -> None:
        self._last = True

    def _reject(self, status: int, detail: str, reason: str) -> None:
        """Sends an error response unless a response has started, and closes the connection."""
        if reason:
            _counts[(reason,)].value += 1
        cycle = self.cycle
        self._partial = None
        if self._body is not None and cycle is not None:
            self._body = None
            if cycle.response_started:
                if cycle.response_complete:
                    self._linger()
                else:
                    self.transport.abort()  # a response that has started cannot be replaced by an error
                return
            cycle.disconnected = True  # whatever it answers is not sent
            cycle.waiting_for_100_continue = False
            cycle.message_event.set()
        self.transport.write(error_response(status, detail, self.server_state.default_headers))
        self._linger()

    def _linger(self) -> None:
        """Closes when the client closes, or after LINGER_SECONDS, so that the client can read the response."""
        self._last = True
        self._pipelined = b""
        self._discarding = LINGER_BYTES
        self.flow.resume_reading()
        if not self.transport.is_closing():
            self.transport.write_eof()
        self._enter_unread(State.CLOSING, LINGER_SECONDS)

    def _close(self) -> None:
        self._last = True
        self.transport.close()
        self._enter_unread(State.CLOSING, CLOSE_TIMEOUT)

    def _abort(self) -> None:
        if self.cycle is not None:
            self.cycle.reset_if_cut_off()
        self.transport.abort()

    def _cut(self, reason: str, status: int) -> None:
        """After a time-out or for lack of capacity: at once, with a status only if no response has begun."""
        _counts[(reason,)].value += 1
        if self._state() in (State.ANSWERING, State.STALLED):
            self.transport.abort()
            return
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self.transport.write(error_response(status, DETAILS[reason], self.server_state.default_headers))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._close()

    # Time-outs

    def _state(self) -> State:
        if self._discarding or self.transport.is_closing():
            return State.CLOSING
        if self.flow.write_paused:
            return State.STALLED
        cycle = self.cycle
        if self._answering is not None:
            return State.ANSWERING
        if cycle is not None and not cycle.response_complete:
            if self._body is None or cycle.response_started or self.flow.read_paused:
                return State.ANSWERING
            return State.BODY
        if self._body is not None:
            return State.BODY
        if self._partial is not None:
            return State.HEAD
        return State.NEW if cycle is None and self.timer.state in (State.NEW, State.HEAD) else State.IDLE

    def _settle(self) -> None:
        """To be called after every change of the state. An unchanged state keeps its deadline."""
        timer = self.timer
        state, before = self._state(), timer.state
        if state is before:
            return
        if (before is State.NEW and state is State.HEAD) or (
            before in (State.NEW, State.HEAD) and state is State.BODY
        ):
            timer.state = state
        elif state is State.STALLED or state is State.CLOSING:
            self._enter_unread(state, self._seconds[state])
        else:
            timer.enter(state, self._seconds[state])

    def _enter_unread(self, state: State, seconds: float) -> None:
        """STALLED or CLOSING, which last on while the client reads."""
        self._untaken, self._look_seconds = self.untaken(), seconds
        self.timer.enter(state, seconds)

    def untaken(self) -> int:
        """Bytes that the client has not taken: those in the transport and in the socket, which takes a megabyte at once."""
        count: int = self.transport.get_write_buffer_size()
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            with suppress(OSError, ValueError):  # it is closed already; the latter for a descriptor of -1
                count += struct.unpack("i", ioctl(connection.fileno(), TIOCOUTQ, bytes(4)))[0]
        return count

    def _reads(self) -> bool:
        """Whether the client has read as much since the last look as it has to, and there is more."""
        return 0 < self.untaken() <= self._untaken - self._look_seconds * MIN_RATE

    def _expired(self, state: State) -> None:
        if self._state() is not state:
            self._settle()
        elif state in (State.STALLED, State.CLOSING) and self._reads():
            self._enter_unread(state, self._seconds[state])
        elif state is State.CLOSING or state is State.STALLED or state is State.ANSWERING:
            if state is not State.CLOSING:
                _counts[("unread" if state is State.STALLED else "unanswered",)].value += 1
            self._abort()
        elif (
            state is State.IDLE
            or self._ended
            or (self.cycle is not None and self.cycle.response_complete and self._body)
        ):
            self._close()
        else:
            self._cut("too_slow", 408)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._settle()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._settle()

    def shutdown(self) -> None:
        if self._answering is not None:
            self._last = True
        elif self.cycle is None or self.cycle.response_complete:
            self._close()
        else:
            self.cycle.keep_alive = False

    @property
    def expendable(self) -> bool:
        return self.timer.state in (State.NEW, State.IDLE, State.HEAD, State.BODY)

    def evict(self) -> None:
        _counts[("no_share",)].value += 1
        self._abort()
