"""The service time of an operation is averaged over windows in which the thread was busy throughout."""

import pytest

from app.limits.service_time import MIN_OPERATIONS, UNLIMITED, WINDOW, ServiceTime


class Clocks:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time, self.worked = 100.0, 5.0
        monkeypatch.setattr("app.limits.service_time.monotonic", lambda: self.time)
        monkeypatch.setattr("app.limits.service_time.thread_time", lambda: self.worked)

    def pass_time(self, seconds: float, worked: float) -> None:
        self.time, self.worked = self.time + seconds, self.worked + worked


def test_each_measurement_counts_as_much_as_all_before_it() -> None:
    measured = ServiceTime()
    measured.add_sample(0.1)
    measured.add_sample(0.3)
    assert measured.within(2) == 10
    measured.add_sample(0.2)
    measured.add_sample(0.6)
    assert measured.within(4) == 10


def test_a_few_operations_are_always_allowed() -> None:
    measured = ServiceTime()
    assert measured.within(0) == UNLIMITED
    measured.add_sample(1)
    assert measured.within(MIN_OPERATIONS - 0.6) == MIN_OPERATIONS
    assert measured.within(MIN_OPERATIONS + 0.6) == MIN_OPERATIONS + 1


def test_a_window_is_measured_from_its_beginning_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks, measured = Clocks(monkeypatch), ServiceTime()
    measured.done()
    clocks.pass_time(WINDOW * 0.5, 0.05)
    measured.done()
    assert measured.within(1) == UNLIMITED, "the window is not over"
    clocks.pass_time(WINDOW * 0.5 + 0.001, 0.05)
    measured.done()
    assert measured.within(1) == 20, "two operations in 0.1 seconds"
    clocks.pass_time(WINDOW * 1.9, 0.05)
    measured.done()
    assert measured.within(1) == 20, "one operation in 0.05 seconds"


def test_a_window_with_idle_time_is_not_measured_and_the_next_one_begins_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks, measured = Clocks(monkeypatch), ServiceTime()
    measured.done()
    clocks.pass_time(WINDOW * 2.1, 0.3)
    measured.done()
    assert measured.within(1) == UNLIMITED
    clocks.pass_time(WINDOW * 1.1, 0.1)
    measured.done()
    assert measured.within(1) == 10
