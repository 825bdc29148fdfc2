"""Stores natural-language questions in batches, without delaying requests."""

import asyncio
from collections import deque
from itertools import islice
from typing import Final
from uuid import UUID, uuid4

import msgspec
import structlog

from app.caller_budgets import Budgets
from app.db.pool import Pool
from app.db.query_logs import AskedQuestion, insert_many
from app.errors import DeadlineExceeded, Unavailable
from app.jobs.backoff import Backoff
from app.observability.metrics import QUERY_LOG_DROPPED, QUERY_LOG_NOT_SAMPLED
from app.settings import MINUTE, Settings

log = structlog.get_logger(__name__)

BATCH: Final = 200
EVERY: Final = 1.0
MAX_QUESTION_LENGTH: Final = 1000  # characters kept of a question
# So many times the share of one caller is the share of all callers of one process.
CALLERS_AT_ONCE: Final = 20

_TRANSIENT: Final = (Unavailable, DeadlineExceeded)


class QueryLog:
    """Nothing is lost while the server stops, and nothing while PostgreSQL is away for a while; only
    beyond the buffer's bound are the newest dropped, and counted.

    It is a sample: of each caller, and of all together, so many per minute. No caller fills the database with questions.
    """

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._bound = settings.max_buffered_questions
        self._budgets = Budgets(
            settings.max_logged_questions, CALLERS_AT_ONCE * settings.max_logged_questions, MINUTE
        )
        self._waiting: deque[AskedQuestion] = deque()
        self._batch_is_full = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None
        self._batch: dict[UUID, AskedQuestion] = {}  # being written
        self._size = BATCH

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def add(self, question: AskedQuestion, caller: str | None = None) -> None:
        """`caller`: whose share of the sample it belongs to; None belongs to it in any case."""
        if caller is not None and not self._budgets.take(caller):
            QUERY_LOG_NOT_SAMPLED.inc()
            return
        if len(self._waiting) >= self._bound:
            QUERY_LOG_DROPPED.inc()
            return
        self._waiting.append(msgspec.structs.replace(question, query=_storable(question.query)))
        if len(self._waiting) >= BATCH:
            self._batch_is_full.set()

    async def run(self) -> None:
        backoff = Backoff(shortest=0.1, longest=5)
        while True:
            await self._wait_for_a_batch()
            try:
                while self._waiting:
                    await self._write()
                backoff.reset()
            except _TRANSIENT:
                await backoff.wait()

    async def close(self) -> None:
        """Tries until it is cancelled: the supervisor bounds the time."""
        backoff = Backoff(shortest=0.1, longest=1)
        while self._waiting:
            try:
                await self._write()
            except _TRANSIENT:
                await backoff.wait()

    async def _wait_for_a_batch(self) -> None:
        try:
            async with asyncio.timeout(EVERY):
                await self._batch_is_full.wait()
        except TimeoutError:
            pass
        self._batch_is_full.clear()

    async def _write(self) -> None:
        """Once begun it is finished, though the job be stopped meanwhile: else a batch might be written twice."""
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_batch())
        await asyncio.shield(self._writing)

    async def _write_batch(self) -> None:
        """A refusal is one of the moment: the questions stay where they are."""
        # The same as in the last try, which may have succeeded without an answer.
        batch = self._batch = self._batch or {uuid4(): one for one in islice(self._waiting, self._size)}
        try:
            await insert_many(self._pool, list(batch.values()), list(batch))
        except _TRANSIENT:
            raise
        except Exception:
            self._batch = {}
            if len(batch) > 1:
                self._size = 1  # which of them it is
                return
            # What can never be written must not keep all else from being written.
            QUERY_LOG_DROPPED.inc()
            log.exception("query_log_refused")
        for _ in batch:
            self._waiting.popleft()
        self._batch = {}
        self._size = min(BATCH, self._size * 2)


def _storable(text: str) -> str:
    """PostgreSQL holds neither zero bytes nor halves of surrogate pairs."""
    return text[:MAX_QUESTION_LENGTH].replace("\0", "").encode(errors="replace").decode()
