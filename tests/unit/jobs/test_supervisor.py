"""How jobs live and die."""

import asyncio
from time import monotonic

from app.jobs.supervisor import Supervisor


class Recorder:
    def __init__(self, name: str, happened: list[str], *, falls: int = 0, hangs: bool = False) -> None:
        self.name = name
        self.happened = happened
        self.falls = falls
        self.hangs = hangs
        self.settled = asyncio.Event()

    async def run(self) -> None:
        self.happened.append(f"{self.name} runs")
        if self.falls:
            self.falls -= 1
            raise RuntimeError("fallen")
        self.settled.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.happened.append(f"{self.name} stops")

    async def close(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        self.happened.append(f"{self.name} closes")


async def test_jobs_stop_in_reverse_order_and_may_finish() -> None:
    happened: list[str] = []
    first, second = Recorder("first", happened), Recorder("second", happened)
    async with Supervisor([first, second], stop_timeout=1):
        await asyncio.gather(first.settled.wait(), second.settled.wait())
    assert happened == [
        "first runs",
        "second runs",
        "second stops",
        "second closes",
        "first stops",
        "first closes",
    ]


async def test_a_fallen_job_is_started_again_and_the_others_run_on() -> None:
    happened: list[str] = []
    falling, steady = Recorder("falling", happened, falls=2), Recorder("steady", happened)
    async with Supervisor([falling, steady], stop_timeout=1):
        await asyncio.wait_for(falling.settled.wait(), 5)
        assert happened.count("falling runs") == 3
        assert happened.count("steady runs") == 1


async def test_a_job_that_returns_is_done() -> None:
    class Once:
        runs = 0

        async def run(self) -> None:
            self.runs += 1

    once = Once()
    async with Supervisor([once], stop_timeout=1):
        await asyncio.sleep(0.01)
    assert once.runs == 1


async def test_a_job_that_hangs_takes_no_time_from_those_after_it() -> None:
    happened: list[str] = []
    good, hanging = Recorder("good", happened), Recorder("hanging", happened, hangs=True)
    began = monotonic()
    async with Supervisor([good, hanging], stop_timeout=0.2):
        await asyncio.gather(good.settled.wait(), hanging.settled.wait())
    assert monotonic() - began < 10
    assert happened[-1] == "good closes"


async def test_a_job_that_overhears_being_stopped_is_told_again() -> None:
    class Deaf:
        told = 0

        async def run(self) -> None:
            while self.told < 2:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.told += 1

    deaf = Deaf()
    async with Supervisor([deaf], stop_timeout=5):
        await asyncio.sleep(0)
    assert deaf.told == 2
