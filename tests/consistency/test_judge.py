"""The judge reports violations and nothing else, on hand-written logs."""

from collections.abc import Sequence

import msgspec
import pytest

from tests.consistency.judge import Bounds, judge, percentile
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
    Revision,
    Subscription,
    Wait,
    Write,
)

BOUNDS = Bounds(normal=0.5, agreement=1, aftermath=0.5, delivery=1, settling=0.5, recovery=1)
DONE, REFUSED, UNKNOWN = Outcome.DONE, Outcome.REFUSED, Outcome.UNKNOWN


def write(
    version: int | None,
    started: float,
    ended: float,
    *,
    on: str = "a",
    outcome: Outcome = DONE,
    value: str = "",
) -> Write:
    leistung = value or f"{version}.00"
    return Write(
        instance=on,
        started=started,
        ended=ended,
        entry="e",
        leistung=leistung,
        outcome=outcome,
        version=version,
    )


def read(version: int, started: float, *, on: str = "a", value: str = "", took: float = 0.01) -> Read:
    leistung = value or f"{version}.00"
    return Read(
        instance=on, started=started, ended=started + took, entry="e", version=version, leistung=leistung
    )


def without_value(one: Read) -> Read:
    return msgspec.structs.replace(one, leistung="")


def history(*versions: int, at: int | None = None) -> Entry:
    """Version n was written at second n, and is worth n."""
    revisions = [
        Revision(version, f"{version - 1}.00" if version > 1 else None, f"{version}.00", float(version))
        for version in versions
    ]
    return Entry("e", at or versions[-1], f"{at or versions[-1]}.00", tuple(revisions))


def received(
    *versions: int,
    shown: Sequence[int] | None = None,
    late: float = 0.001,
    started: float = 0,
    ended: float = 100,
    why: str = THE_END,
) -> Subscription:
    deliveries = [
        Delivery(float(version), "e", version + late, seen)
        for version, seen in zip(versions, shown or versions, strict=True)
    ]
    return Subscription(
        instance="a",
        started=started,
        ended=ended,
        subscriber="s",
        deliveries=tuple(deliveries),
        why_ended=why,
    )


def purge(started: float, *, of: str = "key") -> Purge:
    return Purge(instance=EDGE, started=started, ended=started + 0.1, keys=("another", of))


TWO_WRITES: list[Record] = [write(2, 2, 2.1), write(3, 3, 3.1), history(1, 2, 3)]

PURGED: list[Record] = [
    write(2, 2, 2.1),
    msgspec.structs.replace(history(1, 2), keys=("key", "dno-all")),
]


def undo(version: int | None, outcome: Outcome = DONE, mark: str = "undo 1") -> Write:
    return Write(
        instance="a",
        started=3,
        ended=3.1,
        entry="e",
        outcome=outcome,
        version=version,
        mark=mark,
        what="undo",
    )


def revised(*revisions: Revision) -> Entry:
    """After `history(1, 2)`."""
    last = revisions[-1]
    return Entry("e", last.version, last.after, (*history(1, 2).revisions, *revisions))


UNDONE: list[Record] = [write(2, 2, 2.1), revised(Revision(3, "2.00", "1.00", 3.0, "undo 1"))]
IMPORTED: list[Record] = [write(None, 2, 2.1, value="2.00"), history(1, 2)]

