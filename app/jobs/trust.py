"""When this instance may believe L2: the right Redis, the right epoch, and nothing left untold."""

from collections.abc import Callable
from time import monotonic
from typing import Final

import structlog

from app.cache.codec import CODEC_VERSION
from app.cache.redis import SharedCache
from app.db import outbox
from app.db.outbox import Standing
from app.db.pool import Pool

log = structlog.get_logger(__name__)

# For so long an instance whose Redis is not the agreed one supposes that it is itself the one left
# behind. Without an end to it, one that agreed on another Redis and died would leave all others
# without L2; without it, two that see different ones would outbid each other without a pause.
PATIENCE: Final = 5.0


class Trust:
    """Once L2 was distrusted, it is believed again when three things are known, in this order:

    1. the doubt itself (doubts are counted: a later one starts all over);
    2. Redis has answered since, and is the process that all agree on, under the agreed epoch;
    3. a look at the outbox, begun after that, found no event up to N, where N is the newest event
       that the first such look has seen.

    Why this is enough: what may be stale in L2 are the tags of writes whose removal Redis has not
    confirmed. Each of those writes was committed before its instance doubted (1), so the first look
    (3) sees its event, unless a relay has delivered it: a relay deletes an event only after Redis has
    confirmed the removal, and a plain SELECT, unlike SKIP LOCKED, still sees what is being deleted.
    Number N is a bound from above, since a transaction may commit with a lower number later: it
    is waited for too, which costs a moment and never the truth. What commits after the first look
    is nothing that was lost: its own writer removes it before it answers, or distrusts anew.

    L2 may be stale in the sense of the epoch only by keys of a process that was away; those are
    under an earlier epoch (2), and nobody reads them again.
    """

    def __init__(self, pool: Pool, shared: SharedCache, on_new_epoch: Callable[[], None]) -> None:
        self._pool = pool
        self._shared = shared
        self._on_new_epoch = on_new_epoch
        self._agreed: str | None = None  # the identity that this instance was last at one with all about
        self._left_behind_since: float | None = None
        self._doubts = -1  # those that N belongs to
        self._n = 0

    @property
    def identity(self) -> str | None:
        """Which Redis, and how it is written to: a relay removes only keys of its own encoding, so two
        releases that write differently must not use L2 at the same time.
        """
        return f"{CODEC_VERSION}:{self._shared.identity}" if self._shared.identity else None

    async def review(self) -> Standing | None:
        """How the outbox stood a moment ago; None while Redis is away, or not the agreed one."""
        doubts = self._shared.doubts
        if not self._shared.trusted and await self._shared.identify() is None:
            return None
        standing = await outbox.fetch_standing(self._pool)
        # From here on nothing is awaited until it is decided: the facts stay as they were read.
        identity = self.identity
        if identity is None:
            return None
        if standing.identity != identity:
            self._shared.distrust("others agreed on another Redis")
            await self._claim(identity)
            return None
        if standing.epoch != self._shared.epoch:
            self._enter(standing.epoch)
            return None
        self._agreed, self._left_behind_since = identity, None
        if not self._shared.trusted and doubts == self._shared.doubts:
            self._restore(standing, doubts)
        return standing

    def _restore(self, standing: Standing, doubts: int) -> None:
        if self._doubts != doubts:
            self._doubts, self._n = doubts, standing.newest or 0
        if standing.oldest is None or standing.oldest > self._n:
            self._shared.trust(since=doubts)

    def _enter(self, epoch: int) -> None:
        """What others told meanwhile on the channel of another Redis, this instance has missed."""
        self._shared.distrust("a new epoch has begun")
        self._shared.epoch = epoch
        self._on_new_epoch()

    async def _claim(self, identity: str) -> None:
        now = monotonic()
        if identity == self._agreed:
            self._left_behind_since = self._left_behind_since or now
            if now - self._left_behind_since < PATIENCE:
                return
        self._agreed, self._left_behind_since = identity, None
        if await outbox.raise_epoch(self._pool, identity):
            log.warning("cache_epoch_raised", redis=identity)
