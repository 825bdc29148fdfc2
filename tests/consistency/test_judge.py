"""The judge finds what is wrong, and nothing else: told with logs made by hand."""

from collections.abc import Sequence

import pytest

from tests.consistency.judge import Bounds, judge
from tests.consistency.operations import (
    Entry,
    Failure,
    Fault,
    Outcome,
    Read,
    Record,
    Revision,
    Subscription,
    Told,
    Write,
)

BOUNDS = Bounds(agreement=1, telling=1, settling=0.5, recovery=1)
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


def read(version: int, started: float, *, on: str = "a", value: str = "") -> Read:
    leistung = value or f"{version}.00"
    return Read(
        instance=on, started=started, ended=started + 0.01, entry="e", version=version, leistung=leistung
    )


def history(*versions: int, at: int | None = None) -> Entry:
    """Version n was written at second n, and is worth n."""
    revisions = [
        Revision(version, f"{version - 1}.00" if version > 1 else None, f"{version}.00", float(version))
        for version in versions
    ]
    return Entry("e", at or versions[-1], f"{at or versions[-1]}.00", tuple(revisions))


def heard(
    *versions: int, shown: Sequence[int] | None = None, started: float = 0, ended: float = 100
) -> Subscription:
    told = [
        Told(float(version), "e", version + 0.001, seen)
        for version, seen in zip(versions, shown or versions, strict=True)
    ]
    return Subscription(
        instance="a", started=started, ended=ended, subscriber="s", told=tuple(told), why_ended="the end"
    )


TWO_WRITES: list[Record] = [write(2, 2, 2.1), write(3, 3, 3.1), history(1, 2, 3)]

GOOD: dict[str, list[Record]] = {
    "nothing happened": [history(1)],
    "reads follow writes": [*TWO_WRITES, read(1, 1), read(2, 2.5), read(3, 3.5)],
    "a read during a write may show either": [*TWO_WRITES, read(1, 2.05), read(2, 2.06)],
    "another instance may lag a little": [
        *TWO_WRITES,
        read(1, 2.5, on="b"),
        read(2, 3.2, on="b"),
        read(3, 3.9, on="b"),
    ],
    "a write nobody answered did not happen": [
        write(None, 2, 2.1, outcome=UNKNOWN, value="9.00"),
        history(1),
    ],
    "a write nobody answered happened": [
        write(None, 2, 2.1, outcome=UNKNOWN, value="2.00"),
        history(1, 2),
        read(2, 3),
    ],
    "a refused write": [write(None, 2, 2.1, outcome=REFUSED, value="9.00"), history(1)],
    "told once, in order": [*TWO_WRITES, heard(2, 3)],
    "told late, and shown what came later": [*TWO_WRITES, heard(2, 3, shown=[3, 3])],
    "told nothing of what came before": [*TWO_WRITES, heard(3, started=2.2)],
    "closed before it was due": [*TWO_WRITES, heard(2, ended=3.5)],
    "failed while PostgreSQL was away": [
        history(1),
        Fault(instance="", started=5, ended=6, what="restart_postgres", excuses=True),
        Failure(instance="a", started=6.5, ended=6.6, what="read", why="503"),
    ],
    "nobody could be told while PostgreSQL was away": [
        *TWO_WRITES,
        Fault(instance="", started=3.2, ended=6, what="restart_postgres", excuses=True),
        read(2, 6.1, on="b"),
    ],
    "the dead do not answer": [
        history(1),
        Fault(instance="a", started=5, ended=9, what="kill", excuses=True),
        Failure(instance="a", started=5, ended=5.1, what="write", why="connection reset"),
    ],
}

BAD: dict[str, tuple[list[Record], str]] = {
    "an old version after an own answered write": (
        [*TWO_WRITES, read(1, 2.2)],
        "stale on the writing instance",
    ),
    "an old version after a newer write of the same instance": (
        [*TWO_WRITES, read(2, 3.2)],
        "stale on the writing instance",
    ),
    "another instance lags for too long": ([*TWO_WRITES, read(1, 3.3, on="b"), read(3, 4, on="b")], "late"),
    "another instance never hears of a write that killed its writer": (
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
    "a value nobody wrote": ([history(1, 2)], "written by nobody"),
    "a read of a version that never was": ([history(1), read(4, 5)], "never was"),
    "a read that mixes two versions": ([*TWO_WRITES, read(3, 5, value="2.00")], "never was"),
    "told twice": ([*TWO_WRITES, heard(2, 2, 3)], "told twice"),
    "told out of order": ([*TWO_WRITES, heard(3, 2)], "told out of order"),
    "not told": ([*TWO_WRITES, heard(3)], "not told"),
    "told before it can be read": ([*TWO_WRITES, heard(2, 3, shown=[1, 3])], "told before it could be read"),
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
        [*TWO_WRITES, read(1, 2.2, on="b"), read(2, 2.5, on="b"), read(3, 3.5, on="b"), read(3, 3.5, on="c")],
        BOUNDS,
    )
    assert verdict.delays == pytest.approx((0, 0, 0, 0.1))
    assert verdict.delay(0.5) == 0
    assert verdict.delay(1) == pytest.approx(0.1)
