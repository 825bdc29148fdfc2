"""A port that closes without resetting connections: no new one begins, and each that has begun is accepted.

A connection belongs to the kernel's queue until a process takes it, and closing the last copy of a listening socket
resets whatever is in that queue. Between a last look at the queue and the close there is always time for one more.
So first a filter on the socket drops the packets that would begin a connection (a client that repeats its own later
finds the port closed, so that it may retry safely); then the queue empties for good.
"""

import ctypes
import struct
from collections.abc import Iterator
from contextlib import suppress
from socket import SOL_SOCKET, socket

# How long handshakes that have begun may take to complete, in seconds.
GRACE = 0.1

SO_ATTACH_FILTER = 26
# Classic BPF on a TCP segment: drop it if of SYN and ACK only SYN is set in the flags (byte 13).
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load byte 13
    (0x54, 0, 0, 0x12),  # and SYN | ACK
    (0x15, 0, 1, 0x02),  # if it is SYN: the next, else the one after it
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)


def stop_accepting(listener: socket) -> None:
    """For all processes that share the socket. Without effect on systems without socket filters."""
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN)
    code = ctypes.create_string_buffer(program)
    with suppress(OSError):
        listener.setsockopt(
            SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(_DROP_SYN), ctypes.addressof(code))
        )


def waiting(listener: socket) -> Iterator[socket]:
    """All connections in the queue. The listener does not block."""
    while True:
        try:
            connection, _ = listener.accept()
        except ConnectionAbortedError:
            continue  # it has gone away meanwhile
        except OSError:  # none is left, or there is no file for it
            return
        connection.setblocking(False)
        yield connection
