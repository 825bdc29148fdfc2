"""The record of all operators as it is cached: encoded in parts, so that none takes long."""

from collections.abc import Generator, Sequence
from typing import Annotated, Final

import msgspec

from app.domain.dno import DirectoryEntry

_PER_PART: Final = 500  # operators: less than a millisecond
_encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder: Final = msgspec.msgpack.Decoder(list[DirectoryEntry])


# As part of the type, so that a release with other fields does not read these bytes.
_Parts = Annotated[
    tuple[bytes, ...], msgspec.Meta(extra_json_schema={"x-parts": msgspec.json.schema(DirectoryEntry)})
]


class DirectoryRecord(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Equal records are recognised by their bytes, which need not be decoded for that."""

    parts: _Parts = ()


def pack(entries: Sequence[DirectoryEntry]) -> Generator[None, None, DirectoryRecord]:
    parts = []
    for start in range(0, len(entries), _PER_PART):
        parts.append(_encoder.encode(entries[start : start + _PER_PART]))
        yield
    return DirectoryRecord(tuple(parts))


def unpack(record: DirectoryRecord) -> Generator[None, None, tuple[DirectoryEntry, ...]]:
    entries: list[DirectoryEntry] = []
    for part in record.parts:
        entries += _decoder.decode(part)
        yield
    return tuple(entries)