GOOD: dict[str, list[Record]] = {
    "the event of a long statement is younger than its revision": [*TWO_WRITES, received(2, 3, late=0.9)],
    "nothing happened": [history(1)],
    "an undo is found by its mark": [*UNDONE, undo(3), read(3, 3.2, value="1.00")],
    "an undo that was not answered happened": [*UNDONE, undo(None, UNKNOWN)],
    "a flag keeps the value": [
        write(2, 2, 2.1),
        msgspec.structs.replace(undo(3, mark="flag 1"), what="flag"),
        revised(Revision(3, "2.00", "2.00", 3.0, "flag 1")),
    ],
    "an import is answered without versions": [*IMPORTED, read(2, 2.2)],
    "an edge may be late until a purge that no old response has outlived": [
        *PURGED,
        purge(2.2),
        purge(4.2),
        read(1, 2.15, on=EDGE),
        read(1, 4.1, on=EDGE),
        read(2, 4.4, on=EDGE),
    ],
    "an edge that refuses purges is late, until it is purged": [
        *PURGED,
        Fault(instance="", started=2, ended=12, what="edge_refuses_purges"),
        read(1, 14.0, on=EDGE),
        purge(15, of="dno-all"),
        read(2, 16.0, on=EDGE),
    ],
    "a way that shows no version shows the latest value": [*TWO_WRITES, read(0, 3.2, value="3.00")],
    "a value that an undo brought back is shown without a version": [
        *UNDONE,
        undo(3),
        read(0, 3.2, value="1.00"),
    ],
    "a way that shows no value shows the latest version": [*TWO_WRITES, without_value(read(3, 3.2))],
    "reads follow writes": [*TWO_WRITES, read(1, 1), read(2, 2.5), read(3, 3.5)],
    "a read during a write may show either": [*TWO_WRITES, read(1, 2.05), read(2, 2.06)],
    "another instance may lag a little": [
        *TWO_WRITES,
        read(1, 2.5, on="b"),
        read(2, 3.2, on="b"),
        read(3, 3.9, on="b"),
    ],
    "another instance may lag for longer through a fault": [
        *TWO_WRITES,
        Fault(instance="", started=2, ended=3.5, what="freeze_redis"),
        read(1, 3.0, on="b"),
        read(3, 4.5, on="b"),
    ],
    "another instance may lag while it waits for a CPU": [
        *TWO_WRITES,
        Fault(instance="", started=2, ended=3.5, what="freeze_redis"),
        Wait(instance="b", started=2.2, ended=2.7, seconds=0.45),
        read(1, 3.4, on="b"),
        read(3, 4.5, on="b"),
    ],
    "all may lag where reads take long": [
        *TWO_WRITES,
        *(read(1, 1 + number / 100, took=0.9) for number in range(9)),
        read(1, 2.9, on="b"),
        read(3, 4.5, on="b"),
    ],
    "closed with a code": [*TWO_WRITES, received(2, ended=3.5, why="UNAVAILABLE")],
    "cut off by an instance that was killed": [
        *TWO_WRITES,
        Fault(instance="a", started=3.4, ended=3.6, what="kill_instance", excuses=True),
        received(2, ended=3.5, why="RemoteProtocolError"),
    ],
    "ended by a deadline that passed while the instance was frozen": [
        *TWO_WRITES,
        Fault(instance="a", started=1.5, ended=9, what="freeze_instance", excuses=True),
        received(ended=9.1, why="DEADLINE_EXCEEDED"),
    ],
    "ended while a process had waited for a CPU for most of the time": [
        *TWO_WRITES,
        Wait(instance="b", started=2.2, ended=9, seconds=6.5),
        received(ended=9),
    ],
    "an unanswered write did not happen": [
        write(None, 2, 2.1, outcome=UNKNOWN, value="9.00"),
        history(1),
    ],
    "an unanswered write happened": [
        write(None, 2, 2.1, outcome=UNKNOWN, value="2.00"),
        history(1, 2),
        read(2, 3),
    ],
    "a refused write": [write(None, 2, 2.1, outcome=REFUSED, value="9.00"), history(1)],
    "delivered once, in order": [*TWO_WRITES, received(2, 3)],
    "delivered late, with the later state": [*TWO_WRITES, received(2, 3, shown=[3, 3])],
    "nothing delivered from before the subscription": [*TWO_WRITES, received(3, started=2.2)],
    "closed before it was due": [*TWO_WRITES, received(2, ended=3.5)],
    "failed while PostgreSQL was away": [
        history(1),
        Fault(instance="", started=5, ended=6, what="restart_postgres", excuses=True),
        Failure(instance="a", started=6.5, ended=6.6, what="read", why="503"),
    ],
    "no delivery while PostgreSQL was unavailable": [
        *TWO_WRITES,
        Fault(instance="", started=3.2, ended=6, what="restart_postgres", excuses=True, away=True),
        read(2, 6.1, on="b"),
    ],
    "the dead do not answer": [
        history(1),
        Fault(instance="a", started=5, ended=9, what="kill", excuses=True),
        Failure(instance="a", started=5, ended=5.1, what="write", why="connection reset"),
    ],
}

