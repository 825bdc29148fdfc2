"""Small files in a hidden field of the page that reports on them, so that they need not be chosen again to be loaded.

Nothing of an upload is kept on a server: any instance can load what another one has reported on.
"""

import asyncio
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from hashlib import sha256
from typing import IO, Final

import msgspec

from app.errors import BadInput
from app.http.multipart import MAX_PARTS
from schema.http.import_upload import UploadedFile

# Bytes of a page; what is larger is chosen again.
MAX_CARRIED: Final = 2**20
_MAX_FILES: Final = 2**22
# With the names of the files, and the lengths of each.
_MAX_PACKED: Final = _MAX_FILES + 2**20
_PART: Final = 2**20
_UNREADABLE: Final = "The form is damaged; choose the file again."

_Packed = list[tuple[str, bytes]]
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Packed).decode


async def carry(files: Sequence[UploadedFile]) -> str | None:
    """The text of the field; None: too large for a page."""
    return await asyncio.to_thread(_carry, files)


async def unpack(field: IO[bytes], maximum: int, opened: ExitStack) -> list[UploadedFile]:
    """The files of such a field, in temporary files. Raises BadInput, also if they have more than `maximum` bytes."""
    return await asyncio.to_thread(_unpack, field, maximum, opened)


async def digest_of(files: Sequence[UploadedFile]) -> str:
    """Of their names and contents, in their order."""
    return await asyncio.to_thread(_digest_of, files)


def _carry(files: Sequence[UploadedFile]) -> str | None:
    if sum(_size(file.content) for file in files) > _MAX_FILES:
        return None
    packed: _Packed = []
    for file in files:
        file.content.seek(0)
        packed.append((file.name or "", file.content.read()))
    text = b64encode(zlib.compress(_encode(packed), 6)).decode()
    return text if len(text) <= MAX_CARRIED else None


def _unpack(field: IO[bytes], maximum: int, opened: ExitStack) -> list[UploadedFile]:
    field.seek(0)
    try:
        unpacker = zlib.decompressobj()
        packed = unpacker.decompress(
            b64decode(field.read(MAX_CARRIED + 1), validate=True), min(maximum, _MAX_PACKED)
        )
        if not unpacker.eof:
            raise BadInput(_UNREADABLE)
        found = _decode(packed)
    except (ValueError, zlib.error, msgspec.DecodeError):
        raise BadInput(_UNREADABLE) from None
    if len(found) > MAX_PARTS:  # each takes a file descriptor
        raise BadInput(_UNREADABLE)
    return [UploadedFile(name, _stored(content, opened)) for name, content in found]


def _stored(content: bytes, opened: ExitStack) -> IO[bytes]:
    file = opened.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - it is
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
    return file


def _digest_of(files: Sequence[UploadedFile]) -> str:
    digest = sha256()
    for file in files:
        name = (file.name or "").encode(errors="surrogatepass")
        digest.update(_encode((name, _size(file.content))))
        file.content.seek(0)
        while part := file.content.read(_PART):
            digest.update(part)
    return digest.hexdigest()


def _size(file: IO[bytes]) -> int:
    return file.seek(0, 2)
