"""Reference cycles are collected once memory has grown by the set amount."""

import asyncio
import ctypes
import gc
import mmap
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.jobs import garbage as module
from app.jobs.garbage import EVERY, LOOKS, Garbage, resident
from app.settings import Settings

MIB = 2**20


class Cycle:
    """References itself and a megabyte.

    The megabyte is a mapping of its own: one of the heap may lie in pages that are resident already.
    """

    def __init__(self) -> None:
        self.me = self
        self.data = mmap.mmap(-1, MIB)
        self.data.write(bytes(MIB))


def alive() -> int:
    return sum(isinstance(thing, Cycle) for thing in gc.get_objects())


def cycles(count: int) -> None:
    for _ in range(count):
        Cycle()


@pytest.fixture
def busy() -> list[bool]:
    return []


@pytest.fixture
def garbage(busy: list[bool]) -> Garbage:
    gc.collect()
    made = Garbage(Settings(max_memory_growth=32 * MIB), quiet=lambda: not busy)
    made._since = resident() or 0
    return made


def test_it_collects_once_memory_has_grown(garbage: Garbage) -> None:
    gc.disable()
    try:
        assert not garbage.look()
        cycles(48)
        assert alive() == 48
        assert garbage.look()
        assert alive() == 0
        assert not garbage.look()
    finally:
        gc.enable()


def test_it_waits_for_an_idle_moment_for_a_limited_time(garbage: Garbage, busy: list[bool]) -> None:
    gc.disable()
    try:
        busy.append(True)
        cycles(48)
        assert [garbage.look() for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]
        cycles(48)
        assert not garbage.look()
        busy.clear()
        assert garbage.look()
    finally:
        gc.enable()


async def test_zero_switches_it_off() -> None:
    await Garbage(Settings(max_memory_growth=0), quiet=lambda: True).run()


class Memory:
    """Resident bytes as the test sets them, one after the other; the last one stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *resident: int | None) -> None:
        self.collected = 0
        self.left = list(resident)
        monkeypatch.setattr(module, "resident", self._resident)
        monkeypatch.setattr(gc, "collect", self._collect)

    def _resident(self) -> int | None:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    def _collect(self) -> int:
        self.collected += 1
        return 5


def test_growth_counts_from_the_memory_after_the_last_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(monkeypatch, 99, 100, 60, 159, 160, 70)
    garbage = Garbage(Settings(max_memory_growth=100), quiet=lambda: True)
    before = REGISTRY.get_sample_value("dno_garbage_collection_seconds_count") or 0.0
    with capture_logs() as logs:
        assert [garbage.look() for _ in range(4)] == [False, True, False, True]
    assert memory.collected == 2
    assert [(entry["objects"], entry["before"], entry["after"]) for entry in logs] == [
        (5, 100, 60),
        (5, 160, 70),
    ]
    assert all(0 <= entry["seconds"] < 60 for entry in logs)
    after = REGISTRY.get_sample_value("dno_garbage_collection_seconds_count") or 0.0
    assert after - before == 2


def test_checks_of_a_busy_server_count_again_after_memory_has_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    high, low = 100, 0
    Memory(monkeypatch, *[high] * (LOOKS - 1), low, *[high] * LOOKS, low, *[high] * LOOKS)
    garbage = Garbage(Settings(max_memory_growth=100), quiet=lambda: False)
    assert [garbage.look() for _ in range(LOOKS)] == [False] * LOOKS
    assert [garbage.look() for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]
    assert [garbage.look() for _ in range(LOOKS)] == [False] * (LOOKS - 1) + [True]


def test_memory_that_the_system_does_not_report_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(monkeypatch, None)
    garbage = Garbage(Settings(max_memory_growth=1), quiet=lambda: True)
    assert not garbage.look()
    memory.left = [1, None]
    assert garbage.look()
    memory.left = [1, 1]
    assert garbage.look()  # the growth counts from zero again


async def test_memory_is_checked_at_intervals_from_the_start_on(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(monkeypatch, 500, 500, 599, 600, 600)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            assert memory.collected == 1
            raise asyncio.CancelledError
        assert memory.collected == 0

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await Garbage(Settings(max_memory_growth=100), quiet=lambda: True).run()
    assert pauses == [EVERY] * 3


async def test_without_reports_of_the_system_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    Memory(monkeypatch, None)
    await Garbage(Settings(max_memory_growth=100), quiet=lambda: True).run()


def test_resident_memory_is_that_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    found = resident()
    assert found == pytest.approx(psutil.Process().memory_info().rss, rel=0.1)
    monkeypatch.setattr(Path, "read_text", lambda _: (_ for _ in ()).throw(FileNotFoundError()))
    assert resident() is None


def test_freed_memory_is_returned_to_the_system_where_the_library_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trimmed: list[int] = []
    libraries: list[str | None] = []

    def library(name: str | None) -> SimpleNamespace:
        libraries.append(name)
        return loaded

    monkeypatch.setattr(ctypes, "CDLL", library)
    Memory(monkeypatch, 100)
    garbage = Garbage(Settings(max_memory_growth=100), quiet=lambda: True)
    loaded = SimpleNamespace(malloc_trim=trimmed.append)
    assert garbage.look()
    assert (libraries, trimmed) == ([None], [0])
    garbage._since = 0
    loaded = SimpleNamespace()
    assert garbage.look()
    assert len(libraries) == 2
