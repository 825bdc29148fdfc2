"""What one operation has used: the tags, and until when all of it holds."""

from collections.abc import Iterable
from math import inf


class ReadSet:
    """`uncacheable` is for what depends on the viewer or on "now" for no known time.

    `fetched`: which of the tags no cache knew.
    """

    __slots__ = ("fetched", "tags", "uncacheable", "until")

    def __init__(self) -> None:
        self.tags: set[str] = set()
        self.fetched: set[str] = set()
        self.until: float = inf  # on the clock of app/cache/clock.py
        self.uncacheable: str | None = None

    def add(self, tag: str, until: float = inf) -> None:
        self.tags.add(tag)
        if until < self.until:
            self.until = until

    def update(self, tags: Iterable[str], until: float = inf) -> None:
        self.tags.update(tags)
        if until < self.until:
            self.until = until

    def never_keep(self, why: str) -> None:
        self.uncacheable = why
