"""The encoding of a text file: UTF-8, UTF-16 or Windows-1252, from its bytes."""

import codecs
import re
from enum import StrEnum
from typing import BinaryIO, Final


class Encoding(StrEnum):
    UTF_8 = "utf-8"
    UTF_16 = "utf-16"
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    WINDOWS_1252 = "windows-1252"
    ISO_8859_15 = "iso-8859-15"
    CP850 = "cp850"
    MAC_ROMAN = "mac-roman"


NAMES: Final = {
    Encoding.UTF_8: "UTF-8",
    Encoding.UTF_16: "UTF-16",
    Encoding.UTF_16_LE: "UTF-16",
    Encoding.UTF_16_BE: "UTF-16",
    Encoding.WINDOWS_1252: "Windows-1252",
    Encoding.ISO_8859_15: "ISO-8859-15",
    Encoding.CP850: "CP850",
    Encoding.MAC_ROMAN: "Mac Roman",
}
_CHUNK: Final = 2**16
_INVALID: Final = re.compile("[\udc80-\udcff]")
_VALID: Final = re.compile("[^\x00-\x7f\udc80-\udcff]")
# Letters and marks of Windows-1252. Other bytes are letters in encodings of DOS and old Macs: 0x84 is ä in one of them.
_WINDOWS_1252: Final = frozenset({0x80, 0x85, *range(0x91, 0x98), *range(0xA0, 0x100)})
_QUOTES: Final = frozenset({0x84, 0x93})  # „ and “


def detect(stream: BinaryIO) -> Encoding:
    """Reads the whole file, and returns to its beginning.

    Windows-1252 only if no character is UTF-8 and no byte is unusual in German: otherwise UTF-8, whose invalid bytes are
    reported with their cells.
    """
    stream.seek(0)
    head = stream.read(_CHUNK)
    stream.seek(0)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Encoding.UTF_16
    for encoding, odd in ((Encoding.UTF_16_LE, 1), (Encoding.UTF_16_BE, 0)):
        if len(head) > 8 and head[odd::2].count(0) > len(head) // 4 and head[1 - odd :: 2].count(0) == 0:
            return encoding
    try:
        return _of_bytes(stream)
    finally:
        stream.seek(0)


def _of_bytes(stream: BinaryIO) -> Encoding:
    decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
    invalid: set[int] = set()
    while chunk := stream.read(_CHUNK):
        text = decoder.decode(chunk)
        if text.isascii():
            continue
        if found := _INVALID.findall(text):
            invalid.update(ord(each) - 0xDC00 for each in set(found))
        if _VALID.search(text):
            return Encoding.UTF_8
    invalid.update(ord(each) - 0xDC00 for each in _INVALID.findall(decoder.decode(b"", final=True)))
    usual = _WINDOWS_1252 | (_QUOTES if invalid >= _QUOTES else set())
    return Encoding.WINDOWS_1252 if invalid and invalid <= usual else Encoding.UTF_8
