"""Where the body of a request ends: by its length, or by its last chunk."""

import re
from typing import NamedTuple, Protocol

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[\t -~\x80-\xff]*)?)\r")
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++:[\t -~\x80-\xff]*+\r")
# A chunk's size with its extensions, and a line of the trailer.
MAX_LINE = 4096
MAX_TRAILER = 16 * 1024
# Each costs some microseconds, however small it is.
MAX_CHUNKS = 10_000


class MalformedBody(Exception):
    """A status, and why."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Piece(NamedTuple):
    """What the data held of the body, what follows it, and whether the body has ended."""

    body: bytes
    rest: bytes
    done: bool


class Body(Protocol):
    def take(self, data: bytes) -> Piece: ...


class BodyByLength:
    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        self._left = length

    def take(self, data: bytes) -> Piece:
        if len(data) < self._left:
            self._left -= len(data)
            return Piece(data, b"", False)
        piece = Piece(data[: self._left], data[self._left :], True)
        self._left = 0
        return piece


class ChunkedBody:
    """RFC 9112, 7.1. Extensions and trailers are read and dropped: trailers are not treated as headers."""

    __slots__ = ("_chunks", "_left", "_line", "_state", "_trailer")

    def __init__(self) -> None:
        self._state = "size"
        self._line = bytearray()
        self._left = 0
        self._chunks = 0
        self._trailer = 0

    def take(self, data: bytes) -> Piece:
        """Refuses with MalformedBody."""
        found: list[bytes] = []
        start = 0
        while start < len(data):
            if self._state == "data":
                end = min(len(data), start + self._left)
                found.append(data[start:end])
                self._left -= end - start
                start = end
                if not self._left:
                    self._state = "end of data"
                continue
            end = data.find(b"\n", start)
            stop = end if end >= 0 else len(data)
            self._line += data[start:stop]
            if len(self._line) > MAX_LINE:
                raise MalformedBody("A line between two chunks is too long.", 431)
            start = stop + 1
            if end >= 0:
                line = bytes(self._line)
                self._line.clear()
                if self._end_of_line(line):
                    return Piece(b"".join(found), data[start:], True)
        return Piece(b"".join(found), b"", False)

    def _end_of_line(self, line: bytes) -> bool:
        """Whether the body has ended with it."""
        if self._state == "size":
            size = _SIZE.fullmatch(line)
            if size is None:
                raise MalformedBody("The size of a chunk is not valid.")
            self._chunks += 1
            if self._chunks > MAX_CHUNKS:
                raise MalformedBody(f"The body comes in more than {MAX_CHUNKS} chunks.")
            self._left = int(size[1], 16)
            self._state = "data" if self._left else "trailer"
        elif self._state == "end of data":
            if line != b"\r":
                raise MalformedBody("A chunk does not end where it should.")
            self._state = "size"
        elif line == b"\r":
            return True
        else:
            self._trailer += len(line)
            if self._trailer > MAX_TRAILER:
                raise MalformedBody("The trailer is too long.", 431)
            if not _TRAILER.fullmatch(line):
                raise MalformedBody("The trailer is malformed.")
        return False
