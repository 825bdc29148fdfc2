"""Leaves out of an XML file the characters that XML does not allow, as a stream."""

import codecs
import re
from collections.abc import Iterator
from typing import Final

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE: Final = re.compile("&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,10}));")
_LONGEST_REFERENCE: Final = len("&#1234567890;")


def repaired(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same text as UTF-8, without characters and references to characters that XML does not allow."""
    decoder: codecs.IncrementalDecoder | None = None
    pending = ""
    for chunk in chunks:
        decoder = decoder or codecs.getincrementaldecoder(_encoding(chunk))(errors="replace")
        text = pending + decoder.decode(chunk)
        # A reference may be divided between two chunks.
        start = text.rfind("&", max(0, len(text) - _LONGEST_REFERENCE))
        pending = text[start:] if start >= 0 else ""
        yield _allowed(text[:start] if start >= 0 else text)
    rest = decoder.decode(b"", True) if decoder else ""
    yield _allowed(pending + rest)


def _encoding(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start[:2] == b"<\x00":
        return "utf-16-le"
    return "utf-16-be" if start[:2] == b"\x00<" else "utf-8-sig"


def _allowed(text: str) -> bytes:
    return _REFERENCE.sub(_allowed_reference, _FORBIDDEN.sub("", text)).encode()


def _allowed_reference(match: re.Match[str]) -> str:
    number = int(match[1], 16) if match[1] else int(match[2])
    allowed = (
        number in (9, 10, 13)
        or 32 <= number < 0xD800
        or 0xDFFF < number < 0xFFFE
        or 0xFFFF < number < 0x110000
    )
    return match[0] if allowed else ""
