"""When the query log is cleaned, by which instance, and of what."""

import asyncio

import pytest
from structlog.testing import capture_logs

from app.jobs import retention
from app.jobs.retention import Retention
from app.settings import DAY, HOUR, Settings
from tests.unit.jobs.instance import Instance
from tests.unit.jobs.periodic import RUNS, Lock, Pauses


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Lock:
    return Lock(monkeypatch, retention)


async def test_the_query_log_is_cleaned_about_every_hour(
    one: Instance, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned: list[int] = []
    job = Retention(one.pool, one.settings)

    async def clean() -> None:
        cleaned.append(1)

    monkeypatch.setattr(job, "clean", clean)
    with pytest.raises(asyncio.CancelledError):
        await job.run()
    assert len(cleaned) == RUNS
    assert pauses.lie_around(HOUR, 0.1)


async def test_old_and_surplus_questions_are_deleted_by_the_instance_that_holds_the_lock(
    one: Instance, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[tuple[str, object, float]] = []

    async def older(pool: object, days: float) -> int:
        deleted.append(("older", pool, days))
        return 3

    async def surplus(pool: object, rows: int) -> int:
        deleted.append(("surplus", pool, rows))
        return 4

    monkeypatch.setattr(retention, "delete_older_than", older)
    monkeypatch.setattr(retention, "delete_surplus", surplus)
    settings = Settings(query_log_lifetime=5 * DAY, max_query_log_rows=12)
    with capture_logs() as logs:
        await Retention(one.pool, settings).clean()
    assert deleted == [("older", one.pool, 5), ("surplus", one.pool, 12)]
    assert logs == [{"event": "query_log_cleaned", "log_level": "info", "questions": 7}]
    assert lock.names == ["retention"]
    lock.leading = False
    await Retention(one.pool, settings).clean()
    assert len(deleted) == 2
