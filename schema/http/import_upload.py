"""The files of an import over HTTP, stored in temporary files while they arrive: the body itself, or the parts of a form."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import ExitStack, aclosing, asynccontextmanager
from typing import IO, Final, NamedTuple

import structlog
from starlette.requests import Request

from app.errors import BadInput, Unavailable, quoted
from app.http.multipart import MultipartReader, Part

log = structlog.get_logger("imports")

FORM: Final = "multipart/form-data"
# Bytes that are held before they are written.
_PART: Final = 2**18
_MAX_FIELD: Final = 1_000


class UploadedFile(NamedTuple):
    """`name`: None for a body that is no form."""

    name: str | None
    content: IO[bytes]


class Upload(NamedTuple):
    """`large`: fields that may be as long as files, by name."""

    files: list[UploadedFile]
    fields: list[tuple[str, str]]
    large: dict[str, IO[bytes]]


@asynccontextmanager
async def stored(request: Request, large: Collection[str] = ()) -> AsyncIterator[Upload]:
    """`large`: names of fields that are stored as files are. Raises Unavailable if the body cannot be stored, BadInput for a malformed form, ClientDisconnect if the client has gone."""
    with ExitStack() as files:
        try:
            upload = await _Storage(files, large).store(request)
        except OSError as error:
            log.error("an upload cannot be stored", error=repr(error))
            raise Unavailable(
                "The server cannot store the file at the moment; nothing was imported. Please try again later."
            ) from None
        yield upload


class _Storage:
    """`_held` has not been written to the latest file yet, or is the value of the latest field."""

    def __init__(self, files: ExitStack, large: Collection[str]) -> None:
        self._opened = files
        self._large = large
        self._upload = Upload([], [], {})
        self._latest: IO[bytes] | None = None
        self._held = bytearray()
        self._field: str | None = None

    async def store(self, request: Request) -> Upload:
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() == FORM:
            await self._store_form(request, MultipartReader(content_type))
        else:
            self._open(None)
            async with aclosing(request.stream()) as chunks:
                async for chunk in chunks:
                    await self._add(chunk)
            await self._end()
        return self._upload

    async def _store_form(self, request: Request, reader: MultipartReader) -> None:
        async with aclosing(request.stream()) as chunks:
            async for chunk in chunks:
                for found in reader.feed(chunk):
                    if isinstance(found, Part):
                        await self._begin(found)
                    else:
                        await self._add(found)
        reader.finish()
        await self._end()
        if not (self._upload.files or self._upload.large):
            raise BadInput("The form has no file: a part with a filename is needed.")

    async def _begin(self, part: Part) -> None:
        await self._end()
        if part.file_name is not None:
            self._open(part.file_name)
        elif part.name in self._large:
            self._upload.large[part.name] = self._new_file()
        else:
            self._field = part.name

    def _open(self, name: str | None) -> None:
        self._upload.files.append(UploadedFile(name, self._new_file()))

    def _new_file(self) -> IO[bytes]:
        self._latest = self._opened.enter_context(tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - it is
        return self._latest

    async def _add(self, content: bytes) -> None:
        self._held += content
        if self._field is not None:
            if len(self._held) > _MAX_FIELD:
                raise BadInput(
                    f"The field {quoted(self._field)} of the form has more than {_MAX_FIELD} bytes."
                )
        elif len(self._held) >= _PART:
            await self._write()

    async def _end(self) -> None:
        if self._field is not None:
            self._upload.fields.append((self._field, self._held.decode(errors="replace")))
            self._field = None
        elif self._latest is not None:
            await self._write()
        self._held.clear()

    async def _write(self) -> None:
        """In another thread, since a disk may block."""
        assert self._latest is not None
        await asyncio.to_thread(_write_all, self._latest, bytes(self._held))
        self._held.clear()


def _write_all(file: IO[bytes], data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
