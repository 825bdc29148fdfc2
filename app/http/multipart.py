"""The parts of a body of the type multipart/form-data (RFC 7578), as it arrives."""

from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from email.utils import collapse_rfc2231_value
from enum import Enum
from typing import Final

import msgspec

from app.errors import BadInput

MAX_PARTS: Final = 20
_MAX_HEAD: Final = 8 * 1024  # bytes of the headers of a part
_MAX_BOUNDARY: Final = 70
_MAX_CONTENT_TYPE: Final = 1024
# The parser reads a header to its end for each of them that is within quotation marks.
_MAX_SEMICOLONS: Final = 300
_PLAIN: Final = frozenset(("", "binary", "7bit", "8bit"))


class Part(msgspec.Struct, frozen=True):
    """A part begins. `file_name` is None for a field."""

    name: str
    file_name: str | None


class _State(Enum):
    BEFORE = "before the first boundary"
    BOUNDARY = "behind a boundary"
    HEAD = "in the headers of a part"
    CONTENT = "in the content of a part"
    END = "behind the last boundary"


class MultipartReader:
    """Raises BadInput. Holds no more than what has arrived since the last call, and the headers of one part."""

    def __init__(self, content_type: str) -> None:
        if len(content_type) > _MAX_CONTENT_TYPE:
            raise BadInput(f"The Content-Type has more than {_MAX_CONTENT_TYPE} characters.")
        boundary = (
            _param(_message(f"content-type: {content_type}".encode()), "boundary", "content-type") or ""
        )
        if not (0 < len(boundary) <= _MAX_BOUNDARY and boundary.isascii() and boundary.isprintable()):
            raise BadInput("The Content-Type multipart/form-data needs a boundary of 1 to 70 characters.")
        self._delimiter = f"\r\n--{boundary}".encode()
        # The first boundary may be at the beginning of the body.
        self._buffer = bytearray(b"\r\n")
        self._state = _State.BEFORE
        self._parts = 0

    def feed(self, data: bytes) -> Iterator[Part | bytes]:
        """Parts, and the content of the latest one. To be consumed before the next call."""
        self._buffer += data
        steps = {
            _State.BEFORE: self._content,
            _State.CONTENT: self._content,
            _State.BOUNDARY: self._boundary,
            _State.HEAD: self._head,
        }
        more = True
        while more and self._state is not _State.END:
            before = self._state
            yield from steps[before]()
            more = self._state is not before
        if self._state is _State.END:
            self._buffer.clear()  # what is behind the last boundary is dropped

    def finish(self) -> None:
        if self._state is not _State.END:
            raise BadInput("The body ends before its last boundary.")

    def _content(self) -> Iterator[bytes]:
        end = self._buffer.find(self._delimiter)
        known = end if end >= 0 else max(0, len(self._buffer) - len(self._delimiter) + 1)
        if known and self._state is _State.CONTENT:
            yield bytes(self._buffer[:known])
        del self._buffer[:known]
        if end >= 0:
            del self._buffer[: len(self._delimiter)]
            self._state = _State.BOUNDARY

    def _boundary(self) -> Iterator[Part | bytes]:
        if self._buffer[:2] == b"--":
            self._state = _State.END
            self._buffer.clear()
        elif (end := self._buffer.find(b"\r\n")) >= 0:
            if self._buffer[:end].strip(b" \t"):
                raise BadInput("The boundary of a part is followed by another text.")
            del self._buffer[:end]
            self._state = _State.HEAD
        elif len(self._buffer) > _MAX_HEAD:
            raise BadInput("The boundary of a part is followed by another text.")
        yield from ()

    def _head(self) -> Iterator[Part]:
        end = self._buffer.find(b"\r\n\r\n")
        if max(end, len(self._buffer) if end < 0 else 0) > _MAX_HEAD:
            raise BadInput(f"The headers of a part have more than {_MAX_HEAD} bytes.")
        if end >= 0:
            head = bytes(self._buffer[2:end])
            del self._buffer[: end + 4]
            self._state = _State.CONTENT
            self._parts += 1
            if self._parts > MAX_PARTS:
                raise BadInput(f"The body has more than {MAX_PARTS} parts.")
            yield _part(head)


def _part(head: bytes) -> Part:
    message = _message(head)
    name = _param(message, "name", "content-disposition")
    if name is None:
        raise BadInput("A part has no name: Content-Disposition: form-data; name=… is needed.")
    if str(message.get("content-transfer-encoding", "")).strip().lower() not in _PLAIN:
        raise BadInput("A part has a Content-Transfer-Encoding; it is sent as it is.")
    return Part(name, _param(message, "filename", "content-disposition"))


def _message(head: bytes) -> "Message[str, str]":
    if head.count(b";") > _MAX_SEMICOLONS:
        raise BadInput(f"A header has more than {_MAX_SEMICOLONS} semicolons.")
    return message_from_string(head.decode(errors="replace") + "\r\n\r\n")


def _param(message: "Message[str, str]", name: str, header: str) -> str | None:
    try:
        found = message.get_param(name, None, header)
        return None if found is None else collapse_rfc2231_value(found)
    except Exception as error:  # of various kinds, for some parameters that break RFC 2231
        raise BadInput(f"The header {header} is malformed.") from error
