"""Imports: read, check, then write all of it or nothing."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import msgspec

from app.db import staging
from app.db.connect import NO_TIMEOUTS, OWN_SETTINGS, set_again
from app.db.connect import connect as open_connection
from app.db.pool import UNREACHABLE, Connection
from app.db.start_errors import cannot_start
from app.db.type_codecs import set_type_codecs
from app.domain.families import FAMILIES
from app.importers.aliases import load_aliases
from app.importers.checking import Checked, File, OnProgress, Reading, Step, check_all, check_separately
from app.importers.family import FamilySource
from app.importers.garbage_collection import fewer_collections
from app.importers.hlzf import Hlzf
from app.importers.holiday_rules import HolidayRules
from app.importers.implausible_rows import Entries, RowWarnings, Warned, implausible_rows
from app.importers.levies import Levies
from app.importers.places import Places
from app.importers.prices import PriceSource
from app.importers.problems import Problem, RowLocation
from app.importers.reading import seekable
from app.importers.records import ReadOptions
from app.importers.registry import Registry
from app.importers.section14a import Section14a
from app.importers.source import References, Source
from app.importers.transaction import in_transaction

Kind = StrEnum(  # type: ignore[misc]  # operators, places, and each family
    "Kind",
    {"REGISTRY": "registry", "PLACES": "places"}
    | {family.name.upper(): family.public_name for family in FAMILIES}
    | {"SECTION14A": "section14a"},  # the earlier name of time-of-use
    module=__name__,
)

# Families whose files have a row per entry need no class of their own.
SOURCES: Final[dict[Kind, Callable[[References], Source]]] = {
    Kind(family.public_name): partial(FamilySource, family) for family in FAMILIES if family.one_row_per_entry
} | {
    Kind["REGISTRY"]: Registry,
    Kind["PLACES"]: Places,
    Kind["HLZF"]: Hlzf,
    Kind["TIME_OF_USE"]: Section14a,
    Kind["SECTION14A"]: Section14a,
    Kind["HOLIDAY_RULES"]: HolidayRules,
    Kind["PRICES"]: PriceSource,
    Kind["LEVIES"]: Levies,
}


class SkippedRow(NamedTuple):
    """A row that was not written, and why: a user's decision has priority, or it is no entry."""

    location: RowLocation
    reason: str


