"""Waiting for a CPU is measured where it happens, and only there."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.consistency.operations import Log, Wait
from tests.consistency.waits import Waits

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="Linux counts it, and may not"
)


@pytest.fixture
def rivals() -> Iterator[list[int]]:
    """Three processes that want the same CPU all the time."""
    cpu = min(os.sched_getaffinity(0))
    program = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
    with ExitStack() as stack:
        processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
        for process in processes:
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield [process.pid for process in processes]


@pytest.fixture
def sleeper() -> Iterator[int]:
    process = subprocess.Popen(["sleep", "60"])
    yield process.pid
    process.kill()
    process.wait()


async def test_a_process_waits_for_the_cpu_that_others_use(rivals: list[int], sleeper: int) -> None:
    log = Log()
    named = {f"rival {number}": pid for number, pid in enumerate(rivals)} | {"sleeper": sleeper}
    measuring = asyncio.create_task(Waits(log, lambda: named).measure_for_ever())

    async def all_have_waited() -> None:
        while min(_waited(log).get(name, 0) for name in named if name != "sleeper") < 0.3:
            await asyncio.sleep(0.05)
        assert _waited(log).get("sleeper", 0) < 0.3

    try:
        await asyncio.wait_for(all_have_waited(), 60)
    finally:
        measuring.cancel()
        with suppress(asyncio.CancelledError):
            await measuring


def _waited(log: Log) -> dict[str, float]:
    waited: dict[str, float] = {}
    for record in log.records:
        assert isinstance(record, Wait)
        assert 0 < record.seconds <= record.ended - record.started
        waited[record.instance] = waited.get(record.instance, 0) + record.seconds
    return waited
