"""Purges one cache at the edge of what has changed: in order, at least once, until the edge has confirmed it.

Every instance runs it; one at a time has claimed the edge, for some seconds. A frozen instance loses its claim, and what it sends
afterwards is a purge too many. Edges do not wait for each other, and neither the relay nor L2 waits for any.
"""

import asyncio
from contextlib import suppress
from typing import Final
from uuid import uuid4

import structlog

from app.cache.clock import monotonic
from app.db import edge_queue as queue
from app.db.edge_queue import EdgeStatus
from app.db.pool import Pool
from app.edge.purgers import NotPurged, Purger
from app.errors import AppError
from app.jobs.backoff import Backoff
from app.jobs.edge_round import Round, delays, next_round
from app.observability.metrics import (
    EDGE_EVERYTHING,
    EDGE_FAILING,
    EDGE_LAG,
    EDGE_PURGE_SECONDS,
    EDGE_PURGES,
)
from app.settings import MINUTE, Settings

log = structlog.get_logger(__name__)

INTERVAL: Final = 1.0  # seconds between two looks without a notification
_LOOKS_OF_OTHERS: Final = 5  # an instance that has not claimed the edge looks once in so many intervals
_LONGEST_WISH: Final = 5 * MINUTE  # of an edge that asks to wait
_CLAIM_MARGIN: Final = 5.0
_CLEAN_INTERVAL: Final = MINUTE
# While nothing changes, a purge of a key that no response has shows whether the edge confirms purges.
_PROBE_INTERVAL: Final = MINUTE
PROBE: Final = "dno-probe"
# Changes of all edges in PostgreSQL; edges that are further behind purge everything.
MAX_CHANGES: Final = 50_000
_MAX_UNDELIVERED: Final = 1000


class EdgePurges:
    def __init__(self, pool: Pool, purger: Purger, news: asyncio.Event, settings: Settings) -> None:
        """`news` is set when changes were delivered."""
        self._pool = pool
        self._purger = purger
        self._news = news
        self._settings = settings
        self._instance = uuid4()
        self._delays = delays(settings)
        self._claim = 2 * settings.edge_purge_timeout + _CLAIM_MARGIN
        self._leading = False
        self._round: Round | None = None
        self._confirmed = self._cleaned = self._looked = -_PROBE_INTERVAL
        self._not_before = 0.0
        self._undelivered: set[int] = set()
        self._kept: set[int] = set()

    async def run(self) -> None:
        backoff = Backoff(shortest=0.1, longest=10)
        while True:
            self._news.clear()
            try:
                more = await self._step()
            except NotPurged as failure:
                await self._note_failure(failure)
                await backoff.wait()
                continue
            except AppError:
                more = False  # PostgreSQL is away: no place is lost
            else:
                backoff.reset()
            if not more:
                await self._pause()

    async def _pause(self) -> None:
        if not self._leading:
            await asyncio.sleep(_LOOKS_OF_OTHERS * INTERVAL)
            return
        try:
            async with asyncio.timeout(INTERVAL):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _step(self) -> bool:
        """Whether another look is worth while at once. Raises NotPurged."""
        name = self._purger.name
        status = await queue.fetch_status(self._pool, name)
        if status is None or not status.alive:
            await queue.register(self._pool, name, self._settings.edge_lifetime)
            return True
        EDGE_LAG.labels(name).set(status.lag or 0)
        EDGE_FAILING.labels(name).set(status.failing_for or 0)
        self._leading = await self._claims(status)
        if not self._leading:
            self._round = None
            return False
        await self._maintain()
        if monotonic() < self._not_before:
            return False
        if self._round is None:
            self._round = await next_round(
                self._pool,
                status,
                self._delays,
                most=self._purger.most,
                per_request=self._purger.keys_per_request,
            )
        if self._round is None:
            await self._probe(status)
            return False
        await self._purge(self._round)
        return True

    async def _claims(self, status: EdgeStatus) -> bool:
        if status.claimed_by == self._instance and status.claim_left > self._claim / 2:
            return True
        if status.claimed_by not in (None, self._instance) and status.claim_left > 0:
            return False
        return await queue.claim(
            self._pool, self._purger.name, self._instance, self._claim, self._settings.edge_lifetime
        )

    async def _purge(self, what: Round) -> None:
        """After a failure it goes on with the requests that were not confirmed. Raises NotPurged."""
        began = monotonic()
        while what.waiting:
            if monotonic() - began > self._claim / 2:
                return  # the claim is renewed first
            await self._send(what.waiting[0])
            del what.waiting[0]
        await queue.note_purged(self._pool, self._purger.name, what.places)
        self._round = None
        if what.everything:
            EDGE_EVERYTHING.labels(self._purger.name).inc()
        if what.age is not None:
            EDGE_PURGE_SECONDS.labels(self._purger.name).observe(what.age + monotonic() - what.began)

    async def _send(self, keys: list[str]) -> None:
        try:
            await self._purger.purge(keys)
        except NotPurged as failure:
            EDGE_PURGES.labels(self._purger.name, "limited" if failure.limited else "failed").inc()
            raise
        EDGE_PURGES.labels(self._purger.name, "confirmed").inc()
        self._confirmed = monotonic()

    async def _probe(self, status: EdgeStatus) -> None:
        """Raises NotPurged."""
        if status.failing_for is not None or monotonic() - self._confirmed >= _PROBE_INTERVAL:
            await self._send([PROBE])
            if status.failing_for is not None:
                await queue.note_purged(self._pool, self._purger.name, status.places)

    async def _note_failure(self, failure: NotPurged) -> None:
        log.warning("edge_not_purged", edge=self._purger.name, error=failure.error)
        if failure.retry_after is not None:
            self._not_before = monotonic() + min(failure.retry_after, _LONGEST_WISH)
        if not failure.limited:  # then it answers; the lag shows for how long it limits
            with suppress(AppError):
                await queue.note_failing(self._pool, self._purger.name)

    async def _maintain(self) -> None:
        """What one instance does for all edges; that several do it does no harm."""
        now = monotonic()
        if now - self._looked >= INTERVAL:
            self._looked = now
            await self._keep_undelivered()
        if now - self._cleaned >= _CLEAN_INTERVAL:
            self._cleaned = now
            await queue.clean(self._pool, MAX_CHANGES)

    async def _keep_undelivered(self) -> None:
        """While the relay delivers nothing, since Redis is away, instances read what has changed from PostgreSQL: so must edges."""
        ids = await queue.fetch_undelivered(self._pool, _MAX_UNDELIVERED)
        late, self._undelivered = self._undelivered.intersection(ids), set(ids)
        self._kept.intersection_update(ids)
        if len(late) == _MAX_UNDELIVERED and ids[0] not in self._kept:
            await queue.queue_everything(self._pool)
        elif late := late - self._kept:
            await queue.keep_undelivered(self._pool, sorted(late))
        self._kept |= late

    async def close(self) -> None:
        """Another instance goes on at once."""
        with suppress(AppError):  # else it takes it when the claim ends
            await queue.release(self._pool, self._purger.name, self._instance)
