"""Checks the guarantee on the record of a run: a pure function, so that it can be tested itself."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, TypeVar

import msgspec

from tests.consistency.edge_judge import AtEdge, judge_edge
from tests.consistency.operations import (
    EDGE,
    THE_END,
    Delivery,
    Entry,
    Failure,
    Fault,
    Outcome,
    Purge,
    Read,
    Record,
    Subscription,
    Wait,
    Write,
)
from tests.consistency.series import Series, running

_CODE = re.compile("[A-Z_]+")

# Changes with a mark that leave the value as it is.
_KEEPING = frozenset(("flag", "unflag", "verify"))

R = TypeVar("R")


class Bounds(msgspec.Struct, frozen=True):
    """In seconds. `normal`: until the other instances return a write, 99 of 100 times, without faults;
    `agreement`: always, through any single fault. Both without the time for which processes are known to
    have waited for a CPU, and both grow on a machine so busy that reads without faults take longer than
    `normal`. `aftermath`: for so long after a fault its consequences are its own.

    `delivery`: until a change is delivered to a subscriber. `settling`: from opening a subscription until it
    is certainly active. `recovery`: after a fault that excuses failures.
    """

    normal: float = 0.05
    agreement: float = 1.2
    aftermath: float = 2
    delivery: float = 5
    settling: float = 1
    recovery: float = 5


class Delay(msgspec.Struct, frozen=True):
    """For how long after a write's end reads of another instance still set out that showed an older version.

    `measured` is all of it; `seconds` is without the waiting for a CPU. `kinds` of faults fell into that time.
    """

    write: Write
    version: int
    instance: str
    measured: float
    seconds: float
    kinds: frozenset[str]


NO_FAULT = "(no fault)"


class Verdict(msgspec.Struct, frozen=True):
    violations: tuple[str, ...]
    delays: Mapping[str, tuple[float, ...]]  # by kind of fault, sorted; one for each write and other instance
    longest: Mapping[str, float]  # by kind of fault, with the time for which processes waited for a CPU
    counts: Mapping[str, int]
    faults: Mapping[str, int]
    failed: Mapping[str, int]  # requests, by kind of fault
    closed: Mapping[str, int]  # subscriptions, by what ended them
    pace: float  # seconds that were allowed without faults
    at_edge: AtEdge


def percentile(sorted_values: Sequence[float], share: float) -> float:
    return (
        sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))] if sorted_values else 0.0
    )


def judge(records: Iterable[Record], bounds: Bounds | None = None) -> Verdict:
    case = Case(records, bounds or Bounds())
    delays = list(case.delays())
    at_edge = judge_edge(case)
    by_kind = _by_kind(delays, lambda delay: delay.seconds)
    measured = _by_kind(delays, lambda delay: delay.measured)
    violations = [
        *case.broken_histories(),
        *case.lost_writes(),
        *case.reads_of_what_never_was(),
        *case.stale_reads_after_own_writes(),
        *case.late_agreements(delays),
        *case.late_without_faults(by_kind.get(NO_FAULT, ())),
        *case.subscriptions_gone_wrong(),
        *case.subscriptions_closed_wrongly(),
        *case.internal_errors(),
        *case.failed_requests(),
        *at_edge.violations,
    ]
    return Verdict(
        violations=tuple(violations),
        delays=by_kind,
        longest={kind: found[-1] for kind, found in measured.items()},
        counts=Counter(type(record).__name__ for record in case.records),
        faults=Counter(fault.what for fault in case.faults),
        failed=Counter(
            kind
            for failure in case.failures
            for kind in case.kinds(failure.started, failure.ended) or (NO_FAULT,)
        ),
        closed=Counter(subscription.why_ended for subscription in case.subscriptions),
        pace=case.pace,
        at_edge=at_edge,
    )


def _by_kind(delays: Iterable[Delay], seconds: Callable[[Delay], float]) -> dict[str, tuple[float, ...]]:
    kinds: defaultdict[str, list[float]] = defaultdict(list)
    for delay in delays:
        for kind in delay.kinds or (NO_FAULT,):
            kinds[kind].append(seconds(delay))
    return {kind: tuple(sorted(found)) for kind, found in sorted(kinds.items())}


class Case:
    """The record, sorted for the questions that are asked of it."""

    def __init__(self, records: Iterable[Record], bounds: Bounds) -> None:
        self.records = list(records)
        self._by_kind: dict[type, list[Any]] = _grouped(self.records, type)
        self.bounds = bounds
        self.purges = sorted(self._of(Purge), key=lambda purge: purge.started)
        self.writes = self._of(Write)
        self.faults = self._of(Fault)
        self.failures = self._of(Failure)
        self.subscriptions = self._of(Subscription)
        self._waits = {name: _Waits(waits) for name, waits in _grouped(self._of(Wait), _instance).items()}
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
        self._version_of_mark = {
            (name, revision.reason): revision.version
            for name, entry in self.entries.items()
            for revision in entry.revisions
            if revision.reason
        }
        # A value can come back, by an undo: of a read that shows no version it is the latest with that value, so that no read is reported wrongly.
        latest = {
            (name, revision.after): revision.version
            for name, entry in self.entries.items()
            for revision in entry.revisions
        }
        self.reads = [
            read
            if read.version
            else msgspec.structs.replace(read, version=latest.get((read.entry, read.leistung), 0))
            for read in self._of(Read)
        ]
        # An unanswered write has happened if its value, or its mark, is in the history.
        self.committed = [(write, version) for write in self.writes if (version := self._version(write))]
        self._committed_of = _grouped(self.committed, lambda pair: pair[0].entry)
        self.reads_of = _grouped(self.reads, lambda read: (read.instance, read.entry))

    # What PostgreSQL holds

    def broken_histories(self) -> Iterator[str]:
        for entry in self.entries.values():
            versions = [revision.version for revision in entry.revisions]
            if versions != list(range(1, entry.version + 1)):
                yield f"revisions lost: {entry.entry} is at version {entry.version} and has {versions}"
            elif entry.revisions[-1].after != entry.leistung:
                yield f"revision lost: {entry.entry} is {entry.leistung}, its last revision has {entry.revisions[-1].after}"
            for earlier, later in pairwise(entry.revisions):
                if earlier.after != later.before:
                    yield f"revision lost: {entry.entry} was {earlier.after} before {later.before} became {later.after}"

    def lost_writes(self) -> Iterator[str]:
        for write in self.writes:
            found = self._version(write)
            if write.outcome is Outcome.DONE and (found is None or write.version not in (None, found)):
                yield f"write lost: {_describe(write)}, history has it at {found}"
            if write.outcome is Outcome.REFUSED and found is not None:
                yield f"refused, yet done: {_describe(write)}"
        written = {(write.entry, write.leistung) for write in self.writes if write.mark is None}
        marks = {(write.entry, write.mark): write.what for write in self.writes if write.mark is not None}
        for entry in self.entries.values():
            yield from _unknown_revisions(entry, written, marks)

    # What readers saw

    def reads_of_what_never_was(self) -> Iterator[str]:
        for read in self.reads:
            revision = self.revisions.get(read.entry, {}).get(read.version)
            if revision is None or read.leistung not in ("", revision.after):
                yield f"never was: {_describe(read)}"

    def stale_reads_after_own_writes(self) -> Iterator[str]:
        answered = [write for write in self.writes if write.outcome is Outcome.DONE]
        for place, writes in _grouped(answered, lambda write: (write.instance, write.entry)).items():
            writes.sort(key=lambda write: write.ended)
            ends = [write.ended for write in writes]
            newest = running(max, [write.version or self._version(write) or 0 for write in writes])
            for read in self.reads_of.get(place, ()):
                answered_before = bisect_left(ends, read.started)
                if answered_before and read.version < newest[answered_before - 1]:
                    yield f"stale on the writing instance: {_describe(read)}, answered was {newest[answered_before - 1]}"

    def late_agreements(self, delays: Iterable[Delay]) -> Iterator[str]:
        for delay in delays:
            if delay.seconds > self.bounds.agreement + self.pace - self.bounds.normal:
                during = " and ".join(sorted(delay.kinds)) or "time without faults"
                yield (
                    f"late: in {during}: {_describe(delay.write)} was version {delay.version}; {delay.instance}"
                    f" showed an older one {delay.measured:.2f} s later ({delay.seconds:.2f} s of its own)"
                )

    def late_without_faults(self, delays: Sequence[float]) -> Iterator[str]:
        if (found := percentile(delays, 0.99)) > self.pace:
            yield (
                f"late without faults: p99 of {len(delays)} delays is {found * 1000:.0f} ms,"
                f" allowed are {self.pace * 1000:.0f}"
            )

    @cached_property
    def pace(self) -> float:
        """`normal`; or twice the duration of reads without faults, if they took longer: a change has to reach
        the instance as a read has to, and then the read that returns it.
        """
        took = sorted(
            read.ended - read.started for read in self.reads if not self.kinds(read.started, read.ended)
        )
        slow = percentile(took, 0.99)
        return 2 * slow if slow > self.bounds.normal else self.bounds.normal

    def delays(self) -> Iterator[Delay]:
        series = {place: Series(reads) for place, reads in self.reads_of.items()}
        instances = sorted({instance for instance, _ in series} - {EDGE})
        for write, version in self.committed:
            for instance in instances:
                reads = series.get((instance, write.entry))
                if reads is None or instance == write.instance or reads.last_start <= write.ended:
                    continue
                measured = max(0.0, reads.last_below(version) - write.ended)
                until = write.ended + measured
                excused = measured and (self._waited(write.ended, until) + self._away(write.ended, until))
                yield Delay(
                    write=write,
                    version=version,
                    instance=instance,
                    measured=measured,
                    seconds=max(0.0, measured - excused),
                    kinds=self.kinds(write.ended, until),
                )

    def kinds(self, since: float, until: float) -> frozenset[str]:
        """Of the faults that fell into that time, or whose aftermath did."""
        return frozenset(
            fault.what
            for fault in self.faults
            if fault.started <= until and since <= fault.ended + self.bounds.aftermath
        )

    def _waited(self, since: float, until: float) -> float:
        """For a CPU: by that process which waited longest. The checker is none of them: when it is late
        itself, delays seem shorter than they are.
        """
        return max((waits.between(since, until) for waits in self._waits.values()), default=0.0)

    def _away(self, since: float, until: float) -> float:
        """For how long PostgreSQL was not there: what was committed just before can be published after it only."""
        return sum(
            max(0.0, min(until, fault.ended) - max(since, fault.started))
            for fault in self.faults
            if fault.away
        )

    # Deliveries to subscribers

    def subscriptions_gone_wrong(self) -> Iterator[str]:
        for subscription in self.subscriptions:
            deliveries_of = _grouped(subscription.deliveries, lambda delivery: delivery.entry)
            for entry, at_the_end in self.entries.items():
                if at_the_end.is_levy is not subscription.of_levies:
                    continue
                deliveries = deliveries_of.get(entry, [])
                versions = [self._version_by_time(one) for one in deliveries]
                yield from self._wrong_deliveries(subscription, entry, deliveries, versions)
                yield from self._missing_deliveries(subscription, entry, set(versions))

    def _wrong_deliveries(
        self, subscription: Subscription, entry: str, deliveries: Sequence[Delivery], versions: Sequence[int]
    ) -> Iterator[str]:
        who = f"{subscription.subscriber} of {subscription.instance}"
        for version, times in Counter(versions).items():
            if times > 1:
                yield f"delivered twice: {who} received {times} times {entry} at version {version}"
        for earlier, later in pairwise(versions):
            if later < earlier:
                yield f"delivered out of order: {who} received {entry} at version {later} after {earlier}"
        for one, version in zip(deliveries, versions, strict=True):
            if one.version < version:
                yield f"delivered before it could be read: {who} received {entry} at {one.version} with the change of {version}"

    def _missing_deliveries(
        self, subscription: Subscription, entry: str, delivered: set[int]
    ) -> Iterator[str]:
        listens_from = subscription.started + self.bounds.settling
        listens_until = self._running_before(subscription.instance, subscription.ended, self.bounds.delivery)
        for write, version in self._committed_of.get(entry, ()):
            if version in delivered or write.started <= listens_from:
                continue
            until = subscription.ended
            excused = self._waited(write.ended, until) + self._away(write.ended, until)
            if write.ended < listens_until - excused:
                yield (
                    f"not delivered: {subscription.subscriber} of {subscription.instance} never received {entry}"
                    f" at version {version} ({_describe(write)})"
                )

    def subscriptions_closed_wrongly(self) -> Iterator[str]:
        """The checker reads at once: it is never too slow. With a code anything else may be ended."""
        for one in self.subscriptions:
            who = f"{one.subscriber} of {one.instance} at {one.ended:.2f}"
            if one.why_ended == "SLOW_SUBSCRIBER":
                yield f"closed as too slow: {who}, which reads at once"
            elif (
                not _CODE.fullmatch(one.why_ended)
                and one.why_ended != THE_END
                and not self._is_excused(one.instance, one.ended, one.ended)
            ):
                yield f"closed without a code: {who}: {one.why_ended}"

    # What did not work at all

    def internal_errors(self) -> Iterator[str]:
        """Nothing excuses them."""
        for failure in self.failures:
            if "INTERNAL_SERVER_ERROR" in failure.why:
                yield f"internal error: {failure.what} on {failure.instance} at {failure.started:.2f}: {failure.why}"

    def failed_requests(self) -> Iterator[str]:
        for failure in self.failures:
            if not self._is_excused(failure.instance, failure.started, failure.ended):
                yield f"failed: {failure.what} on {failure.instance} at {failure.started:.2f}: {failure.why}"

    def _is_excused(self, instance: str, since: float, until: float) -> bool:
        return any(
            fault.excuses
            and fault.instance in ("", instance)
            and fault.started < until
            and since < fault.ended + self.bounds.recovery
            for fault in self.faults
        )

    def _version(self, write: Write) -> int | None:
        if write.mark is not None:
            return self._version_of_mark.get((write.entry, write.mark))
        return self._version_of.get((write.entry, write.leistung))

    def _running_before(self, instance: str, moment: float, seconds: float) -> float:
        """So long before `moment`, without the time in which the process was stopped: then it delivers nothing, and when it
        resumes, the deadline of what it was about to deliver has passed, so that the subscription ends with an error.
        """
        stops = [
            each for each in self.faults if each.instance == instance and each.what.startswith("freeze_")
        ]
        for stop in sorted(stops, key=lambda each: each.started, reverse=True):
            if stop.started < moment:
                running = max(0.0, moment - stop.ended)
                if running >= seconds:
                    break
                seconds -= running
                moment = stop.started
        return moment - seconds

    def _version_by_time(self, delivery: Delivery) -> int:
        """An event names its time and not its version. The same statement wrote the revision first, and the next
        revision waited for its commit: so it is the latest revision that is not newer than the event.
        """
        revisions = self.entries[delivery.entry].revisions
        newer = bisect_right(revisions, delivery.changed_at, key=lambda revision: revision.changed_at)
        return revisions[max(0, newer - 1)].version

    def _of(self, kind: type[R]) -> list[R]:
        found: list[R] = self._by_kind.get(kind, [])
        return found


class _Waits:
    """Of one process, by time."""

    def __init__(self, waits: Sequence[Wait]) -> None:
        ordered = sorted(waits, key=lambda wait: wait.ended)
        self._starts = [wait.started for wait in ordered]
        self._ends = [wait.ended for wait in ordered]
        # With the CPU for half of the time things take twice as long, which is still little. Beyond that counts.
        self._sums = [0.0, *accumulate(max(0.0, 2 * wait.seconds - _length(wait)) for wait in ordered)]

    def between(self, since: float, until: float) -> float:
        first, behind = bisect_right(self._ends, since), bisect_left(self._starts, until)
        return max(0.0, self._sums[behind] - self._sums[first]) if first < behind else 0.0


def _length(operation: Wait) -> float:
    return operation.ended - operation.started


def _instance(operation: Wait) -> str:
    return operation.instance


def _grouped(records: Iterable[R], key: Callable[[R], Any]) -> dict[Any, list[R]]:
    groups: defaultdict[Any, list[R]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return dict(groups)


def _unknown_revisions(
    entry: Entry, written: Set[tuple[str, str]], marks: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    """Those that no client asked for, or for another value, or once only. `marks`: what was asked for with them."""
    values = {revision.before for revision in entry.revisions[:1]} - {None}
    seen: set[str] = set()
    for revision in entry.revisions:
        became = f"{entry.entry} became {revision.after} at version {revision.version}"
        reason = revision.reason or ""
        what = marks.get((entry.entry, reason))
        if what is None:
            if revision.version > 1 and (entry.entry, revision.after) not in written:
                yield f"no such write: {became}"
            elif revision.after in values:
                yield f"done again: {became}"
        else:
            kept = revision.after == revision.before
            if not kept if what in _KEEPING else revision.after not in values:
                yield f"another value: {became} by {reason}"
            if reason in seen:
                yield f"done again: {became} by {reason}"
            seen.add(reason)
        values.add(revision.after)


def _describe(operation: Write | Read) -> str:
    way = f" ({operation.way})" if isinstance(operation, Read) else ""
    what = operation.what if isinstance(operation, Write) else "read"
    return (
        f"{what}{way} of {operation.entry[:8]} on {operation.instance}"
        f" from {operation.started:.3f} to {operation.ended:.3f}: version {operation.version}, {operation.leistung}"
    )
