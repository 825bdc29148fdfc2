"""Records as bytes: MessagePack after a header with their format and expiry."""

from struct import Struct
from time import time
from typing import Any, Final, Generic, NamedTuple, TypeVar
from zlib import crc32

import msgspec

V = TypeVar("V")

# Part of every key and of every shape. To be raised when the same fields come to mean something else.
CODEC_VERSION: Final = 1

_HEADER: Final = Struct(">IQ")  # shape; milliseconds since 1970 at which the record ends


class Decoded(NamedTuple, Generic[V]):
    """A record found in L2; `seconds` is for how long it still holds, `size` its encoded length."""

    value: V | None
    seconds: float
    size: int


class Codec(Generic[V]):
    """For one type. An empty body after the header means that the record does not exist.

    The header names the type's shape, fields and all: while a release replaces another, both
    remove the same keys, and neither reads the other's bytes.
    """

    def __init__(self, type: Any) -> None:
        self._shape = _shape(type)
        self._encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
        self._decoder: msgspec.msgpack.Decoder[V] = msgspec.msgpack.Decoder(type)

    def encode(self, value: V | None, seconds: float) -> bytes:
        header = _HEADER.pack(self._shape, round((time() + seconds) * 1000))
        return header if value is None else header + self._encoder.encode(value)

    def decode(self, data: bytes) -> Decoded[V] | None:
        """None for bytes that have expired, that another release wrote, or that cannot be decoded."""
        if len(data) < _HEADER.size:
            return None
        shape, ends = _HEADER.unpack_from(data)
        seconds = ends / 1000 - time()
        if shape != self._shape or seconds <= 0:
            return None
        if len(data) == _HEADER.size:
            return Decoded(None, seconds, len(data))
        try:
            value = self._decoder.decode(memoryview(data)[_HEADER.size :])
        except msgspec.MsgspecError:
            return None
        return Decoded(value, seconds, len(data))


def _shape(type: Any) -> int:
    schema = msgspec.json.schema(type)
    return crc32(msgspec.json.encode([CODEC_VERSION, schema], order="deterministic"))
