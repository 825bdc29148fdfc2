"""What one operation has used: the tags, and until when all of it holds."""

from collections.abc import Collection, Iterable, Sequence
from math import inf
from typing import Protocol


class Tagged(Protocol):
    """What was read from memory, or is written there: it rests on the tags."""

    @property
    def tags(self) -> Collection[str]: ...


class ReadSet:
    """`uncacheable` is for what depends on the viewer or on "now" for no known time.

    `fetched`: which of the tags no cache knew. `changes`: when the content changes by time alone, whatever is invalidated;
    `until` is at most that, and also ends with the lifetime of the records. `bound`: of `until`, what does not come from records by tag.
    """

    __slots__ = ("_parts", "_tags", "bound", "changes", "fetched", "uncacheable", "until")

    def __init__(self) -> None:
        self._tags: set[str] = set()
        # What was found in memory, its tags not united yet: for most long lists they are never needed.
        self._parts: list[Tagged] = []
        self.fetched: set[str] = set()
        self.until: float = inf  # on the clock of app/cache/clock.py
        self.bound: float = inf
        self.changes: float = inf
        self.uncacheable: str | None = None

    @property
    def tags(self) -> set[str]:
        if self._parts:
            self._tags.update(*[part.tags for part in self._parts])
            self._parts.clear()
        return self._tags

    def has_tags(self) -> bool:
        return bool(self._tags or self._parts)

    def has_more_tags_than(self, number: int) -> bool:
        """Each part counts as one tag at least: of its own object."""
        return len(self._parts) > number or len(self.tags) > number

    def update_with_parts(self, parts: Sequence[Tagged], until: float) -> None:
        """`parts`: of objects that differ."""
        self._parts += parts
        if until < self.until:
            self.until = until

    def add(self, tag: str, until: float = inf) -> None:
        """A record with this tag."""
        self._tags.add(tag)
        if until < self.until:
            self.until = until

    def update(self, tags: Iterable[str], until: float = inf) -> None:
        self._tags.update(tags)
        if until < self.until:
            self.until = until
        if until < self.bound:
            self.bound = until

    def change_at(self, moment: float) -> None:
        """The content depends on the time, and is another one from then on."""
        self.changes = min(self.changes, moment)
        self.until = min(self.until, moment)
        self.bound = min(self.bound, moment)

    def merge(self, other: "ReadSet") -> None:
        self._tags.update(other.tags)
        self.until = min(self.until, other.until)
        self.bound = min(self.bound, other.bound)
        self.changes = min(self.changes, other.changes)
        self.uncacheable = self.uncacheable or other.uncacheable

    def never_keep(self, why: str) -> None:
        self.uncacheable = why
