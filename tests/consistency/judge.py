"""Says from the record alone whether the promise was kept: a pure function, so that it can itself be tested."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from tests.consistency.operations import (
    Entry,
    Failure,
    Fault,
    Outcome,
    Read,
    Record,
    Subscription,
    Told,
    Write,
)

R = TypeVar("R")


class Bounds(msgspec.Struct, frozen=True):
    """In seconds. `agreement`: until every instance shows a write. `telling`: until a subscriber hears of
    it. `settling`: from opening a subscription until it surely listens. `recovery`: after a fault that
    excuses failures.
    """

    agreement: float = 3
    telling: float = 5
    settling: float = 1
    recovery: float = 5


class Verdict(msgspec.Struct, frozen=True):
    violations: tuple[str, ...]
    delays: tuple[float, ...]  # sorted; one for each write and each other instance that was asked afterwards
    counts: dict[str, int]

    def delay(self, share: float) -> float:
        return self.delays[min(len(self.delays) - 1, int(share * len(self.delays)))] if self.delays else 0.0


def judge(records: Iterable[Record], bounds: Bounds | None = None) -> Verdict:
    case = Case(records, bounds or Bounds())
    violations = [
        *case.broken_histories(),
        *case.lost_writes(),
        *case.reads_of_what_never_was(),
        *case.stale_reads_after_own_writes(),
        *case.late_agreements(),
        *case.subscriptions_gone_wrong(),
        *case.failed_requests(),
    ]
    counts = Counter(type(record).__name__ for record in case.records)
    return Verdict(tuple(violations), tuple(sorted(delay for *_, delay in case.delays())), dict(counts))


class Case:
    """The record, sorted for the questions that are asked of it."""

    def __init__(self, records: Iterable[Record], bounds: Bounds) -> None:
        self.records = list(records)
        self._by_kind: dict[type, list[Any]] = _grouped(self.records, type)
        self.bounds = bounds
        self.writes = self._of(Write)
        self.reads = self._of(Read)
        self.entries = {entry.entry: entry for entry in self._of(Entry)}
        self.revisions = {
            name: {revision.version: revision for revision in entry.revisions}
            for name, entry in self.entries.items()
        }
        self._version_of = {
            (name, revision.after): revision.version
            for name, entry in self.entries.items()
            for revision in reversed(entry.revisions)
        }
        # A write that nobody answered has happened if its value is in the history.
        self.committed = [(write, version) for write in self.writes if (version := self._version(write))]
        self.reads_of = _grouped(self.reads, lambda read: (read.instance, read.entry))

    # What PostgreSQL holds

    def broken_histories(self) -> Iterator[str]:
        for entry in self.entries.values():
            versions = [revision.version for revision in entry.revisions]
            if versions != list(range(1, entry.version + 1)):
                yield f"revisions lost: {entry.entry} is at version {entry.version} and has {versions}"
            elif entry.revisions[-1].after != entry.leistung:
                yield f"revision lost: {entry.entry} is {entry.leistung}, its last revision says {entry.revisions[-1].after}"
            for earlier, later in pairwise(entry.revisions):
                if earlier.after != later.before:
                    yield f"revision lost: {entry.entry} was {earlier.after} before {later.before} became {later.after}"

    def lost_writes(self) -> Iterator[str]:
        for write in self.writes:
            found = self._version(write)
            if write.outcome is Outcome.DONE and found != write.version:
                yield f"write lost: {_told(write)}, history has it at {found}"
            if write.outcome is Outcome.REFUSED and found is not None:
                yield f"refused, yet done: {_told(write)}"
        written = {(write.entry, write.leistung) for write in self.writes}
        for name, revisions in self.revisions.items():
            for revision in revisions.values():
                if revision.version > 1 and (name, revision.after) not in written:
                    yield f"written by nobody: {name} became {revision.after} at version {revision.version}"

    # What readers saw

    def reads_of_what_never_was(self) -> Iterator[str]:
        for read in self.reads:
            revision = self.revisions.get(read.entry, {}).get(read.version)
            if revision is None or revision.after != read.leistung:
                yield f"never was: {_told(read)}"

    def stale_reads_after_own_writes(self) -> Iterator[str]:
        answered = [write for write in self.writes if write.outcome is Outcome.DONE]
        for place, writes in _grouped(answered, lambda write: (write.instance, write.entry)).items():
            writes.sort(key=lambda write: write.ended)
            ends = [write.ended for write in writes]
            newest = _running(max, [write.version or 0 for write in writes])
            for read in self.reads_of.get(place, ()):
                answered_before = bisect_left(ends, read.started)
                if answered_before and read.version < newest[answered_before - 1]:
                    yield f"stale on the writing instance: {_told(read)}, answered was {newest[answered_before - 1]}"

    def late_agreements(self) -> Iterator[str]:
        for write, version, instance, delay in self.delays():
            if delay > self.bounds.agreement + self._away(write.ended, write.ended + delay):
                yield f"late: {_told(write)} was version {version}; {instance} showed an older one {delay:.2f} s later"

    def _away(self, since: float, until: float) -> float:
        """For how long PostgreSQL, without which nobody can tell, was not there."""
        return sum(
            max(0.0, min(until, fault.ended) - max(since, fault.started))
            for fault in self._of(Fault)
            if fault.excuses and not fault.instance
        )

    def delays(self) -> Iterator[tuple[Write, int, str, float]]:
        """For how long after a write's end reads still set out that showed an older version."""
        series = {place: _Series(reads) for place, reads in self.reads_of.items()}
        for write, version in self.committed:
            for (instance, entry), reads in series.items():
                if entry == write.entry and instance != write.instance and reads.last_start > write.ended:
                    yield write, version, instance, max(0.0, reads.last_below(version) - write.ended)

    # What subscribers were told

    def subscriptions_gone_wrong(self) -> Iterator[str]:
        for subscription in self._of(Subscription):
            told_of = _grouped(subscription.told, lambda told: told.entry)
            for entry in self.entries:
                told = told_of.get(entry, [])
                versions = [self._version_by_time(one) for one in told]
                yield from self._told_wrongly(subscription, entry, told, versions)
                yield from self._not_told(subscription, entry, set(versions))

    def _told_wrongly(
        self, subscription: Subscription, entry: str, told: Sequence[Told], versions: Sequence[int]
    ) -> Iterator[str]:
        who = f"{subscription.subscriber} of {subscription.instance}"
        for version, times in Counter(versions).items():
            if times > 1:
                yield f"told twice: {who} heard {times} times of {entry} at version {version}"
        for earlier, later in pairwise(versions):
            if later < earlier:
                yield f"told out of order: {who} heard of {entry} at version {later} after {earlier}"
        for one, version in zip(told, versions, strict=True):
            if one.version < version:
                yield f"told before it could be read: {who} was shown {entry} at {one.version} with the news of {version}"

    def _not_told(self, subscription: Subscription, entry: str, told: set[int]) -> Iterator[str]:
        listens_from = subscription.started + self.bounds.settling
        listens_until = subscription.ended - self.bounds.telling
        for write, version in self.committed:
            due = write.started > listens_from and write.ended < listens_until
            if write.entry == entry and due and version not in told:
                yield (
                    f"not told: {subscription.subscriber} of {subscription.instance} never heard of {entry}"
                    f" at version {version} ({_told(write)})"
                )

    # What did not work at all

    def failed_requests(self) -> Iterator[str]:
        excuses = [fault for fault in self._of(Fault) if fault.excuses]
        for failure in self._of(Failure):
            if not any(self._excused(failure, fault) for fault in excuses):
                yield f"failed: {failure.what} on {failure.instance} at {failure.started:.2f}: {failure.why}"

    def _excused(self, failure: Failure, fault: Fault) -> bool:
        hits = fault.instance in ("", failure.instance)
        return hits and fault.started < failure.ended and failure.started < fault.ended + self.bounds.recovery

    def _version(self, write: Write) -> int | None:
        return self._version_of.get((write.entry, write.leistung))

    def _version_by_time(self, told: Told) -> int:
        """An event names its time and not its version; one statement wrote both it and the revision."""
        revisions = self.entries[told.entry].revisions
        after = bisect_left(revisions, told.changed_at, key=lambda revision: revision.changed_at)
        neighbours = revisions[max(0, after - 1) : after + 1]
        return min(neighbours, key=lambda revision: abs(revision.changed_at - told.changed_at)).version

    def _of(self, kind: type[R]) -> list[R]:
        found: list[R] = self._by_kind.get(kind, [])
        return found


