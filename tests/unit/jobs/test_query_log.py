"""How questions are batched for the query log, and what happens when PostgreSQL rejects some: the writes are recorded."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.db.query_logs import AskedQuestion
from app.errors import DeadlineExceeded, Unavailable
from app.jobs import query_log
from app.jobs.query_log import BATCH, MAX_QUESTION_LENGTH, QueryLog
from app.settings import Settings
from tests.unit.jobs.instance import Instance
from tests.waiting import until


def asked(query: str) -> AskedQuestion:
    return AskedQuestion(datetime.now(UTC), query, None, 2025, None, None, 0.9, 1.5, False)


class Table:
    """`rejects`: the error for a batch; None where it is written."""

    def __init__(self, one: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rejects: Callable[[list[str]], Exception | None] = lambda _: None
        self.tried: list[list[str]] = []
        self.ids: list[list[UUID]] = []
        self.written: list[str] = []
        self._pool = one.pool
        monkeypatch.setattr(query_log, "insert_many", self._insert)

    async def _insert(self, pool: object, questions: Sequence[AskedQuestion], ids: Sequence[UUID]) -> None:
        assert pool is self._pool
        assert len(set(ids)) == len(questions)
        queries = [question.query for question in questions]
        self.tried.append(queries)
        self.ids.append(list(ids))
        if error := self.rejects(queries):
            raise error
        self.written += queries


@pytest.fixture
def table(one: Instance, monkeypatch: pytest.MonkeyPatch) -> Table:
    return Table(one, monkeypatch)


@pytest.fixture
def log(one: Instance) -> QueryLog:
    return QueryLog(one.pool, one.settings)


def dropped() -> float:
    return REGISTRY.get_sample_value("dno_query_log_dropped_total") or 0.0


async def test_a_rejected_batch_of_two_is_divided(log: QueryLog, table: Table) -> None:
    table.rejects = lambda queries: ValueError("rejected") if "first" in queries else None
    for query in ("first", "second"):
        log.add(asked(query))
    await log.close()
    assert table.written == ["second"]


async def test_batches_have_a_maximum_size_and_keep_the_order(log: QueryLog, table: Table) -> None:
    queries = [str(number) for number in range(2 * BATCH + 50)]
    for query in queries:
        log.add(asked(query))
    await log.close()
    assert [len(batch) for batch in table.tried] == [BATCH, BATCH, 50]
    assert table.written == queries
    assert log.waiting == 0


async def test_a_question_that_is_rejected_is_found_and_dropped_and_all_others_are_written(
    log: QueryLog, table: Table
) -> None:
    table.rejects = lambda queries: ValueError("rejected") if "3" in queries else None
    before = dropped()
    queries = [str(number) for number in range(12)]
    for query in queries:
        log.add(asked(query))
    with capture_logs() as logs:
        await log.close()
    assert table.written == [query for query in queries if query != "3"]
    assert dropped() - before == 1
    assert [entry["event"] for entry in logs] == ["query_log_refused"]
    # One by one after a rejection, then twice as many after each success.
    sizes = [len(batch) for batch in table.tried]
    assert sizes[:4] == [12, 1, 2, 4]
    assert sizes[4] == 1
    assert max(sizes[1:]) <= 8


@pytest.mark.parametrize("error", [Unavailable("away"), DeadlineExceeded("late")])
async def test_a_batch_whose_write_failed_for_the_moment_is_retried_unchanged(
    log: QueryLog, table: Table, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """With the same ids, since the failed write may have succeeded without an answer."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        log.add(asked(f"later {len(pauses)}"))

    table.rejects = lambda _: error if len(table.tried) < 10 else None
    for query in ("one", "two"):
        log.add(asked(query))
    before = dropped()
    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        patch.setattr(random, "uniform", lambda low, high: high)
        await log.close()
    assert table.tried[:10] == [["one", "two"]] * 10
    assert table.ids[:10] == [table.ids[0]] * 10
    assert table.written == ["one", "two", *(f"later {number}" for number in range(1, 10))]
    assert dropped() == before
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1, 1, 1, 1, 1])


async def test_questions_are_written_after_a_while_or_when_a_batch_is_full(
    log: QueryLog, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_log, "EVERY", 600.0)
    running = asyncio.create_task(log.run())
    for number in range(BATCH - 1):
        log.add(asked(str(number)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert table.tried == []
    log.add(asked("the last"))
    await until(lambda: log.waiting == 0)
    assert [len(batch) for batch in table.tried] == [BATCH]
    log.add(asked("one more"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(table.tried) == 1
    running.cancel()
    await asyncio.wait([running])
    monkeypatch.setattr(query_log, "EVERY", 0.01)
    running = asyncio.create_task(log.run())
    await until(lambda: log.waiting == 0)
    running.cancel()
    await asyncio.wait([running])
    assert table.written[-1] == "one more"


async def test_pauses_between_failed_writes_grow_until_all_questions_are_written(
    log: QueryLog, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            raise asyncio.CancelledError

    def rejects(queries: list[str]) -> Exception | None:
        """Two tries succeed: after the first one a question is left, after the second one none is."""
        if len(table.tried) == 10:
            log.add(asked("another"))
        return None if len(table.tried) in (10, 12) else Unavailable("away")

    async def with_a_question() -> None:
        if not log.waiting:
            log.add(asked("later"))

    table.rejects = rejects
    monkeypatch.setattr(log, "_wait_for_a_batch", with_a_question)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    with pytest.raises(asyncio.CancelledError):
        await log.run()
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5, 5, 0.1, 0.2])


async def test_a_write_is_finished_though_the_job_is_cancelled(log: QueryLog, table: Table) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*arguments: object) -> None:
        begun.set()
        await go_on.wait()
        await table._insert(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query_log, "insert_many", slowly)
        patch.setattr(query_log, "EVERY", 0.0)
        log.add(asked("one"))
        running = asyncio.create_task(log.run())
        await asyncio.wait_for(begun.wait(), 60)
        running.cancel()
        await asyncio.wait([running])
        closing = asyncio.create_task(log.close())
        for _ in range(10):
            await asyncio.sleep(0)
        go_on.set()
        await asyncio.wait_for(closing, 60)
    assert table.tried == [["one"]]


async def test_beyond_the_buffer_the_newest_questions_are_dropped_and_counted(
    one: Instance, table: Table
) -> None:
    log = QueryLog(one.pool, Settings(max_buffered_questions=2))
    before = dropped()
    for query in ("one", "two", "three", "four"):
        log.add(asked(query))
    assert (log.waiting, dropped() - before) == (2, 2)
    await log.close()
    assert table.written == ["one", "two"]


def test_a_caller_has_a_share_of_the_sample_and_other_questions_have_none(one: Instance) -> None:
    log = QueryLog(one.pool, Settings(max_logged_questions=2))
    before = REGISTRY.get_sample_value("dno_query_log_not_sampled_total") or 0.0
    for _ in range(3):
        log.add(asked("limited"), "192.0.2.1")
        log.add(asked("unlimited"))
    assert log.waiting == 5
    assert (REGISTRY.get_sample_value("dno_query_log_not_sampled_total") or 0.0) - before == 1


async def test_queries_are_shortened_and_freed_from_what_postgresql_does_not_store(
    log: QueryLog, table: Table
) -> None:
    log.add(asked("ä\0 zero"))
    log.add(asked("half a \ud83d pair"))
    log.add(asked("x" * MAX_QUESTION_LENGTH + "y"))
    await log.close()
    assert table.written == ["ä zero", "half a ? pair", "x" * MAX_QUESTION_LENGTH]
