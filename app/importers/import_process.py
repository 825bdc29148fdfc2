"""The process of an import that the server started: reads the files, writes them, and commits when the server agrees.

Started as `python -m app.importers.import_process PARENT SOCKET FILE …`: the number of the server's process, and open file descriptors.
"""

import asyncio
import errno
import os
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Final

import asyncpg
import msgspec

from app.child_process import follow_parent
from app.db import outbox
from app.db.failures import Failure, failure_of, is_definite
from app.db.pool import AGAIN, AWAY, INCOMPLETE, SPACE, Connection
from app.domain import tags
from app.domain.event import Event
from app.errors import CannotStart, Code
from app.importers.checking import Checked, File
from app.importers.import_messages import (
    COMMIT,
    Changed,
    Done,
    Failed,
    ImportRequest,
    Message,
    Ready,
    answer_of,
    read_request,
)
from app.importers.load import Author, BeforeCommit, OnCommitted, Report, import_files
from app.importers.transaction import CommitUnanswered, RuleViolated

# Other processes of the machine go first: those that answer requests.
_NICENESS: Final = 5
_EVENTS_PER_MESSAGE: Final = 100
_MAX_REQUEST: Final = 2**20
_MAX_STATEMENT: Final = 2_000


def run() -> None:
    parent, control, *files = map(int, sys.argv[1:])
    follow_parent(parent, signal.SIGKILL)
    os.nice(_NICENESS)
    asyncio.run(_run(socket.socket(fileno=control), files))


async def _run(control: socket.socket, files: Sequence[int]) -> None:
    reader, writer = await asyncio.open_connection(sock=control, limit=_MAX_REQUEST)
    server = _Server(reader, writer)
    try:
        request = read_request(await reader.readline())
        resource.setrlimit(resource.RLIMIT_DATA, (request.max_memory, request.max_memory))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _current_task().cancel)
        with ExitStack() as opened:
            streams = [opened.enter_context(os.fdopen(file, "rb")) for file in files]
            await _answer(server, request, list(map(File, request.file_names, streams)))
    finally:
        writer.close()


def _current_task() -> "asyncio.Task[object]":
    task = asyncio.current_task()
    assert task is not None
    return task


class _Server:
    """The other end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, message: Message) -> None:
        self._writer.write(msgspec.json.encode(message) + b"\n")
        await self._writer.drain()

    async def confirm(self, ready: Ready) -> None:
        """Raises CancelledError unless the server confirms the commit."""
        await self.send(ready)
        if await self._reader.readline() != COMMIT:
            raise asyncio.CancelledError


async def _answer(server: _Server, request: ImportRequest, files: Sequence[File]) -> None:
    written: list[Event] = []
    committed = False

    async def before_commit(connection: Connection, checked: Checked) -> None:
        written[:] = await outbox.fetch_written(connection)
        await server.confirm(Ready(checked.refused, len(checked.held_back)))

    async def on_committed() -> None:
        nonlocal committed
        committed = True
        await _send_changes(server, written, committed=True)

    try:
        report = await _import(request, files, before_commit, on_committed)
        done = Done(answer_of(report, request))
    except CommitUnanswered as error:
        # Not acknowledged: the commit may come later, after the old values were read and stored again.
        await _send_changes(server, written, committed=False)
        await server.send(Failed(Code.UNAVAILABLE, str(error)))
    except (Exception, MemoryError) as error:
        if committed:
            raise  # to the server it is a process that has ended during the commit: a failure would mean that nothing was written
        await server.send(_failed(error))
    else:
        await server.send(done)


async def _import(
    request: ImportRequest, files: Sequence[File], before_commit: BeforeCommit, on_committed: OnCommitted
) -> Report:
    return await import_files(
        request.database_url,
        request.kind,
        files,
        options=request.options,
        overwrite=request.overwrite,
        dry_run=request.dry_run,
        strict=request.strict,
        skip_refused=request.skip_refused,
        deadline=request.deadline,
        author=Author(request.author, request.may_verify),
        before_commit=before_commit,
        on_committed=on_committed,
    )


async def _send_changes(server: _Server, events: Sequence[Event], *, committed: bool) -> None:
    for some in _parts(events):
        acknowledged = [event.id for event in some] if committed else []
        await server.send(Changed(sorted(tags.of_all(some)), acknowledged))


def _parts(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    for start in range(0, len(events), _EVENTS_PER_MESSAGE):
        yield events[start : start + _EVENTS_PER_MESSAGE]


def _failed(error: BaseException) -> Failed:
    match error:
        case MemoryError():
            return Failed(Code.LIMIT_EXCEEDED, "The file needs more memory than an import may have here.")
        case OSError(errno=errno.ENOMEM):
            return _failed(MemoryError())
        case asyncpg.LockNotAvailableError():
            return Failed(Code.OVERLOADED, "Another import is still running; please try again later.")
        case RuleViolated():
            return Failed(Code.BAD_USER_INPUT, str(error))
        case asyncpg.IntegrityConstraintViolationError():
            rule = (error.constraint_name or "a value is missing").replace("_", " ")
            return Failed(Code.BAD_USER_INPUT, f"The file breaks a rule of the database: {rule}.")
        case CannotStart():
            return Failed(Code.UNAVAILABLE, AWAY, str(error))
    of_driver = isinstance(error, asyncpg.InterfaceError)
    match failure := failure_of(error, broken=of_driver):
        case Failure.INCOMPLETE:
            query = getattr(error, "query", None)
            statement = None if query is None else query[:_MAX_STATEMENT]
            return Failed(Code.UNAVAILABLE, INCOMPLETE, _trace(error), incomplete=True, statement=statement)
        case Failure.MISTAKE:
            return Failed(Code.INTERNAL_SERVER_ERROR, "", _trace(error))
        case Failure.RETRY | Failure.STALE:
            return Failed(Code.UNAVAILABLE, AGAIN, repr(error))
        case Failure.SPACE:
            return Failed(Code.UNAVAILABLE, SPACE, repr(error))
    # The driver has the same class for mistakes of its callers: the trace shows which it was.
    trace = _trace(error) if of_driver else repr(error)
    # A connection that broke, or could not be made, does not show that the database cannot write.
    outage = failure in (Failure.OUTAGE, Failure.READ_ONLY) and is_definite(error)
    return Failed(Code.UNAVAILABLE, AWAY, trace, outage=outage)


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


if __name__ == "__main__":
    run()
