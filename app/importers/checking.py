"""Reads files row by row into a source: all valid rows, and the problems of the others."""

import io
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from enum import StrEnum
from typing import BinaryIO, Final, NamedTuple

import msgspec

from app.importers.layout import Row
from app.importers.problems import Problem, RowLocation
from app.importers.reading import OnNote, read, read_all
from app.importers.records import ReadOptions
from app.importers.refused_rows import RefusedRows
from app.importers.source import Source

# With so many problems the rest of the files is not read: the list is held in memory.
MAX_PROBLEMS: Final = 100_000
# Each but the last finds something: usually bad rows, then nothing.
_MAX_PASSES: Final = 6


class File(NamedTuple):
    name: str
    stream: BinaryIO


class Step(StrEnum):
    CHECKING = "Checking"
    LOADING = "Loading"
    WRITING = "Writing"


# The current step, the amount done, and the total amount (None: unknown).
OnProgress = Callable[[Step, int, int | None], None]


class Reading(msgspec.Struct, frozen=True):
    """How files are read, and who is notified of it."""

    files: Sequence[File]
    options: ReadOptions
    on_progress: OnProgress
    on_note: OnNote


class Checked(msgspec.Struct, frozen=True):
    """`separable`: the problems are those of single rows, and `source` has no row that may be of an entry of these.

    `held_back`: valid rows that may be.
    """

    source: Source
    problems: list[Problem]
    held_back: Sequence[tuple[RowLocation, str]] = ()
    separable: bool = False

    @property
    def refused(self) -> int:
        return len({problem.location for problem in self.problems})


def check_all(source: Source, reading: Reading) -> Checked:
    """With MAX_PROBLEMS, nothing further is read."""
    problems: list[Problem] = []
    progress = ReadProgress(reading.files, reading.on_progress)
    for file in reading.files:
        items = read(
            file.stream,
            file.name,
            source.layouts,
            reading.options,
            progress.on_characters,
            reading.on_note,
        )
        with closing(items):
            for item in items:
                problems += [item] if isinstance(item, Problem) else _take(source, item)
                if len(problems) >= MAX_PROBLEMS:
                    reading.on_note(_not_further(item.location, len(problems)))
                    return Checked(source, problems)
    problems += source.finish() if not problems else ()
    return Checked(source, problems)


def check_separately(new_source: Callable[[], Source], reading: Reading) -> Checked:
    """The source has only rows that have nothing to do with refused ones. The streams must be seekable: they are read again until
    nothing more is found.
    """
    refused = RefusedRows(new_source())
    problems: list[Problem] = []
    for number in range(_MAX_PASSES):
        known = len(refused)
        once = reading if number == 0 else msgspec.structs.replace(reading, on_note=lambda note: None)
        one = _Pass(new_source(), refused)
        problems += one.run(once)
        if len(problems) >= MAX_PROBLEMS:
            reading.on_note(_not_further(problems[-1].location, len(problems)))
            break
        if any(problem.whole_file for problem in problems):
            break
        if len(refused) == known:
            return Checked(one.source, problems, one.held_back, separable=True)
    return Checked(new_source(), problems)


class _Pass:
    """Reads all files once, without the rows that earlier passes found to be refused."""

    def __init__(self, source: Source, refused: RefusedRows) -> None:
        self.source = source
        self.held_back: list[tuple[RowLocation, str]] = []
        self._refused = refused
        self._before = refused.locations
        self._found: list[Problem] = []

    def run(self, reading: Reading) -> list[Problem]:
        """The problems that were not known before."""
        progress = ReadProgress(reading.files, reading.on_progress)
        for file in reading.files:
            items = read_all(
                file.stream,
                file.name,
                self.source.layouts,
                reading.options,
                progress.on_characters,
                reading.on_note,
            )
            with closing(items):
                for item in items:
                    self._take(item)
                    if len(self._found) >= MAX_PROBLEMS:
                        return self._found
        self._refused.note_unread()
        if not self._found:  # else there would be problems only since rows are missing
            self._add(self.source.finish())
        return self._found

    def _take(self, item: Row | Problem) -> None:
        if isinstance(item, Problem):
            if item.location not in self._before:
                self._add([item])
        elif item.refused or item.location in self._refused:
            self._refused.note(item)
        elif self._before and (companion := self._refused.companion(item)):
            self.held_back.append(
                (item.location, f"may be of the same entry as the refused row in {companion}")
            )
        elif self._add(_take(self.source, item)):
            self._refused.note(item)

    def _add(self, problems: Iterable[Problem]) -> bool:
        before = len(self._found)
        for problem in problems:
            self._found.append(problem)
            self._refused.add(problem)
        return len(self._found) > before


def _take(source: Source, row: Row) -> list[Problem]:
    values = row.layout.values(row)
    return list(row.layout.problems(row) if values is None else source.take(row, values))


def _not_further(location: RowLocation, problems: int) -> str:
    return f"{location}: not read any further, since there are {problems:,} problems"


class ReadProgress:
    """Reports at intervals how much of the files has been read."""

    _INTERVAL = 100_000  # characters

    def __init__(self, files: Sequence[File], on_progress: OnProgress) -> None:
        sizes = [_size(file.stream) for file in files]
        self._total = None if None in sizes else sum(filter(None, sizes))
        self._on_progress = on_progress
        self._done = self._reported = 0

    def on_characters(self, count: int) -> None:
        self._done += count
        if self._done - self._reported >= self._INTERVAL:
            self._reported = self._done
            self._on_progress(Step.CHECKING, self._done, self._total)


def _size(stream: BinaryIO) -> int | None:
    """None for a pipe or a terminal."""
    try:
        return os.fstat(stream.fileno()).st_size if stream.seekable() else None
    except (OSError, io.UnsupportedOperation):
        return None
