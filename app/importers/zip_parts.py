"""A part of a ZIP file, unpacked within what the file states of it.

The stated size is not trusted: a reader that unpacks the whole part into memory would be given as much as the bytes yield.
"""

import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from app.importers.records import UnreadableFile

_CHUNK: Final = 2**20
_LOCAL_HEADER: Final = 30  # bytes, before name and extra field
_ENCRYPTED: Final = 0x1


def unpacked(stream: BinaryIO, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """Chunks of at most a megabyte. Raises UnreadableFile as soon as there is more than `part.file_size`."""
    if part.flag_bits & _ENCRYPTED:
        raise UnreadableFile("the file is encrypted; save it without a password")
    size = 0
    for chunk in _chunks(stream, part):
        size += len(chunk)
        if size > part.file_size:
            raise UnreadableFile(
                f"a part of the file unpacks to more than the {part.file_size:,} bytes that it states"
            )
        yield chunk


def _chunks(stream: BinaryIO, part: zipfile.ZipInfo) -> Iterator[bytes]:
    packed = _packed(stream, part)
    if part.compress_type == zipfile.ZIP_STORED:
        yield from packed
    elif part.compress_type == zipfile.ZIP_DEFLATED:
        yield from _inflated(packed)
    else:
        raise UnreadableFile("the file is compressed in a way that is not usual; save it again")


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Raises zlib.error."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    for data in packed:
        while data and not inflate.eof:
            yield inflate.decompress(data, _CHUNK)
            data = inflate.unconsumed_tail
    if not inflate.eof:
        raise UnreadableFile("the file is cut off")


def _packed(stream: BinaryIO, part: zipfile.ZipInfo) -> Iterator[bytes]:
    stream.seek(part.header_offset)
    header = stream.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
        raise UnreadableFile("the file is cut off")
    name, extra = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
    stream.seek(name + extra, 1)
    left = part.compress_size
    while left:
        data = stream.read(min(_CHUNK, left))
        if not data:
            raise UnreadableFile("the file is cut off")
        left -= len(data)
        yield data
