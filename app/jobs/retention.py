"""Deletes questions hourly: those beyond their retention period, and the oldest above the maximum number."""

import asyncio
import random

import structlog

from app.db.leader_lock import leader_lock
from app.db.pool import Pool
from app.db.query_logs import delete_older_than, delete_surplus
from app.settings import DAY, HOUR, Settings

log = structlog.get_logger(__name__)


class Retention:
    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings

    async def run(self) -> None:
        while True:
            await self.clean()
            await asyncio.sleep(HOUR * random.uniform(0.9, 1.1))  # noqa: S311 - only not in step with others

    async def clean(self) -> None:
        async with leader_lock("retention", self._settings) as leading:
            if leading:
                gone = await delete_older_than(self._pool, self._settings.query_log_lifetime / DAY)
                gone += await delete_surplus(self._pool, self._settings.max_query_log_rows)
                log.info("query_log_cleaned", questions=gone)
