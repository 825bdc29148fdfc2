"""How many refusals are sent at once, and when the others are."""

import asyncio
from collections.abc import Callable
from typing import Any

from app.limits.refusal_pacer import BURST, LONGEST, RATE, TICK, RefusalPacer


class Clock:
    """The time and the timers of an event loop, moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self._timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> object:
        self._timers.append((self.now + seconds, call))
        return call

    def create_future(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self._timers and min(self._timers, key=lambda timer: timer[0])[0] <= end:
            timer = min(self._timers, key=lambda timer: timer[0])
            self._timers.remove(timer)
            self.now = timer[0]
            timer[1]()
        self.now = end


def pacer() -> tuple[RefusalPacer, Clock]:
    clock: Any = Clock()
    return RefusalPacer(clock), clock


def hold(pacer: RefusalPacer, number: int) -> list[int]:
    """The numbers of those that have been sent."""
    sent: list[int] = []
    for each in range(number):
        pacer.hold(lambda each=each: sent.append(each))  # type: ignore[misc]
    return sent


def test_some_are_sent_at_once_and_so_many_a_second() -> None:
    refusals, clock = pacer()
    assert [refusals.may_send() for _ in range(BURST + 1)] == [True] * BURST + [False]
    sent = hold(refusals, RATE)
    assert not refusals.may_send(), "none overtakes those that are held back"
    clock.pass_time(0.5)
    assert abs(len(sent) - RATE / 2) <= 1 + RATE * TICK
    assert sent == sorted(sent)
    clock.pass_time(0.6)
    assert sent == list(range(RATE))
    assert len(refusals) == 0
    assert refusals.may_send()


def test_none_is_held_back_for_longer_however_many_there_are() -> None:
    refusals, clock = pacer()
    sent = hold(refusals, 10 * RATE)
    clock.pass_time(LONGEST + 2 * TICK)
    assert len(sent) == 10 * RATE


async def test_a_client_that_has_gone_takes_no_other_turn() -> None:
    refusals, clock = pacer()
    while refusals.may_send():
        pass
    turns = [asyncio.create_task(refusals.turn()) for _ in range(3)]
    await asyncio.sleep(0)
    turns[1].cancel()
    await asyncio.sleep(0)
    clock.pass_time(1)
    results = await asyncio.gather(*turns, return_exceptions=True)
    assert [type(each) for each in results] == [type(None), asyncio.CancelledError, type(None)]
    assert len(refusals) == 0
