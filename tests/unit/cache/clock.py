"""A clock that a test sets, in place of the monotonic clock of a module."""

import pytest


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def install(monkeypatch: pytest.MonkeyPatch, *modules: object, name: str = "monotonic") -> Clock:
    clock = Clock()
    for module in modules:
        monkeypatch.setattr(module, name, clock)
    return clock
