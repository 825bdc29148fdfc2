"""What one operation has used: the tags, and until when all of it holds."""

from collections.abc import Iterable
from math import inf


class ReadSet:
    """`uncacheable` is for what depends on the viewer or on "now" for no known time.

    `fetched`: which of the tags no cache knew. `changes`: when the content changes by time alone, whatever is invalidated;
    `until` is at most that, and also ends with the lifetime of the records.
    """

    __slots__ = ("changes", "fetched", "tags", "uncacheable", "until")

    def __init__(self) -> None:
        self.tags: set[str] = set()
        self.fetched: set[str] = set()
        self.until: float = inf  # on the clock of app/cache/clock.py
        self.changes: float = inf
        self.uncacheable: str | None = None

    def add(self, tag: str, until: float = inf) -> None:
        self.tags.add(tag)
        if until < self.until:
            self.until = until

    def update(self, tags: Iterable[str], until: float = inf) -> None:
        self.tags.update(tags)
        if until < self.until:
            self.until = until

    def change_at(self, moment: float) -> None:
        """The content depends on the time, and is another one from then on."""
        self.changes = min(self.changes, moment)
        self.until = min(self.until, moment)

    def merge(self, other: "ReadSet") -> None:
        self.update(other.tags, other.until)
        self.changes = min(self.changes, other.changes)
        self.uncacheable = self.uncacheable or other.uncacheable

    def never_keep(self, why: str) -> None:
        self.uncacheable = why
