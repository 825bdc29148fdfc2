"""Whether every batch of events that was delivered has come over this instance's channel."""

from collections import deque
from typing import Final

# So many batches are remembered; a look at the database is never further behind.
MAX_KNOWN: Final = 1000


class Deliveries:
    """Pub/sub delivers at most once: between the nodes of a cluster a message can be lost, and nothing on the channel
    shows it. Therefore the relay numbers its batches in PostgreSQL. Each message names the batch before it, and each
    look at the outbox reads the number of the latest: one that has not come within `grace` seconds is lost.

    Numbers are compared for being known, not for their order: they start again where a database was restored.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._known: deque[int] = deque(maxlen=MAX_KNOWN)
        self._joined: float | None = None
        self._caught_up = 0  # with what was delivered by then
        self._awaited: tuple[int, float] | None = None

    @property
    def complete(self) -> bool:
        """Nothing that is known to be delivered is missing."""
        return self._awaited is None

    def begin(self, joined: float, delivered: int | None = None) -> None:
        """The channel was joined, or what it missed was caught up on. None: the latest batch is not known."""
        self._joined = joined
        self._awaited = None
        self._known.clear()
        self._caught_up = delivered or 0
        if delivered is not None:
            self._known.append(delivered)

    def end(self) -> None:
        """The channel was left."""
        self._joined = self._awaited = None
        self._known.clear()

    def receive(self, batch: int, previous: int) -> bool:
        """False: the batch before this one has not come."""
        if batch <= self._caught_up:
            return True  # it waited in the connection while the instance caught up
        follows = not self._known or self._known[-1] == previous or previous in self._known
        self.note(batch)
        return follows

    def note(self, batch: int) -> None:
        """This batch has come; 0 is none."""
        if batch:
            self._known.append(batch)
        if self._awaited is not None and self._awaited[0] == batch:
            self._awaited = None

    def expect(self, delivered: int, looked: float, now: float) -> None:
        """A look that began at `looked` has found that this batch is delivered."""
        if self._joined is None or looked < self._joined:
            return
        if not self._known:
            self._known.append(delivered)
        if delivered not in self._known and self._awaited is None:
            self._awaited = delivered, now

    def covers(self, delivered: int) -> bool:
        """Whether this batch, and so all before it, has come."""
        return self.complete and delivered in self._known

    def is_missing(self, now: float) -> bool:
        """A batch has been delivered and has not come in time."""
        return self._awaited is not None and now - self._awaited[1] > self._grace
