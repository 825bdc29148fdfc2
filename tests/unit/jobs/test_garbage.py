"""Reference cycles are collected once memory has grown by the set amount."""

import gc

import pytest

from app.jobs.garbage import LOOKS, Garbage, resident
from app.settings import Settings

MIB = 2**20


class Cycle:
    """References itself and a megabyte."""

    def __init__(self) -> None:
        self.me = self
        self.data = bytearray(MIB)


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
