"""One import in a process of its own: its reading and checking takes no time of the event loop and no memory of the server."""

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import IO, Final

import msgspec
import structlog

from app.child_process import module_command, module_environment
from app.db.missing_objects import report_missing_elsewhere
from app.db.pool import Incomplete
from app.error_table import INTERNAL_MESSAGE
from app.errors import AppError, Code, DeadlineExceeded, LimitExceeded, Overloaded, Unavailable
from app.importers.import_messages import (
    COMMIT,
    Changed,
    Done,
    Failed,
    ImportAnswer,
    ImportRequest,
    Message,
    Ready,
    read_message,
)

log = structlog.get_logger("imports")

_MAX_MESSAGE: Final = 2**23  # bytes; that of an answer with full lists is about one megabyte
# Seconds for the commit and the invalidation of the caches after it.
_COMMIT_TIMEOUT: Final = 30.0
# Seconds that a process may take to cancel its statement, before it is killed.
_STOP_TIMEOUT: Final = 2.0
_MAX_LOGGED: Final = 4_000
_UNKNOWN: Final = (
    "The import ended during its commit: whether it was written is not known. Import the same file again; that changes"
    " nothing if it was."
)


class NotWritten(Unavailable):
    """The database cannot write at the moment; nothing was imported."""


class ImportRun:
    """`may_commit` is awaited before the commit and may refuse it; `on_change` after it, with what has changed; `on_loss` if
    it is not known whether it was committed.
    """

    def __init__(
        self,
        request: ImportRequest,
        *,
        may_commit: Callable[[Ready], Awaitable[None]],
        on_change: Callable[[Changed], Awaitable[object]],
        on_loss: Callable[[], None],
    ) -> None:
        self.committing = False  # True: it may be committed, also if no response arrives
        self._request = request
        self._may_commit = may_commit
        self._on_change = on_change
        self._on_loss = on_loss

    async def run(self, files: Sequence[IO[bytes]]) -> ImportAnswer:
        """Reads the files from their beginning. Raises AppError: then nothing was written, unless its message states that this is
        not known.
        """
        try:
            async with self._process(files) as process:
                async with asyncio.timeout(self._request.deadline) as deadline:
                    return await self._converse(process, deadline)
        except TimeoutError:
            if self.committing:
                raise self._lost() from None
            raise DeadlineExceeded(
                "The import took too long, and nothing was imported: split the file, or use dno import."
            ) from None

    async def _converse(self, process: "_Process", deadline: asyncio.Timeout) -> ImportAnswer:
        while True:
            match await process.receive():
                case Ready() as ready:
                    await self._may_commit(ready)
                    self.committing = True
                    deadline.reschedule(asyncio.get_running_loop().time() + _COMMIT_TIMEOUT)
                    await process.send(COMMIT)
                case Changed() as changed:
                    await self._on_change(changed)
                case Done(answer):
                    return answer
                case Failed() as failed:
                    raise _error(failed)
                case None:
                    lost = self._lost() if self.committing else None
                    ended = await process.failure()
                    raise lost or ended

    def _lost(self) -> Unavailable:
        self._on_loss()
        return Unavailable(_UNKNOWN)

    @asynccontextmanager
    async def _process(self, uploaded: Sequence[IO[bytes]]) -> AsyncIterator["_Process"]:
        """Ended with the block, however that ends."""
        for file in uploaded:
            file.seek(0)
        with ExitStack() as opened:
            try:
                ours, errors, process = _start(uploaded, opened)
            except OSError as error:
                log.error("the process of an import cannot be started", error=repr(error))
                raise Unavailable(
                    "The server cannot import files at the moment; please try again later."
                ) from None
            try:
                reader, writer = await asyncio.open_connection(sock=ours, limit=_MAX_MESSAGE)
                try:
                    running = _Process(process, reader, writer, errors)
                    await running.send(msgspec.json.encode(self._request) + b"\n")
                    yield running
                finally:
                    writer.close()
            finally:
                await _stop(process)


class _Process:
    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        errors: IO[bytes],
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._errors = errors

    async def receive(self) -> Message | None:
        """None: it has ended."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        return read_message(line) if line.endswith(b"\n") else None

    async def send(self, line: bytes) -> None:
        """A process that has ended is noticed by `receive`."""
        with suppress(ConnectionError):
            self._writer.write(line)
            await self._writer.drain()

    async def failure(self) -> AppError:
        """Why it ended without an answer."""
        status = await _ended(self._process)
        self._errors.seek(0)
        log.error("import process ended", status=status, output=_text(self._errors.read(_MAX_LOGGED)))
        if status == -signal.SIGABRT:  # what native code does without memory
            return LimitExceeded("The file needs more memory than an import may have here.")
        return AppError(INTERNAL_MESSAGE)


def _error(failed: Failed) -> AppError:
    if failed.incomplete:
        report_missing_elsewhere(failed.trace[-_MAX_LOGGED:], failed.statement)
        return Incomplete(failed.message)
    if failed.trace:
        log.error("import failed", code=failed.code, error=failed.trace[-_MAX_LOGGED:])
    match failed.code:
        case Code.INTERNAL_SERVER_ERROR:
            return AppError(INTERNAL_MESSAGE)
        case Code.OVERLOADED:
            return Overloaded(failed.message, retry_after=5)
    if failed.outage:
        return NotWritten(failed.message)
    return AppError(failed.message, failed.code)


def _text(output: bytes) -> str:
    return output.decode(errors="replace")


def _start(
    uploaded: Sequence[IO[bytes]], opened: ExitStack
) -> tuple[socket.socket, IO[bytes], "subprocess.Popen[bytes]"]:
    """The end of its socket, its output, and the process. Raises OSError.

    Started in a millisecond: not by asyncio, whose fork of a large process holds the event loop up for tens of them.
    """
    ours, theirs = socket.socketpair()
    opened.enter_context(ours)
    with theirs:
        output = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is
        files = (theirs.fileno(), *(file.fileno() for file in uploaded))
        process = subprocess.Popen(  # noqa: S603 - a program of ours
            (*module_command("app.importers.import_process"), *map(str, (os.getpid(), *files))),
            env=module_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=files,
            start_new_session=True,  # Ctrl-C is for the server
        )
    return ours, output, process


async def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        if await _ended(process) is None:
            process.kill()
            await _ended(process)


async def _ended(process: "subprocess.Popen[bytes]") -> int | None:
    """Its status; None if it does not end in time."""
    try:
        return await asyncio.to_thread(process.wait, _STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        return None
