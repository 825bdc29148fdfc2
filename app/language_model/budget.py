"""Who may ask the language model now: so many calls per caller and in all, and pauses after failures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final, Protocol

from app.bounded_mapping import BoundedMapping
from app.observability.metrics import SECOND_OPINIONS

AT_ONCE: Final = 4
# One caller cannot use all calls, however slow the answers to its questions are.
AT_ONCE_PER_CALLER: Final = 2
PAUSE: Final = 10.0  # seconds
# After failures for so many callers in a row it is the model that fails, not what one of them asks.
CALLERS_FAILED: Final = 3
MAX_PAUSED: Final = 1000


class Verdict(Protocol):
    @property
    def allowed(self) -> bool: ...


class Limiter(Protocol):
    """What limits requests also limits calls of the model, under policies of its own."""

    @property
    def model_caller(self) -> Any: ...
    @property
    def model_anonymous(self) -> Any: ...
    @property
    def model_calls(self) -> Any: ...
    async def take(self, key: str, weight: int, policy: Any, /) -> Verdict: ...
    def give_back(self, key: str, policy: Any, /) -> None: ...


class Call:
    """One permission to ask. What becomes of it is set by its user; one that is not made costs nothing."""

    __slots__ = ("answered", "failed", "made")

    def __init__(self) -> None:
        self.made = False
        self.answered = False
        self.failed = False


class CallBudget:
    """Anonymous callers together have a part of the whole only, so that they cannot use it up for the others."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._asking: dict[str, int] = {}
        self._paused: BoundedMapping[str, float] = BoundedMapping(MAX_PAUSED)
        self._failed: set[str] = set()
        self._silent_until = 0.0

    @asynccontextmanager
    async def call(self, caller: str, *, anonymous: bool) -> AsyncIterator[Call | None]:
        """None where this caller may not ask now."""
        if (reason := self._obstacle(caller)) is not None:
            SECOND_OPINIONS.labels(reason).inc()
            yield None
            return
        self._asking[caller] = self._asking.get(caller, 0) + 1
        try:
            taken = await self._take(caller, anonymous=anonymous)
            if taken is None:
                SECOND_OPINIONS.labels("over budget").inc()
                yield None
                return
            call = Call()
            try:
                yield call
            finally:
                if not call.made:
                    self._give_back(taken)
                elif call.failed:
                    self._note_failure(caller)
                elif call.answered:  # neither, where the caller has left meanwhile
                    self._failed.clear()
        finally:
            self._leave(caller)

    def _obstacle(self, caller: str) -> str | None:
        now = monotonic()
        if now < self._silent_until or now < self._paused.get(caller, 0.0):
            return "paused"
        busy = sum(self._asking.values()) >= AT_ONCE or self._asking.get(caller, 0) >= AT_ONCE_PER_CALLER
        return "busy" if busy else None

    async def _take(self, caller: str, *, anonymous: bool) -> list[tuple[str, Any]] | None:
        limiter = self._limiter
        budgets = [(f"language-model:{caller}", limiter.model_caller)]
        if anonymous:
            budgets.append(("language-model anonymous", limiter.model_anonymous))
        budgets.append(("language-model", limiter.model_calls))
        taken: list[tuple[str, Any]] = []
        for key, policy in budgets:
            if not (await limiter.take(key, 1, policy)).allowed:
                self._give_back(taken)
                return None
            taken.append((key, policy))
        return taken

    def _give_back(self, taken: list[tuple[str, Any]]) -> None:
        for key, policy in taken:
            self._limiter.give_back(key, policy)

    def _note_failure(self, caller: str) -> None:
        until = monotonic() + PAUSE
        self._paused[caller] = until
        self._failed.add(caller)
        if len(self._failed) >= CALLERS_FAILED:
            self._failed.clear()
            self._silent_until = until

    def _leave(self, caller: str) -> None:
        self._asking[caller] -= 1
        if not self._asking[caller]:
            del self._asking[caller]
