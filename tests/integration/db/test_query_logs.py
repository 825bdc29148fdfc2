"""The log of natural-language questions."""

from datetime import UTC, datetime, timedelta

from app.db import query_logs
from app.db.query_logs import AskedQuestion
from app.domain.entry import DnoYear, VoltageLevel
from app.domain.families import DataType
from tests import factories as make

NOW = datetime.now(UTC)


def question(dno=None, year=2025, *, days_ago=0):
    return AskedQuestion(
        NOW - timedelta(days=days_ago), "netze a ms 2025", dno and dno.id, year, VoltageLevel.MS,
        DataType.NETZENTGELTE, 0.95, 1.5, False, "192.0.2.1",
    )  # fmt: skip


async def test_questions_are_stored_counted_and_deleted(pool):
    a, b = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    questions = [
        question(a),
        question(b),
        question(b),
        question(),
        question(a, None),
        *[question(a, 2020, days_ago=8)] * 5,
    ]
    await query_logs.insert_many(pool, questions)
    assert await query_logs.fetch_most_asked(pool, 7, 50) == (DnoYear(b.id, 2025), DnoYear(a.id, 2025))
    assert await query_logs.fetch_most_asked(pool, 30, 1) == (DnoYear(a.id, 2020),)
    assert await query_logs.delete_older_than(pool, 7) == 5
    assert len(await pool.fetch("SELECT id FROM query_logs")) == 5


async def test_an_empty_log_is_accepted(pool):
    await query_logs.insert_many(pool, [])
    assert await query_logs.delete_older_than(pool, 90) == 0
