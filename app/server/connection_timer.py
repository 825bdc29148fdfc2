"""The one timer of a connection.

The invariant: from the moment a connection is made until it is lost, exactly one timer is armed for it. In each
state it has a time in which that state must end; `ConnectionTimer.enter` is the only way into a state, and what
happens when the time is over is decided by the protocol that owns the connection. A WebSocket takes over the timer
of the HTTP connection that it began as.

| State | Begins with | Ends within | When the time is over |
| --- | --- | --- | --- |
| NEW | the connection | `read_timeout` | 408, close |
| HEAD | the first byte of a request that is no empty line | the same, of the first request; `read_timeout` | 408, close |
| BODY | the end of the head | the same time as the head | 408, close |
| ANSWERING | the request is read, or its answer has begun | `answer_timeout` between two writes | cut off |
| IDLE | the end of an answer; empty lines change nothing | `keep_alive` | close |
| STALLED | the client does not read and our buffer is full | `write_timeout`; of HTTP again while it reads at a fair rate | cut off |
| UPGRADING | the head of a WebSocket handshake | `read_timeout` | cut off |
| OPEN | the handshake is complete | `socket_check_interval`, again and again | ping; without a pong, close |
| CLOSING | our last byte is written, or the other side has ended and nothing is to be answered | `close_timeout`, likewise | cut off |
"""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from enum import Enum

# A timer may fire this much too early; loops count in milliseconds.
TOLERANCE = 0.0015
# What a client gets to take the last bytes of a connection that closes, in seconds.
CLOSE_TIMEOUT = 10.0


class State(Enum):
    NEW = "new"
    HEAD = "head"
    BODY = "body"
    ANSWERING = "answering"
    IDLE = "idle"
    STALLED = "stalled"
    UPGRADING = "upgrading"
    OPEN = "open"
    CLOSING = "closing"


class ConnectionTimer:
    """Looks at its deadline when it fires, so that moving the deadline further away costs an assignment.

    `expire` is called with the state that timed out. It must enter a state or cut the connection off; if it does
    neither, the connection counts as closing.
    """

    __slots__ = ("_at", "_handle", "_loop", "due", "expire", "state")

    def __init__(
        self, loop: AbstractEventLoop, state: State, seconds: float, expire: Callable[[State], None]
    ) -> None:
        self._loop = loop
        self.state = state
        self.expire = expire
        self.due = self._at = loop.time() + seconds
        self._handle: TimerHandle | None = loop.call_at(self._at, self._fire)

    def enter(self, state: State, seconds: float) -> None:
        self.state = state
        self.due = due = self._loop.time() + seconds
        if due < self._at:
            self._arm()

    def stop(self) -> None:
        """Only once the connection is lost."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
            self.expire = _nothing  # the protocol holds this timer, and would be held by it

    def _arm(self) -> None:
        if self._handle is None:  # the connection is lost
            return
        self._handle.cancel()
        self._at = self.due
        self._handle = self._loop.call_at(self._at, self._fire)

    def _fire(self) -> None:
        if self.due - self._loop.time() <= TOLERANCE:
            before = self.due
            try:
                self.expire(self.state)
            finally:
                if self.due == before:
                    self.state = State.CLOSING
                    self.due = self._loop.time() + CLOSE_TIMEOUT
                self._arm()
        else:
            self._arm()


def _nothing(state: State) -> None:
    pass