BAD: dict[str, tuple[list[Record], str]] = {
    "an old version after an answered import": ([*IMPORTED, read(1, 2.2)], "stale on the writing instance"),
    "an import that is answered and not done": (
        [write(None, 2, 2.1, value="2.00"), history(1)],
        "write lost",
    ),
    "an undo that is answered and not done": ([*UNDONE, undo(3), undo(3, mark="undo 2")], "write lost"),
    "an undo that is refused and done": ([*UNDONE, undo(None, REFUSED)], "refused, yet done"),
    "an undo that no client asked for": (UNDONE, "no such write"),
    "an undo that no client asked for, to a value of a client": (
        [
            write(2, 2, 2.1),
            write(3, 2.3, 2.4),
            revised(Revision(3, "2.00", "3.00", 2.35), Revision(4, "3.00", "2.00", 3.0, "undo 1")),
        ],
        "done again",
    ),
    "an undo to a value that no client wrote": (
        [write(2, 2, 2.1), undo(3), revised(Revision(3, "2.00", "9.99", 3.0, "undo 1"))],
        "another value",
    ),
    "an undo that is done twice": (
        [
            write(2, 2, 2.1),
            undo(None, UNKNOWN),
            revised(Revision(3, "2.00", "1.00", 3.0, "undo 1"), Revision(4, "1.00", "1.00", 3.05, "undo 1")),
        ],
        "done again",
    ),
    "a flag that changes the value": (
        [
            write(2, 2, 2.1),
            msgspec.structs.replace(undo(3, mark="flag 1"), what="flag"),
            revised(Revision(3, "2.00", "1.00", 3.0, "flag 1")),
        ],
        "another value",
    ),
    "an edge is old after the second purge": (
        [*PURGED, purge(2.2), purge(4.2), read(1, 4.4, on=EDGE), read(2, 5, on=EDGE)],
        "old at the edge",
    ),
    "an edge is purged of something else only": (
        [*PURGED, purge(4.2, of="other"), read(1, 34.4, on=EDGE)],
        "never purged",
    ),
    "an old version after an own answered write": (
        [*TWO_WRITES, read(1, 2.2)],
        "stale on the writing instance",
    ),
    "an old version after a newer write of the same instance": (
        [*TWO_WRITES, read(2, 3.2)],
        "stale on the writing instance",
    ),
    "an old value, shown without a version, after an own answered write": (
        [*TWO_WRITES, read(0, 3.2, value="2.00")],
        "stale on the writing instance",
    ),
    "an old version, shown without a value, after an own answered write": (
        [*TWO_WRITES, without_value(read(2, 3.2))],
        "stale on the writing instance",
    ),
    "a value, shown without a version, that never was": ([history(1), read(0, 5, value="7.00")], "never was"),
    "another instance lags for too long": (
        [*TWO_WRITES, read(1, 3.3, on="b"), read(3, 4, on="b")],
        "late: in time without faults",
    ),
    "another instance lags for too long through a fault": (
        [
            *TWO_WRITES,
            Fault(instance="", started=2, ended=3, what="freeze_redis"),
            read(1, 3.3, on="b"),
            read(3, 4, on="b"),
        ],
        "late: in freeze_redis",
    ),
    "a wait for a CPU that is shorter than the lag": (
        [
            *TWO_WRITES,
            Wait(instance="b", started=2.2, ended=2.7, seconds=0.45),
            read(1, 3.9, on="b"),
            read(3, 4, on="b"),
        ],
        "late: in time without faults",
    ),
    "a wait for a CPU at another time": (
        [
            *TWO_WRITES,
            Wait(instance="b", started=0.1, ended=1.1, seconds=1),
            read(1, 3.3, on="b"),
            read(3, 4, on="b"),
        ],
        "late: in time without faults",
    ),
    "another instance lags often while nothing is wrong": (
        [*TWO_WRITES, read(1, 2.7, on="b"), read(3, 4, on="b")],
        "late without faults",
    ),
    "another instance lags while PostgreSQL may only be read": (
        [
            *TWO_WRITES,
            Fault(instance="", started=3.2, ended=6, what="postgres_read_only", excuses=True),
            read(2, 6.1, on="b"),
            read(3, 6.2, on="b"),
        ],
        "late: in postgres_read_only",
    ),
    "closed as too slow": (
        [*TWO_WRITES, received(2, ended=3.5, why="SLOW_SUBSCRIBER")],
        "closed as too slow",
    ),
    "closed without a code": (
        [*TWO_WRITES, received(2, ended=3.5, why="closed without a code")],
        "closed without a code",
    ),
    "cut off because another instance was killed": (
        [
            *TWO_WRITES,
            Fault(instance="b", started=3.4, ended=3.6, what="kill_instance", excuses=True),
            received(2, ended=3.5, why="RemoteProtocolError"),
        ],
        "closed without a code",
    ),
    "an internal error, whatever else is wrong": (
        [
            history(1),
            Fault(instance="", started=4, ended=6, what="postgres_read_only", excuses=True),
            Failure(
                instance="a", started=5, ended=5.1, what="write", why='[{"code": "INTERNAL_SERVER_ERROR"}]'
            ),
        ],
        "internal error",
    ),
    "another instance never receives a write that killed its writer": (
        [write(None, 2, 2.1, outcome=UNKNOWN, value="2.00"), history(1, 2), read(1, 9, on="b")],
        "late",
    ),
    "an answered write is not in the history": ([write(2, 2, 2.1), history(1)], "write lost"),
    "two writes were given one version": (
        [write(2, 2, 2.1), write(2, 2, 2.1, on="b", value="7.00"), history(1, 2)],
        "write lost",
    ),
    "a refused write was done": (
        [write(None, 2, 2.1, outcome=REFUSED, value="2.00"), history(1, 2)],
        "refused, yet done",
    ),
    "a revision is missing": ([write(3, 3, 3.1), history(1, 3)], "revisions lost"),
    "the last revision is missing": ([write(2, 2, 2.1), history(1, 2, at=3)], "revisions lost"),
    "a value that no client wrote": ([history(1, 2)], "no such write"),
    "a read of a version that never was": ([history(1), read(4, 5)], "never was"),
    "a read that mixes two versions": ([*TWO_WRITES, read(3, 5, value="2.00")], "never was"),
    "delivered twice": ([*TWO_WRITES, received(2, 2, 3)], "delivered twice"),
    "delivered out of order": ([*TWO_WRITES, received(3, 2)], "delivered out of order"),
    "not delivered": ([*TWO_WRITES, received(3)], "not delivered"),
    "not delivered long after a short wait for a CPU": (
        [
            *TWO_WRITES,
            Wait(instance="a", started=2.2, ended=3.2, seconds=1),
            received(3, ended=9),
        ],
        "not delivered",
    ),
    "not delivered long after a freeze": (
        [
            *TWO_WRITES,
            Fault(instance="a", started=1.5, ended=3.5, what="freeze_instance", excuses=True),
            received(3, ended=9),
        ],
        "not delivered",
    ),
    "not delivered while another instance was frozen": (
        [
            *TWO_WRITES,
            Fault(instance="b", started=1.5, ended=9, what="freeze_instance", excuses=True),
            received(ended=9.1, why="DEADLINE_EXCEEDED"),
        ],
        "not delivered",
    ),
    "delivered before it can be read": (
        [*TWO_WRITES, received(2, 3, shown=[1, 3])],
        "delivered before it could be read",
    ),
    "a request failed for no reason": (
        [history(1), Failure(instance="a", started=5, ended=5.1, what="read", why="500")],
        "failed",
    ),
    "a request failed while only Redis was away": (
        [
            history(1),
            Fault(instance="", started=4, ended=6, what="freeze_redis"),
            Failure(instance="a", started=5, ended=5.1, what="read", why="503"),
        ],
        "failed",
    ),
    "a request failed because another instance was dead": (
        [
            history(1),
            Fault(instance="b", started=4, ended=6, what="kill", excuses=True),
            Failure(instance="a", started=5, ended=5.1, what="read", why="503"),
        ],
        "failed",
    ),
}


@pytest.mark.parametrize("records", GOOD.values(), ids=GOOD)
def test_what_is_right_is_acquitted(records: list[Record]) -> None:
    assert judge(records, BOUNDS).violations == ()


@pytest.mark.parametrize(("records", "verdict"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_found(records: list[Record], verdict: str) -> None:
    [violation, *_] = judge(records, BOUNDS).violations
    assert violation.startswith(verdict)


def test_delays_are_measured_for_each_write_and_each_other_instance() -> None:
    verdict = judge(
        [
            *TWO_WRITES,
            Fault(instance="", started=3.05, ended=3.1, what="flush_redis"),
            read(1, 2.2, on="b"),
            read(2, 2.4, on="b"),
            read(3, 3.5, on="b"),
            read(3, 3.5, on="c"),
        ],
        BOUNDS,
    )
    assert verdict.delays["(no fault)"] == pytest.approx((0, 0.1))
    assert verdict.delays["flush_redis"] == pytest.approx((0, 0))
    assert verdict.faults == {"flush_redis": 1}


def test_percentiles() -> None:
    assert [percentile((1, 2, 3, 4), share) for share in (0, 0.5, 0.99, 1)] == [1, 3, 4, 4]
    assert percentile((), 0.99) == 0
