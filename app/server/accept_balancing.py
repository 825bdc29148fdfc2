"""Balances accepted connections between the processes that share a socket."""

import asyncio
from asyncio import AbstractEventLoop, Protocol, Task, TimerHandle
from collections.abc import Callable, Sized
from mmap import mmap
from socket import socket
from typing import Any

from app.server.listening_socket import waiting

# Each turn of the event loop takes at most so many: under load its turns are long.
AT_ONCE = 16
# For so long a process that has more than another leaves a connection to that one, in seconds.
YIELD_TIME = 0.003
# How often each publishes its number of connections though none has been opened.
PUBLISH_INTERVAL = 0.5
# While there is no file left for a connection; to try again at once would take all our time.
NO_FILE = 0.5
WIDTH = 8


class AcceptShares:
    """How many connections each process has, in memory that all of them see; `mine` is a place in it."""

    def __init__(self, file: int, places: int, mine: int) -> None:
        self._counts = memoryview(mmap(file, WIDTH * places)).cast("q")
        self._mine = mine

    def say(self, connections: int) -> None:
        self._counts[self._mine] = connections

    def withdraw(self, place: int) -> None:
        """A process that has ended counts no longer."""
        self._counts[place] = 2**31

    @property
    def others_have_less(self) -> bool:
        return self._counts[self._mine] > min(self._counts)


class Acceptor:
    """Accepts connections, but leaves processes with fewer connections time to accept first.

    Without it, the process that wakes first accepts all that arrive together, and they stay with it.
    """

    def __init__(
        self,
        listener: socket,
        shares: AcceptShares,
        connections: Sized,
        make_protocol: Callable[[], Protocol],
        loop: AbstractEventLoop,
    ) -> None:
        self._listener = listener
        self._shares = shares
        self._connections = connections
        self._make_protocol = make_protocol
        self._loop = loop
        self._coming: set[Task[Any]] = set()
        self._timer: TimerHandle | None = None
        self._publishing: TimerHandle | None = None

    def start(self) -> None:
        self._loop.add_reader(self._listener, self._accept)
        self._publish_again()

    def stop(self) -> None:
        self._loop.remove_reader(self._listener)
        for timer in (self._timer, self._publishing):
            if timer is not None:
                timer.cancel()

    async def close(self) -> None:
        """Takes what is in the queue first. Where other processes share the socket, its port stays open."""
        self.stop()
        for connection in waiting(self._listener):
            self._connect(connection)
        self._listener.close()
        if self._coming:
            await asyncio.wait(self._coming)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            self._publish()
            if self._shares.others_have_less:
                self._rest(YIELD_TIME)
                return
            if not self._take():
                return

    def _accept_after_all(self) -> None:
        """Processes with fewer connections are busy, or do not run."""
        self._timer = None
        self._take()
        if self._timer is None:
            self._loop.add_reader(self._listener, self._accept)

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._timer = self._loop.call_later(seconds, self._accept_after_all)

    def _take(self) -> bool:
        """False where none is waiting any more."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError):
            return False
        except ConnectionAbortedError:
            return True  # it has gone away meanwhile
        except OSError:
            self._rest(NO_FILE)
            return False
        self._connect(connection)
        return True

    def _connect(self, connection: socket) -> None:
        task = self._loop.create_task(self._loop.connect_accepted_socket(self._make_protocol, connection))
        self._coming.add(task)
        task.add_done_callback(self._arrived)

    def _arrived(self, task: Task[Any]) -> None:
        self._coming.discard(task)
        if not task.cancelled():
            task.exception()  # a connection that broke while it was taken needs no handling
        self._publish()

    def _publish(self) -> None:
        self._shares.say(len(self._connections) + len(self._coming))

    def _publish_again(self) -> None:
        self._publish()
        self._publishing = self._loop.call_later(PUBLISH_INTERVAL, self._publish_again)
