"""Whether the head of a request is one that RFC 9112 allows, and how its body is framed.

Stricter than the parser: a head that two programs on its way could read differently is refused, and so is
everything with ambiguous framing. The connection is closed with the error response, because the following bytes cannot be parsed as a request.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~]++) HTTP/([0-9])\.([0-9])\r")
_FIELDS = re.compile(rb"(?:" + _TOKEN + rb":[\t -~\x80-\xff]*+\r\n)*+\r\n")
_HOST = re.compile(rb"(?:[0-9A-Za-z._~!$&'()*+,;=%-]++|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_LONE_END = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_TOKEN_START = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]")
# More are no client's; each of them is looked at several times.
MAX_FIELDS = 256


class RejectedHead(Exception):
    """A status, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


class Framing(NamedTuple):
    """`length` None: chunked. `upgrade`: a WebSocket handshake; every other upgrade is ignored (RFC 9110, 7.8)."""

    length: int | None
    expects_continue: bool
    upgrade: bool


class RequestLine(NamedTuple):
    method: bytes
    target: bytes
    version: str


def check_beginning(data: bytes | bytearray, new: int = 0) -> None:
    """Rejects an incomplete head as early as possible. `new`: index of the first byte that was not checked yet."""
    if not _TOKEN_START.match(data):
        raise RejectedHead(400, "This is no HTTP request.")
    end = data.find(b"\n")
    if end >= 0:
        _request_line(bytes(data[:end]))
    if _LONE_END.search(data, new):  # the end would never come
        raise RejectedHead(400, "A line does not end with CRLF.")


def check_lines(head: bytes) -> RequestLine:
    """Of a whole head, byte by byte: no line folded, ended or spaced otherwise than it must be."""
    end = head.find(b"\n")
    line = _request_line(head[:end])
    if not _FIELDS.fullmatch(head, end + 1):
        raise RejectedHead(400, "A header line is malformed.")
    if head.count(b"\n") - 2 > MAX_FIELDS:
        raise RejectedHead(431, f"The request has more than {MAX_FIELDS} header lines.")
    return line


def check_fields(line: RequestLine, headers: Sequence[tuple[bytes, bytes]]) -> Framing:
    """`headers` with names in lower case."""
    version_1_1 = line.version == "1.1"
    length: int | None = 0
    host: bytes | None = None
    expect = connection = upgrade = b""
    lengths = codings = 0
    for name, value in headers:
        if name == b"host":
            if host is not None:
                raise RejectedHead(400, "The request has two Host headers.")
            host = value.strip(b" \t")
        elif name == b"content-length":
            lengths += 1
            length = _length(value.strip(b" \t"))
        elif name == b"transfer-encoding":
            codings += 1
            if value.strip(b" \t").lower() != b"chunked":
                raise RejectedHead(501, "Transfer-Encoding may only be chunked.")
        elif name == b"expect":
            expect += b"," + value if expect else value
        elif name == b"connection":
            connection += b"," + value
        elif name == b"upgrade":
            upgrade += b"," + value if upgrade else value
    if host is None:
        if version_1_1:
            raise RejectedHead(400, "The request has no Host header.")
    elif not _HOST.fullmatch(host):
        raise RejectedHead(400, "The Host header is not valid.")
    if lengths + codings > 1 or (codings and not version_1_1):
        raise RejectedHead(400, "The length of the body is in doubt.")
    if expect and version_1_1 and expect.strip(b" \t").lower() != b"100-continue":
        raise RejectedHead(417, "Expect may only be 100-continue.")
    if codings:
        length = None
    return Framing(
        length,
        bool(expect) and version_1_1,
        bool(upgrade)
        and line.method == b"GET"
        and version_1_1
        and length == 0
        and b"upgrade" in _words(connection)
        and upgrade.strip(b" \t").lower() == b"websocket"
        and any(name == b"sec-websocket-key" for name, _ in headers),
    )


def fields_of(head: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a head whose lines were checked, with names in lower case."""
    pairs = [line.partition(b":") for line in head.split(b"\r\n")[1:] if line]
    return [(name.lower(), value) for name, _, value in pairs]


def authority_of(target: bytes) -> tuple[bytes | None, bytes]:
    """The authority of an absolute target, else None; and the target in its origin form."""
    if target.startswith(b"/"):
        if b"#" in target:
            raise RejectedHead(400, "The request's target has a fragment.")
        return None, target
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise RejectedHead(400, "The request's target is no path.")
    ends = [end for mark in (b"/", b"?") if (end := rest.find(mark)) >= 0]
    authority = rest[: min(ends)] if ends else rest
    path = rest[len(authority) :]
    if not _HOST.fullmatch(authority) or b"#" in path:
        raise RejectedHead(400, "The request's target is not valid.")
    return authority, path if path.startswith(b"/") else b"/" + path


def _request_line(line: bytes) -> RequestLine:
    found = _LINE.fullmatch(line)
    if found is None:
        raise RejectedHead(400, "The request line is malformed.")
    method, target, major, minor = found.groups()
    if major != b"1" or minor not in b"01":
        raise RejectedHead(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    if method == b"CONNECT":
        raise RejectedHead(501, "This server is no proxy.")
    return RequestLine(method, target, f"1.{minor.decode()}")


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise RejectedHead(400, "The Content-Length is not valid.")
    return int(value)


def _words(value: bytes) -> list[bytes]:
    return [word.strip(b" \t") for word in value.lower().split(b",")]
