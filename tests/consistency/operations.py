"""What is written down while the servers run: each operation with its time, on one clock."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # unanswered: it may have happened


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds of time.monotonic() in the one process that asks all servers."""

    instance: str  # one process: a restarted one has another name
    started: float
    ended: float


class Write(Operation, frozen=True, kw_only=True, tag=True):
    """No two write the same `leistung`, so that each can be found again. One that writes none of its own (a flag, an undo)
    has a `mark` instead: the reason in the history. `version`: as answered; None where the answer names none.
    """

    entry: str
    leistung: str = ""
    outcome: Outcome
    version: int | None = None
    mark: str | None = None
    what: str = "write"


class Read(Operation, frozen=True, kw_only=True, tag=True):
    """Some ways show no version (0), or no value (empty)."""

    entry: str
    version: int
    leistung: str
    way: str = "point"


class Failure(Operation, frozen=True, kw_only=True, tag=True):
    """A request that was answered with an error, or not at all."""

    what: str
    why: str


THE_END = "the run ended"


class Subscription(Operation, frozen=True, kw_only=True, tag=True):
    """Open from `started` to `ended`. `why_ended`: the server's code, THE_END, or what else it was. `of_levies`: of changes of
    levies, and of no others.
    """

    subscriber: str
    deliveries: tuple["Delivery", ...]
    why_ended: str
    of_levies: bool = False


class Delivery(msgspec.Struct, frozen=True):
    """One event, as it came; `version` is what the entry was at when the server answered."""

    at: float
    entry: str
    changed_at: float  # on the clock of PostgreSQL
    version: int


class Fault(Operation, frozen=True, kw_only=True, tag=True):
    """`instance` "": it hits all. `excuses`: requests may fail meanwhile, since nothing could serve them.
    `away`: PostgreSQL cannot even be read.
    """

    what: str
    excuses: bool = False
    away: bool = False


EDGE = "edge"  # in place of an instance: what is read through a cache at the edge


class Purge(Operation, frozen=True, kw_only=True, tag=True):
    """A purge that the edge has confirmed: everything stored under these keys is removed."""

    keys: tuple[str, ...]


class Wait(Operation, frozen=True, kw_only=True, tag=True):
    """For `seconds` of the time between, a process was ready to run and was given no CPU.

    `instance` is an instance's name, or that of another process (a Redis, the proxies).
    """

    seconds: float


class Revision(msgspec.Struct, frozen=True):
    version: int
    before: str | None
    after: str | None
    changed_at: float
    reason: str | None = None


class Entry(msgspec.Struct, frozen=True, tag=True):
    """How it ended: the row in PostgreSQL, and its history."""

    entry: str
    version: int
    leistung: str
    revisions: tuple[Revision, ...]
    is_levy: bool = False
    keys: tuple[str, ...] = ()  # those of the edge that purge what shows it


Record = Write | Read | Failure | Subscription | Fault | Purge | Wait | Entry


RECORD = "operations.jsonl"


class Log:
    """Kept in memory for the judge, and as lines of JSON for people."""

    def __init__(self, file: Path | None = None) -> None:
        self.records: list[Record] = []
        self._file = file.open("wb") if file else None

    def add(self, record: Record) -> None:
        self.records.append(record)
        if self._file:
            self._file.write(msgspec.json.encode(record) + b"\n")

    def close(self) -> None:
        if self._file:
            self._file.close()


def read_log(file: Path) -> Iterator[Record]:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Record)
    with file.open("rb") as lines:
        yield from map(decoder.decode, lines)