class Report(msgspec.Struct, frozen=True):
    """The result of an import. `inserted`, `updated`, `unchanged`, `kept` and `removed` count entries, `refused` rows."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    kept: tuple[SkippedRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    left_out: tuple[SkippedRow, ...] = ()  # valid rows that are no entry of this kind
    warnings: tuple[Warned, ...] = ()  # the first ones
    warning_count: int = 0  # of all
    notes: tuple[str, ...] = ()  # how each file was read, and what is worth a remark
    removed: int = 0  # places that are not in the file any more
    lowered: int = 0  # verified in the file, and written as unverified
    held_back: tuple[SkippedRow, ...] = ()  # valid rows that may be of the same entry as a refused one
    partial: bool = False  # rows were refused, and the others written all the same

    @property
    def refused(self) -> int:
        return len({problem.location for problem in self.problems})


_DETECTED: Final = ReadOptions()


class Author(NamedTuple):
    """Who imports. Without `may_verify` what is verified in a file is written as unverified."""

    name: str = staging.AUTHOR
    may_verify: bool = True


_IMPORT: Final = Author()

BeforeCommit = Callable[[Connection, Checked], Awaitable[None]]
OnCommitted = Callable[[], Awaitable[None]]


async def _commit(connection: Connection, checked: Checked) -> None: ...


async def _committed() -> None: ...


def no_progress(step: Step, done: int, total: int | None) -> None: ...


async def import_files(
    database_url: str,
    kind: Kind,
    files: Sequence[File],
    *,
    options: ReadOptions = _DETECTED,
    overwrite: bool = False,
    dry_run: bool = False,
    strict: bool = False,
    skip_refused: bool = False,
    on_progress: OnProgress = no_progress,
    deadline: float = 600,
    author: Author = _IMPORT,
    before_commit: BeforeCommit = _commit,
    on_committed: OnCommitted = _committed,
) -> Report:
    """Nothing is written if any row is refused, or on a dry run. `strict`: rows with unusual values are refused.
    `skip_refused`: the other entries are written all the same; not together with `strict`.

    `before_commit` is awaited within the transaction, which is rolled back if it raises; `on_committed` as soon as it is committed. The files are read before the transaction begins, so that a slow pipe holds no lock.
    """
    with fewer_collections(), ExitStack() as copies:
        if skip_refused:  # read several times
            files = [File(file.name, copies.enter_context(seekable(file.stream))) for file in files]
        async with connect(database_url, deadline=deadline) as connection:
            notes: list[str] = []
            checked = await check(
                connection,
                kind,
                files,
                options,
                on_progress,
                notes.append,
                separately=skip_refused,
            )
            if checked.problems and not checked.separable:
                return Report(problems=tuple(checked.problems), notes=tuple(notes))
            notes += checked.source.notes()
            checked.source.may_verify = author.may_verify

            async def work() -> Report:
                await staging.one_import_at_a_time(connection)
                # Without folders: the reasons of revisions are public.
                reason = ", ".join(Path(file.name).name for file in files)
                report = await write(
                    connection,
                    checked.source,
                    reason,
                    overwrite=overwrite,
                    on_progress=on_progress,
                    author=author.name,
                )
                if strict and report.warnings:
                    raise _Refused(report)
                if not dry_run:
                    await before_commit(connection, checked)
                return _with_refused(report, checked, notes)

            try:
                report = await in_transaction(connection, work, keep=not dry_run)
            except _Refused as refused:
                problems = [Problem(*warned) for warned in refused.report.warnings]
                return Report(
                    problems=tuple(problems), notes=tuple(notes), warning_count=refused.report.warning_count
                )
            if not dry_run:
                await on_committed()
            return report


def _with_refused(report: Report, checked: Checked, notes: Sequence[str]) -> Report:
    """Of those that were written all the same."""
    return msgspec.structs.replace(
        report,
        notes=tuple(notes),
        problems=tuple(checked.problems),
        held_back=tuple(SkippedRow(*each) for each in checked.held_back),
        partial=bool(checked.problems),
    )


class _Refused(Exception):
    """Rolls a strict import back."""

    def __init__(self, report: Report) -> None:
        super().__init__(f"{report.warning_count} unusual values")
        self.report = report


@asynccontextmanager
async def connect(
    database_url: str, *, deadline: float, name: str = "dno-import"
) -> AsyncIterator[Connection]:
    """A dedicated connection: imports take longer than the pool's statement time-out."""
    session = {
        "lock_timeout": f"{deadline * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{deadline * 1000:.0f}",
        "jit": "off",
        # Joins of a whole file with a whole table stay in memory.
        "work_mem": "64MB",
    }
    try:
        connection = await open_connection(
            database_url,
            within=10,
            # Later than the server's own, whose error is more precise.
            command_timeout=deadline + 5,
            server_settings={"application_name": name, **session},
        )
    except (ValueError, asyncpg.PostgresError, *UNREACHABLE) as error:
        raise cannot_start(database_url, error) from None
    try:
        await set_type_codecs(connection)
        await set_again(connection, {**NO_TIMEOUTS, **session, **OWN_SETTINGS})
        yield connection
    finally:
        # A server that is silent by now must not hide what was committed, nor how the block has failed.
        with suppress(OSError, asyncpg.InterfaceError, asyncpg.PostgresError):
            await connection.close(timeout=2)


async def check(
    connection: Connection,
    kind: Kind,
    files: Sequence[File],
    options: ReadOptions = _DETECTED,
    on_progress: OnProgress = no_progress,
    on_note: Callable[[str], None] = lambda note: None,
    *,
    separately: bool = False,
) -> Checked:
    """`separately`: with the rows that have nothing to do with refused ones."""
    references = References(
        await staging.fetch_operators(connection),
        await staging.fetch_time_of_use_sheets(connection),
        await staging.fetch_operator_names(connection),
    )
    reading = Reading(files, options, on_progress, on_note)
    if separately:
        return check_separately(lambda: SOURCES[kind](references), reading)
    return check_all(SOURCES[kind](references), reading)


async def write(
    connection: Connection,
    source: Source,
    reason: str,
    *,
    overwrite: bool = False,
    on_progress: OnProgress = no_progress,
    author: str = staging.AUTHOR,
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

    await staging.record_author(connection, reason, author)
    outcome = await source.load(connection, [values for _, values in entries], overwrite, on_rows)
    if isinstance(source, Registry):
        await load_aliases(connection, only_of_new_operators=True)
    kept = tuple(SkippedRow(entries[each.row][0], each.reason) for each in outcome.kept)
    left_out = tuple(SkippedRow(*each) for each in source.left_out)
    # What is unusual about stored figures is not in rows that were not written.
    warnings = await _warnings(connection, source, entries, {each.row for each in outcome.kept})
    return Report(
        outcome.inserted,
        outcome.updated,
        outcome.unchanged,
        kept,
        left_out=left_out,
        warnings=warnings.listed,
        warning_count=warnings.total,
        removed=outcome.removed,
        lowered=outcome.lowered,
    )


async def _warnings(
    connection: Connection, source: Source, entries: Entries, kept: Collection[int]
) -> RowWarnings:
    if source.family is None or not entries:
        return RowWarnings()
    return await implausible_rows(connection, source.family, entries, kept)
