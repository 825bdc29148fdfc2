"""Compression of bodies and of streams. Levels and windows are measured: benchmarks/compression.py, docs/decisions/0068."""

import asyncio
import re
import sys
import zlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from enum import Enum
from typing import Final, Protocol

import brotli

from app.http.content_coding import Coding
from app.observability import metrics

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Bytes that are compressed in less than a millisecond, by any coding; more of them in a thread, where the interpreter is free.
MAX_ON_LOOP: Final = 32 * 1024

_WITH_GZIP_HEADER: Final = 31  # what zlib calls 16 + window bits
# Of a stream, as powers of two: with them no compressor takes more than 1 MB. Rows repeat within fewer bytes.
_STREAM_WINDOW: Final = 17


# What is text; an event stream is not, for each of its events is short and must arrive at once.
_COMPRESSIBLE: Final = re.compile(
    rb"text/(?!event-stream)|application/(?:[^;+]*\+)?(?:json|xml|x-ndjson|javascript)\b|image/svg\+xml|font/ttf",
    re.IGNORECASE,
)


def is_compressible(media_type: bytes) -> bool:
    """Whether it is text; images, fonts of the web and workbooks are compressed already."""
    return _COMPRESSIBLE.match(media_type) is not None


class Effort(Enum):
    """`ANSWER`: while a client waits. `FILE`: once for all clients."""

    ANSWER = "answer"
    FILE = "file"


_LEVELS: Final = {
    Effort.ANSWER: {Coding.ZSTD: 3, Coding.BR: 4, Coding.GZIP: 4},
    Effort.FILE: {Coding.ZSTD: 12, Coding.BR: 11, Coding.GZIP: 9},
}


def compress(body: bytes, coding: Coding, effort: Effort = Effort.ANSWER) -> bytes:
    """The same bytes for the same body."""
    metrics.COMPRESSIONS.labels(coding).inc()
    return _COMPRESS[coding](body, _LEVELS[effort][coding])


async def compressed(body: bytes, coding: Coding, effort: Effort = Effort.ANSWER) -> bytes:
    """The same; a long body does not block the event loop."""
    if len(body) <= MAX_ON_LOOP and effort is Effort.ANSWER:
        return compress(body, coding)
    return await asyncio.to_thread(compress, body, coding, effort)


def _zstd(body: bytes, level: int) -> bytes:
    return zstd.compress(body, level)


def _brotli(body: bytes, level: int) -> bytes:
    compressed: bytes = brotli.compress(body, quality=level)
    return compressed


def _gzip(body: bytes, level: int) -> bytes:
    return zlib.compress(body, level, wbits=_WITH_GZIP_HEADER)


_COMPRESS: Final[dict[Coding, Callable[[bytes, int], bytes]]] = {
    Coding.ZSTD: _zstd,
    Coding.BR: _brotli,
    Coding.GZIP: _gzip,
}


class StreamCompressor(Protocol):
    def part(self, chunk: bytes) -> bytes:
        """The chunk, whole: a client can read all of it before there is another."""

    def end(self) -> bytes: ...


def stream_compressor(coding: Coding) -> StreamCompressor:
    metrics.COMPRESSIONS.labels(coding).inc()
    return _STREAMS[coding](_LEVELS[Effort.ANSWER][coding])


async def compressed_part(compressor: StreamCompressor, chunk: bytes) -> bytes:
    if len(chunk) <= MAX_ON_LOOP:
        return compressor.part(chunk)
    return await asyncio.to_thread(compressor.part, chunk)


async def compressed_stream(
    chunks: AsyncGenerator[bytes, None], coding: Coding
) -> AsyncGenerator[bytes, None]:
    """Closes `chunks`."""
    compressor = stream_compressor(coding)
    async with aclosing(chunks):
        async for chunk in chunks:
            if chunk:
                yield await compressed_part(compressor, chunk)
    yield compressor.end()


class _ZstdStream:
    def __init__(self, level: int) -> None:
        parameter = zstd.CompressionParameter
        self._compressor = zstd.ZstdCompressor(
            options={parameter.compression_level: level, parameter.window_log: _STREAM_WINDOW}
        )

    def part(self, chunk: bytes) -> bytes:
        return self._compressor.compress(chunk, zstd.ZstdCompressor.FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._compressor.flush(zstd.ZstdCompressor.FLUSH_FRAME)


class _BrotliStream:
    def __init__(self, level: int) -> None:
        self._compressor = brotli.Compressor(quality=level, lgwin=_STREAM_WINDOW)

    def part(self, chunk: bytes) -> bytes:
        made: bytes = self._compressor.process(chunk) + self._compressor.flush()
        return made

    def end(self) -> bytes:
        made: bytes = self._compressor.finish()
        return made


class _GzipStream:
    def __init__(self, level: int) -> None:
        self._compressor = zlib.compressobj(level, wbits=_WITH_GZIP_HEADER)

    def part(self, chunk: bytes) -> bytes:
        return self._compressor.compress(chunk) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._compressor.flush()


_STREAMS: Final[dict[Coding, Callable[[int], StreamCompressor]]] = {
    Coding.ZSTD: _ZstdStream,
    Coding.BR: _BrotliStream,
    Coding.GZIP: _GzipStream,
}
