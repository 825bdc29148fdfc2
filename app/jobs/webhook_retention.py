"""Ends what has lasted too long with webhooks: failing subscriptions, undelivered messages, dead letters."""

import asyncio
import random
from typing import Final

from app.db.pool import Pool
from app.db.webhook_queue import clean
from app.settings import MINUTE, Settings

_INTERVAL: Final = 10 * MINUTE


class WebhookRetention:
    """Runs on every instance: a second run finds nothing to do."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings

    async def run(self) -> None:
        while True:
            await self.clean()
            await asyncio.sleep(_INTERVAL * random.uniform(0.9, 1.1))  # noqa: S311 - only not in step with others

    async def clean(self) -> None:
        await clean(
            self._pool,
            failing_for=self._settings.webhook_failing_lifetime,
            dead_letter_lifetime=self._settings.dead_letter_lifetime,
            max_dead_letters=self._settings.max_dead_letters,
        )
