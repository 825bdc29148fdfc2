"""Sends the messages of webhooks: at least once, with pauses that grow, until they are delivered or become dead letters."""

import asyncio
import random
from typing import Final

import structlog

from app.db import webhook_queue as queue
from app.db.pool import Pool
from app.db.webhook_queue import Failed
from app.domain.webhook import ClaimedMessage, DisabledBecause
from app.errors import AppError
from app.jobs.webhook_messages import make_messages
from app.observability.metrics import WEBHOOK_ATTEMPTS, WEBHOOK_DEAD_LETTERS
from app.settings import Settings
from app.webhooks.sender import Result, Sender

log = structlog.get_logger(__name__)

# Each pause is so many times the one before.
_GROWTH: Final = 4
# Seconds beyond the time-out of an attempt, after which another instance may send a claimed message.
_CLAIM_MARGIN: Final = 5.0
_GONE: Final = 410
# Seconds between two attempts of a subscription, of whichever message, while all fail.
_LONGEST_PAUSE: Final = 300.0


class WebhookDelivery:
    """Runs on every instance: each claims messages and sends them. One that stops or is killed holds up its claims only
    until they end.
    """

    def __init__(self, pool: Pool, sender: Sender, settings: Settings) -> None:
        self._pool = pool
        self._sender = sender
        self._settings = settings
        self._sending: dict[asyncio.Task[None], ClaimedMessage] = {}
        self._free = asyncio.Event()

    async def run(self) -> None:
        while True:
            self._free.clear()
            try:
                more = await self._run_once()
            except AppError:
                more = False  # PostgreSQL is away: nothing is lost, and the next look is soon
            if not more:
                await self._pause()

    async def _run_once(self) -> bool:
        """Whether another look is worth while at once."""
        capacity = self._settings.max_webhook_deliveries - len(self._sending)
        if capacity <= 0 or not await queue.fetch_work(self._pool):
            return False
        async with queue.locked(self._pool) as connection:
            if connection is None:
                return False
            taken = await make_messages(connection, self._settings)
            claimed = await queue.claim(connection, capacity, self._settings.webhook_timeout + _CLAIM_MARGIN)
        for message in claimed:
            task = asyncio.create_task(self._deliver(message))
            self._sending[task] = message
            task.add_done_callback(self._sent)
        return taken > 0 or len(claimed) > 0

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._free.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # The message stays claimed and is sent again.
            log.warning("webhook_result_not_stored", error=repr(error))

    async def _pause(self) -> None:
        """Ends early when a message was sent: the next one of its stream may be due."""
        try:
            async with asyncio.timeout(self._settings.webhook_interval):
                await self._free.wait()
        except TimeoutError:
            pass

    async def _deliver(self, message: ClaimedMessage) -> None:
        result = await self._sender.send(message)
        WEBHOOK_ATTEMPTS.labels("delivered" if result.error is None else "failed").inc()
        if result.error is None:
            await queue.note_delivered(self._pool, message)
            return
        log.info(
            "webhook_not_delivered",
            subscription=str(message.subscription_id),
            attempt=message.attempt,
            error=result.error,
        )
        WEBHOOK_DEAD_LETTERS.inc(await self._note_failed(message, result, result.error))

    async def _note_failed(self, message: ClaimedMessage, result: Result, error: str) -> int:
        """Returns how many messages became dead letters."""
        if result.status == _GONE:
            # Nothing else before it: a message that waits for its next attempt could be sent once more.
            return await queue.disable(self._pool, message, DisabledBecause.GONE, error)
        return await queue.note_failed(
            self._pool,
            message,
            self._failed(error, message.attempt, result),
            most=self._settings.max_webhook_attempts,
        )

    def _failed(self, error: str, attempt: int, result: Result) -> Failed:
        pause = self._settings.webhook_retry_delay * _GROWTH ** min(attempt - 1, 20)
        # Jitter, so that messages that failed together are not sent together again.
        pause = min(pause, self._settings.longest_webhook_retry_delay) * random.uniform(0.8, 1.2)  # noqa: S311
        pause = max(pause, result.retry_after or 0)
        # Other messages of the subscription follow earlier, but not at once.
        return Failed(error, pause, self._settings.webhook_retry_delay, _LONGEST_PAUSE)

    async def close(self) -> None:
        """Releases what was claimed and is not sent yet, so that another instance sends it without delay."""
        claimed = list(self._sending.values())
        for task in list(self._sending):
            task.cancel()
        if claimed:
            await asyncio.wait(list(self._sending), timeout=1)
            await queue.release(self._pool, claimed)
