"""How jobs are started, restarted and stopped."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.db.pool import in_job
from app.errors import Unavailable
from app.jobs.supervisor import Supervisor
from tests.waiting import LIMIT, until


class Recorder:
    def __init__(self, name: str, events: list[str], *, failures: int = 0, hangs: bool = False) -> None:
        self.name = name
        self.events = events
        self.failures = failures
        self.hangs = hangs
        self.running = asyncio.Event()

    async def run(self) -> None:
        self.events.append(f"{self.name} runs")
        if self.failures:
            self.failures -= 1
            raise RuntimeError("failed")
        self.running.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.events.append(f"{self.name} stops")

    async def close(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        self.events.append(f"{self.name} closes")


async def test_jobs_stop_in_reverse_order_and_are_closed() -> None:
    events: list[str] = []
    first, second = Recorder("first", events), Recorder("second", events)
    async with Supervisor([first, second], stop_timeout=1):
        await asyncio.gather(first.running.wait(), second.running.wait())
    assert events == [
        "first runs",
        "second runs",
        "second stops",
        "second closes",
        "first stops",
        "first closes",
    ]


async def test_failures_of_each_job_are_counted_from_zero() -> None:
    class NeverFailing(Recorder):
        pass

    job = NeverFailing("job", [])
    async with Supervisor([job], stop_timeout=1):
        await job.running.wait()
    assert REGISTRY.get_sample_value("dno_job_failures_total", {"task": "NeverFailing"}) == 0


async def test_statements_of_jobs_and_their_tasks_are_not_counted_among_those_of_requests() -> None:
    seen: list[bool] = []

    class Job:
        async def run(self) -> None:
            await asyncio.create_task(self.note())

        async def note(self) -> None:
            seen.append(in_job.get())

    async with Supervisor([Job()], stop_timeout=1):
        await until(lambda: bool(seen))
    assert (seen, in_job.get()) == ([True], False)


async def test_a_failed_job_is_restarted_and_the_others_continue() -> None:
    events: list[str] = []
    failing, steady = Recorder("failing", events, failures=2), Recorder("steady", events)
    async with Supervisor([failing, steady], stop_timeout=1):
        await asyncio.wait_for(failing.running.wait(), LIMIT)
        assert events.count("failing runs") == 3
        assert events.count("steady runs") == 1


async def test_a_job_that_returns_is_done() -> None:
    class Once:
        runs = 0

        async def run(self) -> None:
            self.runs += 1

    once = Once()
    async with Supervisor([once], stop_timeout=1):
        await asyncio.sleep(0.01)
    assert once.runs == 1


async def test_a_job_that_hangs_at_shutdown_does_not_prevent_the_others_from_closing() -> None:
    events: list[str] = []
    good, hanging = Recorder("good", events), Recorder("hanging", events, hangs=True)
    began = monotonic()
    async with Supervisor([good, hanging], stop_timeout=0.2):
        await asyncio.gather(good.running.wait(), hanging.running.wait())
    assert monotonic() - began < 10
    assert events[-1] == "good closes"


async def test_a_job_that_swallows_its_cancellation_is_cancelled_again() -> None:
    class Uncancellable:
        cancellations = 0

        async def run(self) -> None:
            while self.cancellations < 2:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.cancellations += 1

    job = Uncancellable()
    async with Supervisor([job], stop_timeout=5):
        await asyncio.sleep(0)
    assert job.cancellations == 2


class Failing:
    """Each run takes the next of `seconds` on the loop's clock, and raises the error; then it stays."""

    def __init__(self, error: Exception, *seconds: float) -> None:
        self.ended = asyncio.Event()
        self._error = error
        self._seconds = list(seconds)
        self.passed = 0.0

    async def run(self) -> None:
        if not self._seconds:
            self.ended.set()
            await asyncio.Event().wait()
        self.passed += self._seconds.pop(0)
        raise self._error


def failures() -> float:
    return REGISTRY.get_sample_value("dno_job_failures_total", {"task": "Failing"}) or 0.0


@pytest.mark.parametrize(
    ("error", "traceback"),
    [(OSError("away"), False), (Unavailable("away"), False), (RuntimeError("a fault"), True)],
)
async def test_a_failure_is_counted_and_logged_with_a_traceback_where_it_is_a_fault(
    error: Exception, traceback: bool
) -> None:
    before = failures()
    job = Failing(error, 0.0)
    with capture_logs() as logs:
        async with Supervisor([job], stop_timeout=5):
            await asyncio.wait_for(job.ended.wait(), 60)
    assert failures() - before == 1
    [entry] = logs
    assert (entry["event"], entry["job"], entry["error"]) == ("job_fell", "Failing", repr(error))
    assert entry["exc_info"] is traceback


async def test_pauses_between_restarts_grow_and_are_short_again_after_a_minute_of_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = Failing(OSError("away"), *[0.0] * 9, 59.9, 60.0, 0.0)
    pauses: list[float] = []
    loop = asyncio.get_running_loop()
    time, sleep = loop.time, asyncio.sleep

    async def recorded(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    with monkeypatch.context() as patch:
        patch.setattr(random, "uniform", lambda low, high: high)
        patch.setattr(asyncio, "sleep", recorded)
        patch.setattr(loop, "time", lambda: round(time(), 1) + job.passed)
        async with Supervisor([job], stop_timeout=5):
            for _ in range(1000):
                await sleep(0)
    assert job.ended.is_set()
    assert len(pauses) == 12
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10, 0.1, 0.2])


async def test_each_job_runs_in_a_task_of_its_name() -> None:
    names: list[str] = []

    class Named:
        async def run(self) -> None:
            task = asyncio.current_task()
            assert task is not None
            names.append(task.get_name())

    async with Supervisor([Named()], stop_timeout=5):
        await until(lambda: bool(names))
    assert names == ["Named"]


async def test_the_time_to_stop_is_shared_by_the_jobs_that_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    loop = asyncio.get_running_loop()
    now = loop.time()

    @asynccontextmanager
    async def timeout(seconds: float) -> AsyncIterator[None]:
        nonlocal now
        shares.append(seconds)
        now += 1
        yield

    events: list[str] = []
    jobs = [Recorder(name, events) for name in ("first", "second", "third")]
    async with Supervisor(jobs, stop_timeout=9):
        await asyncio.gather(*(job.running.wait() for job in jobs))
        monkeypatch.setattr(asyncio, "timeout", timeout)
        monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.undo()
    assert shares == pytest.approx([3, 4, 7])
    assert events[-1] == "first closes"


async def test_a_job_that_does_not_stop_or_close_is_logged() -> None:
    class CannotClose(Recorder):
        async def close(self) -> None:
            raise RuntimeError("a fault")

    events: list[str] = []
    jobs = [CannotClose("first", events), Recorder("second", events, hangs=True)]
    with capture_logs() as logs:
        async with Supervisor(jobs, stop_timeout=0.2):
            await asyncio.gather(*(job.running.wait() for job in jobs))
    assert [(entry["event"], entry["job"]) for entry in logs] == [
        ("job_did_not_stop", "Recorder"),
        ("job_did_not_close", "CannotClose"),
    ]


async def test_a_job_without_anything_to_close_only_stops() -> None:
    class Endless:
        stopped = False

        async def run(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                self.stopped = True

    job = Endless()
    with capture_logs() as logs:
        async with Supervisor([job], stop_timeout=5):
            await asyncio.sleep(0)
    assert (job.stopped, logs) == (True, [])
