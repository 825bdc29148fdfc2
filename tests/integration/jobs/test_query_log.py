"""The query log: it delays no request and loses no question."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from msgspec.structs import replace
from prometheus_client import REGISTRY

from app.db.leader_lock import leader_lock
from app.db.pool import Pool, open_pool
from app.db.query_logs import AskedQuestion, insert_many
from app.domain.families import DataType
from app.jobs.query_log import CALLERS_AT_ONCE, QueryLog
from app.jobs.retention import Retention
from app.jobs.supervisor import Supervisor
from app.settings import Settings
from tests.servers import PrivatePostgres
from tests.waiting import until


def asked(query: str, *, days_ago: float = 0) -> AskedQuestion:
    return AskedQuestion(
        datetime.now(UTC) - timedelta(days=days_ago), query, None, 2025, None, None, 0.9, 1.5, False
    )


async def written(pool: Pool) -> list[str]:
    return [row["query"] for row in await pool.fetch("SELECT query FROM query_logs ORDER BY query")]


async def test_questions_are_written_in_batches(pool: Pool, settings: Settings) -> None:
    questions = QueryLog(pool, settings)
    async with Supervisor([questions], stop_timeout=5):
        for number in range(450):
            questions.add(asked(f"{number:03}"))

        async def all_written() -> bool:
            return len(await written(pool)) == 450

        await until(all_written)


async def test_questions_of_every_data_type_can_be_written(pool: Pool) -> None:
    await insert_many(pool, [replace(asked(data_type), data_type=data_type) for data_type in DataType])
    assert await written(pool) == sorted(DataType)


async def test_queued_questions_are_written_before_the_server_stops(pool: Pool, settings: Settings) -> None:
    questions = QueryLog(pool, settings)
    async with Supervisor([questions], stop_timeout=5):
        for number in range(450):
            questions.add(asked(f"{number:03}"))
            if number == 250:
                await asyncio.sleep(0.01)  # a batch is in flight
    assert await written(pool) == [f"{number:03}" for number in range(450)]


async def test_while_postgresql_is_away_questions_are_queued_and_only_excess_ones_are_dropped(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    settings = replace(settings, database_url=private_postgres.url, max_buffered_questions=5)
    async with open_pool(settings) as pool:
        questions = QueryLog(pool, settings)
        private_postgres.stop()
        before = dropped()
        async with Supervisor([questions], stop_timeout=30):
            for number in range(7):
                questions.add(asked(str(number)))
            assert dropped() == before + 2
            private_postgres.start()
        assert await written(pool) == ["0", "1", "2", "3", "4"]


async def test_questions_are_queued_while_postgresql_is_read_only(
    settings: Settings, private_postgres: PrivatePostgres
) -> None:
    settings = replace(settings, database_url=private_postgres.url)
    async with open_pool(settings) as pool:
        questions = QueryLog(pool, settings)
        before = dropped()
        await private_postgres.refuse_writes()
        async with Supervisor([questions], stop_timeout=30):
            for number in range(450):
                questions.add(asked(f"{number:03}"))
            await until(lambda: private_postgres.errors("read-only transaction") >= 2)
            assert (questions.waiting, dropped()) == (450, before)
            await private_postgres.accept_writes()
        assert await written(pool) == [f"{number:03}" for number in range(450)]


async def test_a_batch_whose_reply_was_lost_is_written_once(pool: Pool, settings: Settings) -> None:
    batch = [asked("one"), asked("two")]
    ids = [uuid4(), uuid4()]
    await insert_many(pool, batch, ids)
    await insert_many(pool, batch, ids)
    assert await written(pool) == ["one", "two"]


async def test_of_a_batch_only_questions_that_can_never_be_written_are_dropped(
    pool: Pool, settings: Settings
) -> None:
    """An operator deleted with SQL between the question and its write."""
    questions = QueryLog(pool, settings)
    before = dropped()
    async with Supervisor([questions], stop_timeout=20):
        for number in range(20):
            dno_id = uuid4() if number == 7 else None
            questions.add(replace(asked(f"{number:02}"), dno_id=dno_id))
    assert await written(pool) == [f"{number:02}" for number in range(20) if number != 7]
    assert dropped() == before + 1


def dropped() -> float:
    return REGISTRY.get_sample_value("dno_query_log_dropped_total") or 0.0


async def test_a_question_that_cannot_be_stored_unchanged_does_not_fail_its_batch(
    pool: Pool, settings: Settings
) -> None:
    questions = QueryLog(pool, settings)
    async with Supervisor([questions], stop_timeout=5):
        questions.add(asked("a\0 zero"))
        questions.add(asked("half a \ud83d pair"))
        questions.add(asked("x" * 5000))
    assert [len(query) for query in await written(pool)] == [6, 13, 1000]


async def test_one_caller_fills_a_share_of_the_log_and_the_rest_is_counted(
    pool: Pool, settings: Settings
) -> None:
    questions = QueryLog(pool, replace(settings, max_logged_questions=3))
    before = not_sampled()
    async with Supervisor([questions], stop_timeout=5):
        for number in range(10):
            questions.add(asked(f"flood {number}"), "192.0.2.1")
        questions.add(asked("other"), "192.0.2.2")
        for caller in range(100):
            questions.add(asked("many"), f"caller {caller}")
    found = await written(pool)
    assert [query for query in found if query.startswith("flood")] == ["flood 0", "flood 1", "flood 2"]
    assert "other" in found
    assert len(found) == 3 * CALLERS_AT_ONCE
    assert not_sampled() - before == 111 - 3 * CALLERS_AT_ONCE


def not_sampled() -> float:
    return REGISTRY.get_sample_value("dno_query_log_not_sampled_total") or 0.0


async def test_beyond_the_maximum_the_oldest_questions_are_deleted(pool: Pool, settings: Settings) -> None:
    await insert_many(pool, [asked(f"{days} days ago", days_ago=days) for days in range(5)])
    await Retention(pool, replace(settings, max_query_log_rows=3)).clean()
    assert await written(pool) == ["0 days ago", "1 days ago", "2 days ago"]
    await Retention(pool, replace(settings, max_query_log_rows=3)).clean()
    assert len(await written(pool)) == 3


async def test_old_questions_are_deleted(pool: Pool, settings: Settings) -> None:
    await insert_many(pool, [asked("old", days_ago=91), asked("young", days_ago=89)])
    await Retention(pool, settings).clean()
    assert await written(pool) == ["young"]


async def test_one_instance_cleans_at_a_time(pool: Pool, settings: Settings) -> None:
    await insert_many(pool, [asked("old", days_ago=91)])
    async with leader_lock("retention", settings) as mine:
        assert mine
        await Retention(pool, settings).clean()
    assert await written(pool) == ["old"]
