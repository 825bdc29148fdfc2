"""Back-off: pauses double up to a maximum, and differ between instances."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from app.jobs.backoff import Backoff


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The requested pauses, without sleeping."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "sleep", sleep)
        yield slept


async def test_pauses_double_from_the_shortest_to_the_longest(pauses: list[float]) -> None:
    backoff = Backoff(shortest=1, longest=10)
    for _ in range(6):
        await backoff.wait()
    for pause, full in zip(pauses, (1, 2, 4, 8, 10, 10), strict=True):
        assert full / 2 <= pause <= full


async def test_pauses_of_several_instances_differ(pauses: list[float]) -> None:
    for _ in range(100):
        await Backoff(shortest=1, longest=10).wait()
    assert len({round(pause, 2) for pause in pauses}) > 20
    assert min(pauses) < 0.6
    assert max(pauses) > 0.9


async def test_after_a_reset_the_first_pause_is_the_shortest_again(pauses: list[float]) -> None:
    backoff = Backoff(shortest=1, longest=10)
    for _ in range(5):
        await backoff.wait()
    backoff.reset()
    await backoff.wait()
    assert pauses[-1] <= 1


@pytest.mark.parametrize(("ran", "expected"), [(4.9, (2, 4)), (5, (0.5, 1)), (5.1, (0.5, 1))])
async def test_only_a_long_enough_run_resets_it(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch, ran: float, expected: tuple[float, float]
) -> None:
    backoff = Backoff(shortest=1, longest=10)
    await backoff.wait()
    await backoff.wait()
    times = iter((1000, 1000 + ran))
    with monkeypatch.context() as clock:
        clock.setattr(asyncio.get_running_loop(), "time", lambda: next(times))
        with backoff.reset_after(5):
            pass
    await backoff.wait()
    assert expected[0] <= pauses[-1] <= expected[1]


async def test_an_event_ends_a_pause_but_not_before_the_shortest_is_over() -> None:
    backoff = Backoff(shortest=0.05, longest=600)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncio, "sleep", _no_sleep)
        for _ in range(20):
            await backoff.wait()
    news = asyncio.Event()
    news.set()
    began = monotonic()
    async with asyncio.timeout(60):
        await backoff.wait(news)
    assert monotonic() - began >= 0.05


async def _no_sleep(seconds: float) -> None:
    pass


async def test_without_the_event_the_pause_ends_by_itself() -> None:
    backoff = Backoff(shortest=0.01, longest=0.1)
    async with asyncio.timeout(60):
        for _ in range(5):
            await backoff.wait(asyncio.Event())


async def test_of_a_pause_that_an_event_may_end_only_the_shortest_part_is_slept(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is the limit of the wait for the event."""
    limits: list[float] = []

    @asynccontextmanager
    async def timeout(seconds: float) -> AsyncIterator[None]:
        limits.append(seconds)
        raise TimeoutError
        yield

    monkeypatch.setattr(asyncio, "timeout", timeout)
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    backoff = Backoff(shortest=1, longest=5)
    for _ in range(4):
        await backoff.wait(asyncio.Event())
    assert pauses == [1, 1, 1, 1]
    assert limits == [1, 3, 4]  # the first pause is the shortest
