"""Validates WebSocket handshakes by RFC 6455.

The websockets library gets a request that is rebuilt from the validated values, so its own error texts are never sent.
"""

import re
from collections.abc import Sequence

from app.server.request_head import RejectedHead

_TOKENS = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++(?:[\t ]*+,[\t ]*+[!#$%&'*+.^_`|~0-9A-Za-z-]++)*+")
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
# What the library below reads as one line.
MAX_TARGET = 8000
MAX_PROTOCOLS = 1000


def handshake(target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The head of the handshake as the library needs it; `headers` with names in lower case."""
    if len(target) > MAX_TARGET:
        raise RejectedHead(414, f"The target of a WebSocket handshake has more than {MAX_TARGET} bytes.")
    versions = _values(headers, b"sec-websocket-version")
    if versions != [b"13"]:
        raise RejectedHead(426, "Sec-WebSocket-Version must be 13.")
    keys = _values(headers, b"sec-websocket-key")
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise RejectedHead(400, "Sec-WebSocket-Key must be 16 bytes in base64, once.")
    if len(_values(headers, b"origin")) > 1:
        raise RejectedHead(400, "The request has two Origin headers.")
    lines = [
        b"GET %s HTTP/1.1\r\nhost: dno\r\nupgrade: websocket\r\nconnection: upgrade\r\n" % target,
        b"sec-websocket-version: 13\r\nsec-websocket-key: %s\r\n" % keys[0],
    ]
    protocols = b", ".join(_values(headers, b"sec-websocket-protocol"))
    if len(protocols) > MAX_PROTOCOLS:
        raise RejectedHead(431, f"Sec-WebSocket-Protocol has more than {MAX_PROTOCOLS} bytes.")
    if protocols:
        if not _TOKENS.fullmatch(protocols):
            raise RejectedHead(400, "Sec-WebSocket-Protocol is not valid.")
        lines.append(b"sec-websocket-protocol: %s\r\n" % protocols)
    return b"".join([*lines, b"\r\n"])


def _values(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value.strip(b" \t") for name, value in headers if name == wanted]
