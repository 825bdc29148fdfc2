"""The file of an import over HTTP, stored in a temporary file while it arrives."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import IO, Final

import structlog
from starlette.requests import Request

from app.errors import Unavailable

log = structlog.get_logger("imports")

# Bytes that are held before they are written.
_PART: Final = 2**18


@asynccontextmanager
async def stored(request: Request) -> AsyncIterator[IO[bytes]]:
    """The body of the request. Raises Unavailable if it cannot be stored, ClientDisconnect if the client has gone."""
    with tempfile.TemporaryFile(buffering=0) as file:
        try:
            await _store(request, file)
        except OSError as error:
            log.error("an upload cannot be stored", error=repr(error))
            raise Unavailable(
                "The server cannot store the file at the moment; nothing was imported. Please try again later."
            ) from None
        yield file


async def _store(request: Request, file: IO[bytes]) -> None:
    held = bytearray()
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            held += chunk
            if len(held) >= _PART:
                await _write(file, held)
                held.clear()
    await _write(file, held)


async def _write(file: IO[bytes], data: bytearray) -> None:
    """In another thread, since a disk may block."""
    await asyncio.to_thread(_write_all, file, bytes(data))


def _write_all(file: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
