"""Warms the caches: reads the operators and years that are queried most."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import structlog

from app.cache.redis import SharedCache
from app.db.leader_lock import leader_lock
from app.db.pool import Pool
from app.db.query_logs import fetch_most_asked
from app.domain.entry import DnoYear
from app.domain.families import FIGURES
from app.errors import AppError
from app.jobs.backoff import Backoff
from app.observability.metrics import WARMED_READS
from app.settings import Settings

log = structlog.get_logger(__name__)

Load: TypeAlias = Callable[[DnoYear], Awaitable[object]]

DAYS: Final = 7  # of questions, from which popularity is computed
BETWEEN: Final = 0.2  # seconds between two reads, so that requests are not delayed
BUSY: Final = 0.25  # seconds; a read that takes longer means that PostgreSQL is busy


class CacheWarmer:
    """`load` reads all that is kept for one operator and year, through the caches, as a query would."""

    def __init__(self, pool: Pool, shared: SharedCache, load: Load, settings: Settings) -> None:
        self._pool = pool
        self._shared = shared
        self._load = load
        self._settings = settings

    async def run(self) -> None:
        while self._settings.warm_interval:
            await self.until_l2_is_trusted()
            try:
                await self.warm()
            except AppError as refusal:
                log.warning("warming_stopped", reason=refusal.message)
            await asyncio.sleep(self._settings.warm_interval * random.uniform(0.9, 1.1))  # noqa: S311

    async def warm(self) -> int:
        """How many were read; 0 while another instance warms."""
        async with leader_lock("cache warmer", self._settings) as leading:
            if not leading:
                return 0
            popular = await fetch_most_asked(self._pool, DAYS, self._settings.max_warmed_pairs)
            warmed = 0
            for key in popular:
                busy = self._no_connection_is_free()
                if not busy:
                    busy = await self._read(key) > BUSY
                    warmed += 1
                if busy:
                    log.info("warming_stopped", reason="PostgreSQL is busy")
                    break
                await asyncio.sleep(BETWEEN * random.uniform(0.5, 1.5))  # noqa: S311
        log.info("cache_warmed", popular=len(popular), warmed=warmed)
        return warmed

    async def _read(self, key: DnoYear) -> float:
        clock = asyncio.get_running_loop().time
        wanted = [family.tag(key) for family in FIGURES]
        kept = len(await self._shared.get_many(wanted))
        WARMED_READS.labels("hit").inc(kept)
        WARMED_READS.labels("miss").inc(len(wanted) - kept)
        began = clock()
        await self._load(key)
        return clock() - began

    def _no_connection_is_free(self) -> bool:
        return self._pool.idle == 0 and self._pool.size >= self._settings.max_database_connections

    async def until_l2_is_trusted(self) -> None:
        """What is read before that is not kept."""
        backoff = Backoff(shortest=0.05, longest=5)
        while not self._shared.trusted:
            await backoff.wait()
