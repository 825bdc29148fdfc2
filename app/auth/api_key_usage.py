"""When API keys were last used: noted in memory, written in batches."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from app.db import accounts
from app.db.pool import Pool
from app.errors import AppError
from app.settings import Settings


class ApiKeyUsage:
    """At most one entry per key, however often it is used."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._interval = settings.api_key_usage_interval
        self._noted: dict[UUID, datetime] = {}

    def note(self, key_id: UUID) -> None:
        self._noted[key_id] = datetime.now(UTC)

    async def flush(self) -> None:
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            await accounts.touch_api_keys(self._pool, noted)
        except AppError:
            # Later notes win over those that could not be written.
            self._noted = noted | self._noted

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._interval)
                await self.flush()
        finally:
            await self.flush()
