"""An import from first to last: read, check, then write all of it or nothing."""

import io
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from functools import partial
from typing import BinaryIO, Final, NamedTuple

import asyncpg
import msgspec

from app.db import staging
from app.db.connect import connect as open_connection
from app.db.pool import UNREACHABLE, Connection, prepare_connection
from app.db.start_errors import cannot_start
from app.domain.families import FAMILIES
from app.importers.aliases import load_aliases
from app.importers.family import FamilySource
from app.importers.hlzf import Hlzf
from app.importers.layout import Row
from app.importers.problems import Place, Problem
from app.importers.reading import Format, read
from app.importers.registry import Registry
from app.importers.section14a import Section14a
from app.importers.source import Known, Source
from app.importers.transaction import in_transaction

Kind = StrEnum(  # type: ignore[misc]  # operators, and each family
    "Kind",
    {"REGISTRY": "registry"} | {family.import_kind.upper(): family.import_kind for family in FAMILIES},
    module=__name__,
)

# Families whose files have a row per entry need no class of their own.
SOURCES: Final[dict[Kind, Callable[[Known], Source]]] = {
    Kind(family.import_kind): partial(FamilySource, family) for family in FAMILIES if family.one_row_per_entry
} | {Kind["REGISTRY"]: Registry, Kind["HLZF"]: Hlzf, Kind["SECTION14A"]: Section14a}


class File(NamedTuple):
    name: str
    stream: BinaryIO


class SkippedRow(NamedTuple):
    """A row of the file that yielded to what people decided."""

    place: Place
    reason: str


class Report(msgspec.Struct, frozen=True):
    """What became of the files. Inserted, updated, unchanged and kept count entries; refused counts places."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    kept: tuple[SkippedRow, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def refused(self) -> int:
        return len({problem.place for problem in self.problems})


class Step(StrEnum):
    CHECKING = "Checking"
    LOADING = "Loading"
    WRITING = "Writing"


# What is being done, how much of it is done, and how much there is (None: nobody knows).
OnProgress = Callable[[Step, int, int | None], None]


def quietly(step: Step, done: int, total: int | None) -> None: ...


async def import_files(
    database_url: str,
    kind: Kind,
    files: Sequence[File],
    *,
    format: Format | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    on_progress: OnProgress = quietly,
    deadline: float = 600,
) -> Report:
    """Nothing is written if any row is refused, or on a dry run.

    The files are read before the transaction begins, so that a slow pipe holds no lock.
    """
    async with connect(database_url, deadline=deadline) as connection:
        source, problems = await check(connection, kind, files, format, on_progress)
        if problems:
            return Report(problems=tuple(problems))

        async def work() -> Report:
            await staging.one_import_at_a_time(connection)
            reason = ", ".join(file.name for file in files)
            return await write(connection, source, reason, overwrite=overwrite, on_progress=on_progress)

        return await in_transaction(connection, work, keep=not dry_run)


@asynccontextmanager
async def connect(database_url: str, *, deadline: float) -> AsyncIterator[Connection]:
    """A connection of its own: imports take longer than the pool allows a statement."""
    try:
        connection = await open_connection(
            database_url,
            within=10,
            # Later than the server's own, which says what was waited for.
            command_timeout=deadline + 5,
            server_settings={
                "application_name": "dno-import",
                "lock_timeout": f"{deadline * 1000:.0f}",
                "idle_in_transaction_session_timeout": f"{deadline * 1000:.0f}",
                "jit": "off",
                # Joins of a whole file with a whole table stay in memory.
                "work_mem": "64MB",
            },
        )
    except (ValueError, asyncpg.PostgresError, *UNREACHABLE) as error:
        raise cannot_start(database_url, error) from None
    try:
        await prepare_connection(connection)
        yield connection
    finally:
        await connection.close(timeout=10)


async def check(
    connection: Connection,
    kind: Kind,
    files: Sequence[File],
    format: Format | None = None,
    on_progress: OnProgress = quietly,
) -> tuple[Source, list[Problem]]:
    """All rows that are right, and all that is wrong with the others."""
    source = SOURCES[kind](
        Known(
            await staging.fetch_operators(connection),
            await staging.fetch_time_of_use_sheets(connection),
        )
    )
    problems: list[Problem] = []
    seen = _Seen(files, on_progress)
    for file in files:
        for item in read(file.stream, file.name, source.layouts, format, seen.characters):
            problems += [item] if isinstance(item, Problem) else _take(source, item)
    problems += source.finish() if not problems else ()
    return source, problems


async def write(
    connection: Connection,
    source: Source,
    reason: str,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = quietly,
) -> Report:
    """Within the caller's transaction; `reason` goes into the history of every entry that changes."""
    entries = list(source.entries())
    written = 0

    def on_rows(count: int) -> None:
        nonlocal written
        written += count
        on_progress(Step.LOADING, written, len(entries))
        if written == len(entries):
            on_progress(Step.WRITING, 0, None)

    await staging.sign(connection, reason)
    outcome = await source.load(connection, [values for _, values in entries], overwrite, on_rows)
    if isinstance(source, Registry):
        await load_aliases(connection, only_of_new_operators=True)
    kept = tuple(SkippedRow(entries[each.row][0], each.reason) for each in outcome.kept)
    return Report(outcome.inserted, outcome.updated, outcome.unchanged, kept)


def _take(source: Source, row: Row) -> list[Problem]:
    values = row.layout.values(row)
    return list(row.layout.problems(row) if values is None else source.take(row, values))


class _Seen:
    """How much of the files has been read, told every now and then."""

    _EVERY = 100_000

    def __init__(self, files: Sequence[File], on_progress: OnProgress) -> None:
        sizes = [_size(file.stream) for file in files]
        self._total = None if None in sizes else sum(filter(None, sizes))
        self._on_progress = on_progress
        self._done = self._told = 0

    def characters(self, count: int) -> None:
        self._done += count
        if self._done - self._told >= self._EVERY:
            self._told = self._done
            self._on_progress(Step.CHECKING, self._done, self._total)


def _size(stream: BinaryIO) -> int | None:
    """None for a pipe or a terminal."""
    try:
        return os.fstat(stream.fileno()).st_size if stream.seekable() else None
    except (OSError, io.UnsupportedOperation):
        return None
