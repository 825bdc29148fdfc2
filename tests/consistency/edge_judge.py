"""Checks what is read through a cache at the edge: by the purges that it has confirmed, not by the time that they took."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from tests.consistency.operations import EDGE, Purge, Write
from tests.consistency.series import Series

if TYPE_CHECKING:
    from tests.consistency.judge import Case

# Seconds after a write: a purge that is sent later removes also responses that were on their way to the edge during the first
# (the second purge of each change, app/jobs/edge_round.py). All instances have agreed long before.
SETTLED: Final = 2.0
# Seconds within which such a purge is confirmed: refusals of 10 s and the longest pause between two attempts fit in.
LONGEST: Final = 30.0


class AtEdge(msgspec.Struct, frozen=True):
    """In seconds, sorted, one for each write that was read there. `purged`: until the first purge was confirmed that was sent after
    the write had begun. `old`: for how long reads set out that showed an older version; by kind of fault. `after_purge`: writes of which an
    older version was read after a purge that was sent after the write: an old response was on its way.
    """

    violations: tuple[str, ...] = ()
    purged: tuple[float, ...] = ()
    old: dict[str, tuple[float, ...]] = {}
    after_purge: int = 0
    reads: int = 0


def judge_edge(case: "Case") -> AtEdge:
    series = {entry: Series(reads) for (name, entry), reads in case.reads_of.items() if name == EDGE}
    if not series:
        return AtEdge()
    violations: list[str] = []
    purged: list[float] = []
    old: defaultdict[str, list[float]] = defaultdict(list)
    after_purge = 0
    for write, version in case.committed:
        reads = series.get(write.entry)
        if reads is None or reads.last_start <= write.ended:
            continue
        seconds = max(0.0, reads.last_below(version) - write.ended)
        for kind in case.kinds(write.ended, write.ended + seconds) or ("(no fault)",):
            old[kind].append(seconds)
        if first := _first(case, write, write.started):
            purged.append(max(0.0, first.ended - write.ended))
        if first := _first(case, write, write.ended):
            after_purge += reads.older_from(first.ended, version)
        violations += _violations(case, write, version, reads)
    return AtEdge(
        tuple(violations),
        tuple(sorted(purged)),
        {kind: tuple(sorted(found)) for kind, found in sorted(old.items())},
        after_purge,
        sum(read.instance == EDGE for read in case.reads),
    )


def _violations(case: "Case", write: Write, version: int, reads: Series) -> Iterator[str]:
    what = f"{write.entry[:8]} at version {version}, written on {write.instance} until {write.ended:.3f}"
    purge = _first(case, write, write.ended + SETTLED)
    if purge is None:
        if reads.last_start > write.ended + SETTLED + LONGEST:
            yield f"never purged: {what}"
    elif reads.older_from(purge.ended, version):
        yield f"old at the edge: {what}, purged from {purge.started:.3f} to {purge.ended:.3f}"


def _first(case: "Case", write: Write, moment: float) -> Purge | None:
    """The first purge of the entry that was sent then or later."""
    keys = set(case.entries[write.entry].keys)
    place = bisect_left(case.purges, moment, key=lambda purge: purge.started)
    return next((purge for purge in case.purges[place:] if not keys.isdisjoint(purge.keys)), None)
