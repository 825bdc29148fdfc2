"""Messages between the server and the process of an import, one JSON object per line."""

from collections.abc import Sequence
from typing import Final

import msgspec

from app.errors import Code
from app.importers.load import Kind, Report
from app.importers.problems import Problem, RowLocation, shown
from app.importers.records import ReadOptions

# Rows of each list of an answer; all are counted.
MAX_LISTED: Final = 1_000
_MAX_REASON: Final = 500
_MAX_NOTE: Final = 4_000

COMMIT: Final = b"commit\n"


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`file_names` are those of messages and of the history. `deadline` in seconds, `max_memory` in bytes."""

    database_url: str
    kind: Kind
    file_names: Sequence[str]
    options: ReadOptions
    overwrite: bool
    dry_run: bool
    strict: bool
    skip_refused: bool
    author: str
    may_verify: bool
    deadline: float
    max_memory: int


class ListedRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """`line` is 0 if the whole file is meant; `value`: the cell, shortened."""

    file: str
    line: int
    reason: str
    column: str | None = None
    value: str | None = None


class ImportAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """The result of an import; numbers are of entries, `refused` of rows. The lists are shortened, their counts are not.

    `partial`: rows were refused, and the other entries are imported all the same. `heldBack`: valid rows that may be of the same entry as a refused one.
    """

    kind: Kind
    files: Sequence[str]
    dry_run: bool
    imported: bool
    partial: bool
    inserted: int
    updated: int
    unchanged: int
    removed: int
    written_as_unverified: int
    refused: int
    problems: list[ListedRow]
    problem_count: int
    held_back: list[ListedRow]
    held_back_count: int
    kept: list[ListedRow]
    kept_count: int
    left_out: list[ListedRow]
    left_out_count: int
    warnings: list[ListedRow]
    warning_count: int
    read_as: list[str]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """All is written, and waits for COMMIT; with the numbers of rows that stay out."""

    refused: int = 0
    held_back: int = 0


class Changed(msgspec.Struct, frozen=True, tag="changed"):
    """Tags to invalidate, and the events of the outbox that ask for it: none where it is not known whether they are committed."""

    tags: Sequence[str]
    events: Sequence[int]


class Done(msgspec.Struct, frozen=True, tag="done"):
    answer: ImportAnswer


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """`trace`: of an unexpected error, for the log. `incomplete`: the database lacks what `statement` needs. `outage`: it cannot
    write at the moment.
    """

    code: Code
    message: str
    trace: str = ""
    incomplete: bool = False
    outage: bool = False
    statement: str | None = None


Message = Ready | Changed | Done | Failed

read_message: Final = msgspec.json.Decoder(Message).decode
read_request: Final = msgspec.json.Decoder(ImportRequest).decode


def answer_of(report: Report, request: ImportRequest) -> ImportAnswer:
    # Of a strict import the warnings are the problems.
    refused = bool(report.problems) and not report.partial
    warned = 0 if refused else report.warning_count
    return ImportAnswer(
        kind=request.kind,
        files=request.file_names,
        dry_run=request.dry_run,
        imported=not (request.dry_run or refused),
        partial=report.partial,
        inserted=report.inserted,
        updated=report.updated,
        unchanged=report.unchanged,
        removed=report.removed,
        written_as_unverified=report.lowered,
        refused=report.refused,
        problems=[_problem(each) for each in report.problems[:MAX_LISTED]],
        problem_count=max(len(report.problems), report.warning_count - warned),
        held_back=_rows(report.held_back),
        held_back_count=len(report.held_back),
        kept=_rows(report.kept),
        kept_count=len(report.kept),
        left_out=_rows(report.left_out),
        left_out_count=len(report.left_out),
        warnings=_rows(report.warnings),
        warning_count=warned,
        read_as=[note[:_MAX_NOTE] for note in report.notes],
    )


def _problem(problem: Problem) -> ListedRow:
    return ListedRow(
        problem.location.file,
        problem.location.line,
        _shortened(problem.reason),
        None if problem.column is None else shown(problem.column),
        None if problem.value is None else shown(problem.value),
    )


def _rows(rows: Sequence[tuple[RowLocation, str]]) -> list[ListedRow]:
    return [
        ListedRow(location.file, location.line, _shortened(reason)) for location, reason in rows[:MAX_LISTED]
    ]


def _shortened(reason: str) -> str:
    return reason if len(reason) <= _MAX_REASON else f"{reason[: _MAX_REASON - 1]}…"
