"""How jobs are started, restarted and stopped."""

import asyncio
from time import monotonic

from app.jobs.supervisor import Supervisor


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


async def test_a_failed_job_is_restarted_and_the_others_continue() -> None:
    events: list[str] = []
    failing, steady = Recorder("failing", events, failures=2), Recorder("steady", events)
    async with Supervisor([failing, steady], stop_timeout=1):
        await asyncio.wait_for(failing.running.wait(), 5)
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