class _Series:
    """The reads of one entry on one instance, by the time at which they set out."""

    def __init__(self, reads: Sequence[Read]) -> None:
        ordered = sorted(reads, key=lambda read: read.started)
        self._starts = [read.started for read in ordered]
        # The lowest version that any read from here on showed; it never falls, so it can be searched.
        self._lowest_from = _running(min, [read.version for read in reversed(ordered)])[::-1]

    @property
    def last_start(self) -> float:
        return self._starts[-1]

    def last_below(self, version: int) -> float:
        """When the last read set out that showed less; 0 if none did."""
        older = bisect_left(self._lowest_from, version)
        return self._starts[older - 1] if older else 0.0


def _grouped(records: Iterable[R], key: Callable[[R], Any]) -> dict[Any, list[R]]:
    groups: defaultdict[Any, list[R]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return dict(groups)


def _running(choose: Callable[[int, int], int], numbers: Sequence[int]) -> list[int]:
    chosen: list[int] = []
    for number in numbers:
        chosen.append(choose(chosen[-1], number) if chosen else number)
    return chosen


def _told(operation: Write | Read) -> str:
    way = f" ({operation.way})" if isinstance(operation, Read) else ""
    return (
        f"{type(operation).__name__.lower()}{way} of {operation.entry[:8]} on {operation.instance}"
        f" from {operation.started:.3f} to {operation.ended:.3f}: version {operation.version}, {operation.leistung}"
    )
