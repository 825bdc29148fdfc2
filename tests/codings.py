"""Decoders of the content codings, whole and part by part; and how often the server has compressed."""

import zlib
from collections.abc import Callable
from typing import Final

import brotli

from app.http.compression import zstd
from app.http.content_coding import Coding
from app.observability import metrics

CODINGS: Final = tuple(Coding)


def decoded(coding: str | None, body: bytes) -> bytes:
    return body if coding is None else decoder(coding)(body)


def decoder(coding: str) -> Callable[[bytes], bytes]:
    """What can be read of a stream so far, part by part."""
    if coding == Coding.ZSTD:
        return zstd.ZstdDecompressor().decompress
    if coding == Coding.BR:
        return brotli.Decompressor().process
    return zlib.decompressobj(wbits=31).decompress


def compressions() -> float:
    return sum(metrics.COMPRESSIONS.labels(coding)._value.get() for coding in CODINGS)
