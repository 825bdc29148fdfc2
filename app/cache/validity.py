"""Until when the caches of this process may answer: two proofs, each at most `bound` seconds old."""

from math import inf

from app.cache.clock import monotonic
from app.cache.memory import Memory
from app.cache.redis import SharedCache


class Validity:
    """Times are those of app/cache/clock.py. Readers compare them with the clock, so no timer has to fire in time.

    - Channel: everything that was published before T has been received. Redis delivers one channel in
      order, so receiving one's own heartbeat, sent at T, proves it: whatever delayed or dropped
      messages would have delayed or dropped it too. This one bounds L1.
    - Database: at D this Redis and this epoch were the ones agreed on, and every event that was committed
      by then has been delivered. This one bounds L1 and L2. For L1 it is as good if what was not
      delivered has been evicted here.

    A process that did not run for a while (SIGSTOP, a suspended machine) finds both proofs old when it
    goes on. Nothing has to be cleared then: an invalidation that it has not read yet comes before its
    next own heartbeat.
    """

    def __init__(self, memory: Memory, shared: SharedCache, bound: float) -> None:
        self.bound = bound
        self.failed_proof: str | None = None  # what the last look found that is no proof
        self._memory = memory
        self._shared = shared
        self._channel = -inf
        self._database = -inf
        self._evicted = -inf
        self._revoked = -inf
        shared.valid_until = -inf

    @property
    def received_until(self) -> float:
        """T: everything that was published before it has been received."""
        return self._channel

    @property
    def disproved(self) -> bool:
        """This Redis was found not to be the agreed one, and nothing else since."""
        return self._revoked > self._database

    @property
    def reason(self) -> str | None:
        """Why the caches may not answer at this moment."""
        now = monotonic()
        if now >= max(self._database, self._evicted) + self.bound:
            return self.failed_proof or "missed changes are caught up on"
        if now >= self._channel + self.bound:
            return "messages of other instances are late or missing"
        return None

    def prove_channel(self, sent: float) -> None:
        """An own heartbeat that was sent then has been received."""
        self._channel = max(self._channel, sent)
        self._apply()

    def lose_channel(self) -> None:
        self._channel = -inf
        self._apply()

    def prove_database(self, asked: float) -> None:
        """Found by a look that began then. What was found before a disproof no longer counts."""
        if asked > self._revoked:
            self._database = max(self._database, asked)
            self.failed_proof = None
            self._apply()

    def prove_evicted(self, asked: float) -> None:
        """Redis and epoch are the agreed ones, and L1 holds nothing of what waited for delivery then."""
        if asked > self._revoked:
            self._evicted = max(self._evicted, asked)
            self._apply()

    def disprove_database(self, now: float) -> None:
        """The caches may not be trusted, whatever was found before."""
        self._revoked = max(self._revoked, now)
        self._database = self._evicted = -inf
        self._apply()

    def _apply(self) -> None:
        self._shared.valid_until = self._database + self.bound
        self._memory.valid_until = min(self._channel, max(self._database, self._evicted)) + self.bound
