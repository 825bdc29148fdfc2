"""How many operations can be done soon, from what the last ones have cost."""

from time import monotonic, thread_time

# So few may always: one that waits for PostgreSQL must not stop all others.
LEAST = 4
# As long as nothing is known.
ANY = 10**6
# How long the price is watched until it counts, in seconds.
WINDOW = 0.2


class ServiceTime:
    """What an operation costs of this thread's time, and so how many can be done within some seconds of it.

    Waiting for PostgreSQL costs nothing here, so what only waits may do it in great numbers, and share
    statements. What computes does so one after the other: with more of it at once none is done earlier and
    all wait for each other. The duration of operations would be a worse measure: it grows with their number.
    """

    __slots__ = ("_began", "_done", "_price", "_spent")

    def __init__(self) -> None:
        self._done = 0
        self._price = 0.0
        self._began = self._spent = 0.0

    def within(self, seconds: float) -> int:
        return max(LEAST, round(seconds / self._price)) if self._price else ANY

    def done(self) -> None:
        """One more; refusals and whatever else this thread did meanwhile are part of its price."""
        self._done += 1
        now = monotonic()
        if now - self._began < WINDOW:
            return
        spent = thread_time()
        if now - self._began < 2 * WINDOW:  # else most of the time there was nothing to do
            self.learn((spent - self._spent) / self._done)
        self._began, self._spent, self._done = now, spent, 0

    def learn(self, price: float) -> None:
        """Halfway at a time: one window alone varies much."""
        self._price = (self._price + price) / 2 if self._price else price
